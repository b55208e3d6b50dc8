//! The command line. One module per command that does more than ask the daemon a question.

mod client;
mod dns;
mod doctor;
mod exec;
mod mail;
mod names;
mod output;
mod terminal;
mod tour;
mod up;
mod zone;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use serde_json::Value;

use crate::daemon::{Auth, DataDir, PlaceFiles};
use client::Endpoint;
use output::{Output, Shown};

/// Exit status of a command that could not do what it was asked.
const FAILED: u8 = 1;

/// Exit status of a command line that says nothing, as of one that cannot be understood.
const USAGE: u8 = 2;

/// Exit status of `enishi trace` when the packet does not pass.
const BLOCKED: u8 = 3;

const ABOUT: &str = "An AWS-compatible network cloud on your machine, whose packets are real.";

const EXAMPLES: &str = "\
First steps:
  enishi up --detach            start the daemon
  eval \"$(enishi env)\"          point the AWS CLI, SDKs and Terraform at it
  aws ec2 create-vpc --cidr-block 10.0.0.0/16
  enishi tour                   or let it build an example and send packets through it";

/// An AWS-compatible network cloud.
#[derive(Debug, Parser)]
#[command(name = "enishi", version, about = ABOUT, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Where the daemon answers
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ENISHI_ENDPOINT",
        default_value = "http://127.0.0.1:4566"
    )]
    endpoint: Endpoint,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the daemon
    ///
    /// Ctrl-C and `enishi down` end everything. SIGTERM, like a crash, ends the daemon alone: instances and their network
    /// go on, and the next `enishi up` takes them over.
    Up(UpArgs),
    /// End the daemon, every instance and the network
    ///
    /// What was created stays on disk: the next `enishi up` starts the instances again.
    Down(DataDirArgs),
    /// Print the environment that points AWS clients at the daemon
    ///
    /// Use it as: eval "$(enishi env)"
    Env,
    /// Run a command in an instance, or on the internet
    ///
    /// The command gets this terminal, and its exit status becomes ours; 125 means that it could not be started. On the
    /// internet, in a VPC's router or in a NAT gateway it runs on the host's files, in that network. With --json, what it
    /// prints is collected.
    Exec(exec::ExecArgs),
    /// Show a packet's way, hop by hop, with the rule that decides
    ///
    /// Exit status 0: it passes, and so does the answer. 3: it does not.
    Trace(TraceArgs),
    /// Show what a name is answered with, and why
    ///
    /// Exit status 0: there is an answer. 3: the name does not exist, or has no records of the type.
    Dns(dns::DnsArgs),
    /// Hosted zones as zone files
    Zone(zone::ZoneArgs),
    /// Show what there is
    Show(ShowArgs),
    /// Print the certificate of the local certificate authority, which signs what ACM issues
    ///
    /// Use it as: enishi ca >ca.pem; curl --cacert ca.pem https://...
    Ca,
    /// Read the domain registrar's mail, and follow the link in it
    Mail(mail::MailArgs),
    /// Show how the daemon is
    Status,
    /// Check what this machine can do, and say what is missing and what that costs
    ///
    /// Exit status 1 if nothing works without what is missing.
    Doctor(DataDirArgs),
    /// Remove every resource of every account
    Reset,
    /// Build a two-tier example, send packets through it, print who reaches whom
    Tour(tour::TourArgs),
    /// The process that keeps namespaces and instances; started by the daemon
    #[command(hide = true)]
    Keeper(KeeperArgs),
}

/// Arguments of `up`.
#[derive(Debug, Clone, Args)]
struct UpArgs {
    /// Address and port to listen on; port 0 takes a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:4566", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Address and port to answer DNS on [default: 127.0.0.1:5353, if it is free]
    #[arg(long, value_name = "ADDRESS")]
    dns: Option<SocketAddr>,
    /// A domain that the registry delegates to its public hosted zone although nobody registered it here, or `all`; may be
    /// repeated
    #[arg(long, value_name = "DOMAIN")]
    delegate: Vec<names::Delegated>,
    /// Let VPC resolvers ask this machine's name servers for what the simulated internet does not have
    #[arg(long)]
    host_dns: bool,
    #[command(flatten)]
    places: PlaceFiles,
    #[command(flatten)]
    data: DataDirArgs,
    /// Return as soon as the daemon answers, and let it run on
    #[arg(long)]
    detach: bool,
    /// Whom to believe: `open` takes any access key, `strict` checks every signature
    #[arg(long, value_enum, default_value = "open")]
    auth: Auth,
    /// An access key that `--auth strict` accepts, as ID:SECRET; may be repeated [default: test:test]
    #[arg(
        long = "access-key",
        value_name = "ID:SECRET",
        env = "ENISHI_ACCESS_KEYS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    access_keys: Vec<up::AccessKey>,
    /// The detached daemon itself
    #[arg(long, hide = true)]
    session: bool,
}

