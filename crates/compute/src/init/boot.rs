//! The files that a boot writes, as cloud-init and the DHCP client do on EC2.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::protocol::LaunchSpec;
use crate::rootfs::Entered;

/// Where cloud-init keeps a user data script.
const SCRIPT: &str = "/var/lib/cloud/instance/scripts/part-001";
/// Who may log in with the key pair: root, and Amazon Linux's default user where the image has it.
const LOGINS: [&str; 2] = ["root", "ec2-user"];

/// Writes them; returns a line for each that could not be written. The resolver's file is the network's and written at every
/// boot, the others are the instance's from its first boot on.
pub(super) fn write_files(spec: &LaunchSpec, root: Entered) -> Vec<String> {
    let mut problems = Vec::new();
    let mut note = |what: &str, outcome: io::Result<()>| {
        if let Err(error) = outcome {
            problems.push(format!("{what}: {error}"));
        }
    };
    note("/etc/resolv.conf", replace("/etc/resolv.conf", &spec.resolv_conf, 0o644));
    // Part of what sshd's privilege separation expects, on a fresh tmpfs.
    note("/run/sshd", make_directory(Path::new("/run/sshd"), 0o755));
    note("/run/lock", make_directory(Path::new("/run/lock"), 0o1777));
    if spec.first_boot || root.fresh {
        note("/etc/hostname", replace("/etc/hostname", &format!("{}\n", spec.hostname), 0o644));
        note("/etc/hosts", replace("/etc/hosts", &spec.hosts, 0o644));
        let keys: String = spec.authorized_keys.iter().map(|key| format!("{}\n", key.trim_end())).collect();
        for login in logins() {
            note(&format!("authorized_keys of {}", login.name), authorize(&login, &keys));
        }
    }
    problems
}

/// Stores user data that is a script, and returns its path.
///
/// # Errors
/// With a sentence for the console when it is something else.
pub(super) fn store_user_data(data: &[u8]) -> Result<&'static str, String> {
    if !data.starts_with(b"#!") {
        let kind = match data {
            [b'#', b'c', b'l', b'o', b'u', b'd', b'-', b'c', b'o', b'n', b'f', b'i', b'g', ..] => {
                "#cloud-config"
            }
            [0x1f, 0x8b, ..] => "compressed data",
            _ => "data without #!",
        };
        return Err(format!("{kind} is not run, only scripts that start with #! are"));
    }
    let store = || {
        let script = Path::new(SCRIPT);
        if let Some(directory) = script.parent() {
            fs::create_dir_all(directory)?;
        }
        write(script, data, 0o700)
    };
    store().map(|()| SCRIPT).map_err(|error| error.to_string())
}

/// Replaces a file, also where it is a symbolic link (as `/etc/resolv.conf` often is).
fn replace(path: &str, content: &str, mode: u32) -> io::Result<()> {
    write(Path::new(path), content.as_bytes(), mode)
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// An account of the instance.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    name: String,
    uid: u32,
    gid: u32,
    home: PathBuf,
}

fn logins() -> Vec<Login> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd.lines().filter_map(parse_login).filter(|login| LOGINS.contains(&login.name.as_str())).collect()
}

/// A line of passwd(5).
fn parse_login(line: &str) -> Option<Login> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = PathBuf::from(fields.nth(1)?);
    home.is_absolute().then_some(Login { name, uid, gid, home })
}

/// Lets the key pair, and nobody else, log in.
fn authorize(login: &Login, keys: &str) -> io::Result<()> {
    fs::create_dir_all(&login.home)?;
    let directory = login.home.join(".ssh");
    make_directory(&directory, 0o700)?;
    let file = directory.join("authorized_keys");
    write(&file, keys.as_bytes(), 0o600)?;
    for path in [&directory, &file] {
        chown(path, Some(login.uid), Some(login.gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_passwd() {
        let login = parse_login("ec2-user:x:1000:1001:EC2 Default User:/home/ec2-user:/bin/bash").unwrap();
        assert_eq!((login.uid, login.gid, login.home), (1000, 1001, PathBuf::from("/home/ec2-user")));
        assert_eq!(parse_login("broken:x:1"), None);
        assert_eq!(parse_login("x:x:0:0::relative:/bin/sh"), None);
    }

    #[test]
    fn user_data_that_is_no_script_is_named() {
        assert!(
            store_user_data(b"#cloud-config\nruncmd: []")
                .unwrap_err()
                .starts_with("#cloud-config is not run")
        );
        assert!(store_user_data(&[0x1f, 0x8b, 8]).unwrap_err().starts_with("compressed"));
        assert!(store_user_data(b"hello").unwrap_err().contains("#!"));
    }
}
