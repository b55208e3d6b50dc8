//! `enishi zone`: hosted zones as BIND's zone files.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Endpoint;
use super::output::Output;

/// Arguments of `zone`.
#[derive(Debug, Args)]
pub struct ZoneArgs {
    #[command(subcommand)]
    command: ZoneCommand,
}

#[derive(Debug, Subcommand)]
enum ZoneCommand {
    /// Write a hosted zone as a zone file
    ///
    /// Aliases and record sets with a routing policy have no form in zone files: they are comments.
    Export {
        /// The zone: its id or its domain
        zone: String,
        /// Where to write it [default: print it]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Make a hosted zone's records those of a zone file
    ///
    /// All of it is one ChangeResourceRecordSets: everything is changed or nothing. The zone's own SOA and NS stay as they are.
    Import {
        /// The zone: its id or its domain
        zone: String,
        /// The zone file
        file: PathBuf,
        /// Delete the records that the file does not have
        #[arg(long)]
        replace: bool,
    },
}

/// Exports or imports a zone.
pub fn zone(endpoint: &Endpoint, args: &ZoneArgs, output: Output) -> anyhow::Result<ExitCode> {
    match &args.command {
        ZoneCommand::Export { zone, output: file } => {
            export(endpoint, zone, file.as_ref(), output)?;
        }
        ZoneCommand::Import { zone, file, replace } => import(endpoint, zone, file, *replace, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn export(endpoint: &Endpoint, zone: &str, to: Option<&PathBuf>, output: Output) -> anyhow::Result<()> {
    let answer = endpoint.ask("/_enishi/zone", &[("zone", zone)])?;
    let file = answer["file"].as_str().unwrap_or_default();
    let comments = answer["comments"].as_u64().unwrap_or_default();
    if comments > 0 {
        output.progress(&format!(
            "{comments} record sets are comments: aliases and routing policies have no form in zone files"
        ));
    }
    match to {
        None => output.print(file.trim_end(), &answer)?,
        Some(path) => {
            std::fs::write(path, file).with_context(|| format!("cannot write {}", path.display()))?;
            let sets = answer["record_sets"].as_u64().unwrap_or_default();
            output.print(&format!("{sets} record sets of {} written", text(&answer, "name")), &answer)?;
        }
    }
    Ok(())
}

fn import(
    endpoint: &Endpoint,
    zone: &str,
    file: &PathBuf,
    replace: bool,
    output: Output,
) -> anyhow::Result<()> {
    let body = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let replace = if replace { "true" } else { "false" };
    let query = [("zone", zone), ("replace", replace)];
    let answer =
        endpoint.tell_with("/_enishi/zone", &query, &body).with_context(|| file.display().to_string())?;
    let kinds = ["created", "changed", "deleted", "unchanged"];
    let counts: Vec<String> =
        kinds.iter().map(|kind| format!("{} {kind}", answer[*kind].as_u64().unwrap_or_default())).collect();
    let mut said = format!("{}: {}", text(&answer, "name"), counts.join(", "));
    if answer["own"].as_u64().unwrap_or_default() > 0 {
        said.push_str("; the zone keeps its own SOA and NS");
    }
    output.print(&said, &answer)?;
    Ok(())
}

fn text<'v>(answer: &'v Value, member: &str) -> &'v str {
    answer[member].as_str().unwrap_or_default()
}