/// Where the data is.
#[derive(Debug, Clone, Args)]
struct DataDirArgs {
    /// Where everything is kept [default: /var/lib/enishi for root, else $XDG_DATA_HOME/enishi]
    #[arg(long, value_name = "DIR", env = "ENISHI_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDirArgs {
    fn path(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(DataDir::default_path)
    }
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
struct TraceArgs {
    /// Who sends: an instance id, a Name tag, `internet` or an address
    from: String,
    /// Who should receive: the same
    to: String,
    /// What is sent: tcp/443, udp/53, icmp, or a protocol number
    #[arg(value_name = "PROTO/PORT")]
    traffic: String,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
struct ShowArgs {
    /// A kind (vpcs, subnets, instances, …), an id, a Name tag of an instance, or `program`
    resource: Option<String>,
}

/// Arguments of `keeper`.
#[derive(Debug, Args)]
struct KeeperArgs {
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    data_dir: PathBuf,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        // Clap itself counts what the environment says as arguments.
        let _ = Cli::command().print_help();
        return ExitCode::from(USAGE);
    }
    let cli = Cli::parse();
    let output = Output::new(cli.common.json);
    match run(cli, output) {
        Ok(status) => status,
        Err(error) => {
            output.failed(&error);
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: Cli, output: Output) -> anyhow::Result<ExitCode> {
    let endpoint = cli.common.endpoint;
    match cli.command {
        Command::Up(args) => up::up(&args, output),
        Command::Down(args) => up::down(&endpoint, &args.path(), output),
        Command::Env => env(&endpoint, output),
        Command::Exec(args) => Ok(exec::exec(&endpoint, &args, output)),
        Command::Trace(args) => trace(&endpoint, &args, output),
        Command::Dns(args) => dns::dns(&endpoint, &args, output),
        Command::Zone(args) => zone::zone(&endpoint, &args, output),
        Command::Show(args) => show(&endpoint, &args, output),
        Command::Ca => ca(&endpoint, output),
        Command::Mail(args) => mail::mail(&endpoint, &args, output),
        Command::Status => status(&endpoint, output),
        Command::Doctor(args) => doctor::doctor(&endpoint, &args.path(), output),
        Command::Reset => reset(&endpoint, output),
        Command::Tour(args) => tour::tour(&endpoint, &args, output),
        Command::Keeper(args) => enishi_compute::keeper::main(enishi_compute::keeper::Options {
            socket: args.socket,
            data_dir: args.data_dir,
            hidden: Vec::new(),
        }),
    }
}

fn env(endpoint: &Endpoint, output: Output) -> anyhow::Result<ExitCode> {
    let region = std::env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.to_string()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_DEFAULT_REGION", region),
        ("ENISHI_ENDPOINT", endpoint.to_string()),
    ];
    let data: Value = variables.iter().map(|(name, value)| (*name, Value::from(value.as_str()))).collect();
    let text: Vec<String> =
        variables.iter().map(|(name, value)| format!("export {name}={}", quoted(value))).collect();
    output.print(&text.join("\n"), &data)?;
    Ok(ExitCode::SUCCESS)
}

/// The value as a shell reads it.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@[]".contains(&byte);
    if value.bytes().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

fn trace(endpoint: &Endpoint, args: &TraceArgs, output: Output) -> anyhow::Result<ExitCode> {
    let query = [("from", args.from.as_str()), ("to", &args.to), ("traffic", &args.traffic)];
    let answer = endpoint.ask("/_enishi/trace", &query)?;
    let passes = answer["passes"].as_bool().unwrap_or(false);
    output.print(answer["text"].as_str().unwrap_or_default(), &answer)?;
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::from(BLOCKED) })
}

fn show(endpoint: &Endpoint, args: &ShowArgs, output: Output) -> anyhow::Result<ExitCode> {
    let query: Vec<(&str, &str)> =
        args.resource.iter().map(|resource| ("resource", resource.as_str())).collect();
    let shown: Shown = serde_json::from_value(endpoint.ask("/_enishi/show", &query)?)?;
    output.print(&shown.text, &shown.data)?;
    Ok(ExitCode::SUCCESS)
}

fn ca(endpoint: &Endpoint, output: Output) -> anyhow::Result<ExitCode> {
    let answer = endpoint.ask("/_enishi/ca", &[])?;
    output.print(answer["certificate"].as_str().unwrap_or_default().trim_end(), &answer)?;
    Ok(ExitCode::SUCCESS)
}

fn status(endpoint: &Endpoint, output: Output) -> anyhow::Result<ExitCode> {
    let answer = endpoint.ask("/_enishi/status", &[])?;
    output.print(&output::table(&answer), &answer)?;
    Ok(ExitCode::SUCCESS)
}

fn reset(endpoint: &Endpoint, output: Output) -> anyhow::Result<ExitCode> {
    let answer = endpoint.tell("/_enishi/reset")?;
    output.print("everything is gone", &answer)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_quoted_for_the_shell() {
        assert_eq!(super::quoted("http://127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(super::quoted("a b'c"), r"'a b'\''c'");
    }
}
