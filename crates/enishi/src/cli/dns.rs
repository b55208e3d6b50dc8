//! `enishi dns`: what a name is answered with, and why.

use std::process::ExitCode;

use clap::Args;

use super::client::Endpoint;
use super::output::Output;

/// Exit status when there is no such name, or it has no records of the type.
const NOTHING: u8 = 3;

/// Arguments of `dns`.
#[derive(Debug, Args)]
pub struct DnsArgs {
    /// The name to look up
    name: String,
    /// The type of records: A, AAAA, CNAME, MX, TXT, …
    #[arg(value_name = "TYPE", default_value = "A")]
    record_type: String,
    /// Who asks: a region, an address, or an instance by id or Name tag [default: a program on this machine]
    #[arg(long, value_name = "REGION|IP|INSTANCE")]
    from: Option<String>,
}

/// Asks the daemon, and prints the answer with its reasons.
pub fn dns(endpoint: &Endpoint, args: &DnsArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut query = vec![("name", args.name.as_str()), ("type", &args.record_type)];
    query.extend(args.from.as_deref().map(|from| ("from", from)));
    let mut answer = endpoint.ask("/_enishi/dns", &query)?;
    let text = answer["text"].as_str().unwrap_or_default().to_owned();
    if let Some(members) = answer.as_object_mut() {
        members.remove("text");
    }
    output.print(&text, &answer)?;
    let answered = answer["answered"].as_bool().unwrap_or_default();
    Ok(if answered { ExitCode::SUCCESS } else { ExitCode::from(NOTHING) })
}
