//! `enishi doctor`: what this machine can do.

use std::path::Path;
use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit};
use serde::Serialize;
use serde_json::json;

use super::client::Endpoint;
use super::output::Output;
use crate::daemon::DataDir;

/// Open files below which many connections are refused.
const MANY_FILES: u64 = 12_000;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    ok: bool,
    detail: String,
    /// Whether nothing works without it.
    needed: bool,
    /// What its absence costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
}

/// Looks at the machine. Exit status 1 if something that is needed is missing.
pub fn doctor(endpoint: &Endpoint, data_dir: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let mut findings = vec![daemon(endpoint), owner(data_dir), open_files()];
    findings.extend(enishi_compute::probe::all(data_dir).into_iter().map(|probe| Finding {
        name: probe.name.to_string(),
        ok: probe.ok,
        detail: probe.detail,
        needed: probe.needed,
        cost: (!probe.ok).then_some(probe.cost),
    }));
    let text: Vec<String> = findings.iter().map(line).collect();
    let healthy = findings.iter().all(|finding| finding.ok || !finding.needed);
    output.print(&text.join("\n"), &json!({ "healthy": healthy, "findings": findings }))?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(finding: &Finding) -> String {
    let mark = match (finding.ok, finding.needed) {
        (true, _) => "ok     ",
        (false, true) => "needed ",
        (false, false) => "missing",
    };
    let mut text = format!("{mark}  {:<24}  {}", finding.name, finding.detail);
    if let Some(cost) = &finding.cost {
        text.push_str(&format!("\n         {:<24}  {cost}", ""));
    }
    text
}

fn daemon(endpoint: &Endpoint) -> Finding {
    let name = "daemon".to_owned();
    match endpoint.ask("/_enishi/status", &[]) {
        Ok(status) => {
            let errors = status["network_errors"].as_array().map_or(0, Vec::len);
            let ok = errors == 0 && status["failure"].is_null();
            let detail = format!(
                "process {} answers at {endpoint}, {}",
                status["pid"],
                status["mode"].as_str().unwrap_or_default()
            );
            let cost = (!ok).then(|| "`enishi status` says what it could not do".to_owned());
            Finding { name, ok, detail, needed: true, cost }
        }
        Err(_) => Finding {
            name,
            ok: true,
            needed: false,
            detail: format!("none answers at {endpoint}; `enishi up` starts one"),
            cost: None,
        },
    }
}

fn owner(data_dir: &Path) -> Finding {
    let detail = match DataDir::owner(data_dir) {
        Some(pid) => format!("{} is in use by process {pid}", data_dir.display()),
        None => format!("{} is free", data_dir.display()),
    };
    Finding { name: "data directory".to_owned(), ok: true, detail, needed: false, cost: None }
}

fn open_files() -> Finding {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
    let ok = most >= MANY_FILES;
    let cost = (!ok).then(|| "fewer connections at the same time; `ulimit -Hn` raises it".to_owned());
    Finding { name: "open files".to_owned(), ok, detail: format!("at most {most}"), needed: false, cost }
}
