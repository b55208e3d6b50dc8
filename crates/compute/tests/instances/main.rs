//! Instances with real namespaces, as root and as an ordinary user.
//!
//! The keeper forks and user namespaces are entered, both of which need a process with one thread: so this test has its own
//! small harness instead of the standard one. The same binary is the keeper (`keeper SOCKET DATA_DIR`) and, started again as
//! another user, the rootless half of the tests.
//!
//! Nothing is skipped. Run as root, each case runs as root and as a user; run as a user, only as that user.

mod boot;
mod commands;
mod lab;
mod life;
mod safety;

use std::os::unix::process::CommandExt;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use enishi_compute::{keeper, userns};
use lab::Lab;

/// A case, given a lab of its own.
type Case = fn(&mut Lab);

/// A user without a name, files or subordinate ids.
const SOMEBODY: u32 = 61_234;

const CASES: &[(&str, Case)] = &[
    ("commands::report_their_exit_status", commands::report_their_exit_status),
    ("commands::get_the_streams_of_the_client", commands::get_the_streams_of_the_client),
    ("commands::get_a_terminal", commands::get_a_terminal),
    ("commands::run_in_a_bare_namespace", commands::run_in_a_bare_namespace),
    ("commands::end_with_their_client", commands::end_with_their_client),
    ("boot::runs_user_data_once", boot::runs_user_data_once),
    ("boot::names_user_data_that_it_does_not_run", boot::names_user_data_that_it_does_not_run),
    ("boot::writes_the_files_of_an_instance", boot::writes_the_files_of_an_instance),
    ("boot::from_a_directory", boot::from_a_directory),
    ("boot::serves_ssh", boot::serves_ssh),
    ("life::files_survive_stop_and_end_with_terminate", life::files_survive_stop_and_end_with_terminate),
    ("life::goes_on_without_clients", life::goes_on_without_clients),
    ("life::reboots", life::reboots),
    ("life::can_be_ended_from_inside", life::can_be_ended_from_inside),
    ("life::a_stop_is_enforced", life::a_stop_is_enforced),
    ("life::requests_that_make_no_sense_are_refused", life::requests_that_make_no_sense_are_refused),
    ("life::a_failed_launch_leaves_nothing", life::a_failed_launch_leaves_nothing),
    ("life::two_hundred_at_once", life::two_hundred_at_once),
    ("boot::passes_the_doctor", boot::passes_the_doctor),
    ("boot::shows_what_is_mounted_below_root", boot::shows_what_is_mounted_below_root),
    ("safety::instances_are_apart", safety::instances_are_apart),
    ("safety::the_kernel_is_out_of_reach", safety::the_kernel_is_out_of_reach),
    ("safety::an_instance_owns_its_network", safety::an_instance_owns_its_network),
    ("safety::an_instance_owns_no_other_network", safety::an_instance_owns_no_other_network),
    ("safety::strangers_are_turned_away", safety::strangers_are_turned_away),
    ("safety::nonsense_ends_the_connection", safety::nonsense_ends_the_connection),
    ("safety::instances_share_the_processors", safety::instances_share_the_processors),
    ("safety::shutdown_leaves_nothing", safety::shutdown_leaves_nothing),
    ("safety::nothing_survives_the_keeper", safety::nothing_survives_the_keeper),
    ("safety::a_later_daemon_joins_the_keeper", safety::a_later_daemon_joins_the_keeper),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["keeper", socket, data_dir] => keeper::main(keeper::Options {
            socket: PathBuf::from(socket),
            data_dir: PathBuf::from(data_dir),
            hidden: Vec::new(),
        }),
        ["case", name] => run_case(name),
        ["doctor", data_dir] => lab::doctor_says(data_dir),
        ["join", socket] => lab::join_and_say(socket),
        ["connect", socket] => lab::connect_and_say(socket),
        rest => run_all(rest),
    }
}

/// One case, in a process of its own: entering a user namespace cannot be undone.
fn run_case(name: &str) -> ExitCode {
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else { return ExitCode::FAILURE };
    let outcome = catch_unwind(|| {
        let mut lab = Lab::open();
        case(&mut lab);
        lab.close();
    });
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The arguments of `cargo test` that matter: `--list`, `--exact` and parts of names.
fn run_all(arguments: &[&str]) -> ExitCode {
    let is_root = nix::unistd::geteuid().is_root();
    let modes: &[&str] = if is_root { &["root", "user"] } else { &["user"] };
    let names = modes.iter().flat_map(|mode| CASES.iter().map(move |(name, _)| (*mode, *name)));
    let exact = arguments.contains(&"--exact");
    let filters: Vec<&str> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).copied().collect();
    let wanted = |full: &str| {
        filters.is_empty() || filters.iter().any(|f| if exact { full == *f } else { full.contains(f) })
    };
    let chosen: Vec<_> = names.filter(|(mode, name)| wanted(&format!("{mode}::{name}"))).collect();
    if arguments.contains(&"--list") {
        if !arguments.contains(&"--ignored") {
            chosen.iter().for_each(|(mode, name)| println!("{mode}::{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    // A user may be unable to enter the directory that we were built in.
    let copy = tempfile::Builder::new().prefix("enishi-test-").tempdir().expect("make a directory");
    let program = lab::copy_program(copy.path());
    let mut failed = Vec::new();
    for (mode, name) in &chosen {
        let mut command = Command::new(&program);
        command.args(["case", name]).current_dir("/");
        if is_root && *mode == "user" {
            command.uid(SOMEBODY).gid(SOMEBODY);
        }
        let success = command.status().is_ok_and(|status| status.success());
        println!("test {mode}::{name} ... {}", if success { "ok" } else { "FAILED" });
        if !success {
            failed.push(format!("{mode}::{name}"));
        }
    }
    println!(
        "\ntest result: {}. {} passed; {} failed",
        if failed.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failed.len(),
        failed.len()
    );
    failed.iter().for_each(|name| println!("    {name}"));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Rootless, or as root, as the process stands.
fn enter(socket: &std::path::Path) -> userns::Mode {
    userns::enter_or_create(socket).expect("user namespaces are needed for these tests")
}
