//! `enishi tour`: the two-tier example, through the public API of a daemon, with real packets.
//!
//! ```text
//! internet ── igw ── public subnet: web (Elastic IP), NAT gateway
//!                    private subnet: app
//! ```
//! Nothing here knows more than a user does: resources are made with EC2's Query API, servers are started by user data,
//! packets are sent with `exec`.

mod aws;
mod network;

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::client::Endpoint;
use super::output::Output;
use aws::Aws;
use network::Network;

/// Arguments of `tour`.
#[derive(Debug, Args)]
pub struct TourArgs {
    /// Leave the example in place, to look around in it
    #[arg(long)]
    keep: bool,
}

/// A packet that was sent.
#[derive(Debug, Serialize)]
struct Visit {
    /// Who, whom, and what is special about it.
    what: String,
    /// Whether it should arrive, as AWS's documentation has it.
    expected: bool,
    /// Whether it did.
    reached: bool,
    /// What the receiver said.
    #[serde(skip_serializing_if = "String::is_empty")]
    answer: String,
}

impl Visit {
    fn is_right(&self) -> bool {
        self.expected == self.reached
    }
}

/// Builds the example, sends the packets, prints who reaches whom. Exit status 1 if any was a surprise.
pub fn tour(endpoint: &Endpoint, args: &TourArgs, output: Output) -> anyhow::Result<ExitCode> {
    let own = if endpoint.ask("/_enishi/status", &[]).is_ok() {
        None
    } else {
        ensure!(!args.keep, "--keep needs a daemon that stays; `enishi up --detach` starts one");
        output.progress("no daemon answers; starting one for the tour …");
        Some(OwnDaemon::start()?)
    };
    let endpoint = own.as_ref().map_or(endpoint, |own| &own.endpoint);
    let result = visits(endpoint, args, output);
    let ended = own.map_or(Ok(()), OwnDaemon::stop);
    let visits = result?;
    ended?;
    let right = visits.iter().all(Visit::is_right);
    output.print(&table(&visits), &json!({ "as_expected": right, "visits": visits }))?;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn visits(endpoint: &Endpoint, args: &TourArgs, output: Output) -> anyhow::Result<Vec<Visit>> {
    let aws = Aws::new(endpoint);
    let mut network = Network::default();
    let built = network.build(&aws, output).and_then(|()| network.visit(&aws, endpoint, output));
    if args.keep && built.is_ok() {
        output.progress("the example stays; `enishi show` shows it");
        return built;
    }
    output.progress("taking the example down …");
    let removed = network.remove(&aws).context("the example could not be taken down");
    let visits = built?;
    removed?;
    Ok(visits)
}

fn table(visits: &[Visit]) -> String {
    let width = visits.iter().map(|visit| visit.what.chars().count()).max().unwrap_or_default();
    let mut lines: Vec<String> = visits
        .iter()
        .map(|visit| {
            let reached = if visit.reached { "reached" } else { "blocked" };
            let surprise = if visit.is_right() { "" } else { "  (not as AWS does it!)" };
            let answer = if visit.answer.is_empty() { String::new() } else { format!("  {}", visit.answer) };
            format!("{:<width$}  {reached}{answer}{surprise}", visit.what)
        })
        .collect();
    let right = visits.iter().filter(|visit| visit.is_right()).count();
    lines.push(format!("{right} of {} as on AWS", visits.len()));
    lines.join("\n")
}

/// A daemon for the tour alone.
#[derive(Debug)]
struct OwnDaemon {
    endpoint: Endpoint,
    directory: std::path::PathBuf,
}

impl OwnDaemon {
    fn start() -> anyhow::Result<Self> {
        let directory = std::env::temp_dir().join(format!("enishi-tour-{}", std::process::id()));
        let args = super::UpArgs {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            dns: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0))),
            delegate: Vec::new(),
            host_dns: false,
            places: crate::daemon::PlaceFiles::default(),
            data: super::DataDirArgs { data_dir: Some(directory.clone()) },
            detach: true,
            auth: crate::daemon::Auth::Open,
            access_keys: Vec::new(),
            session: false,
        };
        let listen = super::up::detach(&args, &directory)?;
        Ok(OwnDaemon { endpoint: Endpoint::at(listen), directory })
    }

    fn stop(self) -> anyhow::Result<()> {
        super::up::end(&self.endpoint, &self.directory)?;
        std::fs::remove_dir_all(&self.directory)
            .with_context(|| format!("cannot remove {}", self.directory.display()))
    }
}
