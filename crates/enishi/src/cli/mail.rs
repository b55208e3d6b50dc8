//! `enishi mail`: the registrar's mail, which never leaves this machine.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Endpoint;
use super::output::{Output, Shown};

/// Arguments of `mail`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct MailArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// A mail's id, or a domain for the newest mail about it; without one, all mail is listed
    id: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Follow the link in a verification mail
    Confirm {
        /// The mail's id, or the domain that it is about
        id: String,
    },
}

/// Lists mail, prints one, or follows its link.
pub fn mail(endpoint: &Endpoint, args: &MailArgs, output: Output) -> anyhow::Result<ExitCode> {
    let answer = match (&args.action, &args.id) {
        (Some(Action::Confirm { id }), _) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("id", id).finish();
            endpoint.tell(&format!("/_enishi/mail/confirm?{query}"))?
        }
        (None, Some(id)) => endpoint.ask("/_enishi/mail", &[("id", id)])?,
        (None, None) => endpoint.ask("/_enishi/mail", &[])?,
    };
    let shown: Shown = serde_json::from_value(answer)?;
    output.print(&shown.text, &shown.data)?;
    Ok(ExitCode::SUCCESS)
}
