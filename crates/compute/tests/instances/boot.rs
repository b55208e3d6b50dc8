//! What an instance does when it boots.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use enishi_compute::{Client, Event, LaunchSpec, Owner, RootFs};

use crate::lab::Lab;

pub fn runs_user_data_once(lab: &mut Lab) {
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let script = "#!/bin/sh\necho \"id $(id -u) on $(hostname) with $GREETING\"\necho oops >&2\necho x >> ~/ran\nexit 3\n";
    let mut spec = LaunchSpec { user_data: script.into(), ..lab.spec("a", "ns") };
    spec.env.insert("GREETING".into(), "hello".into());
    lab.client.subscribe().expect("subscribe");
    lab.client.launch(&spec).expect("launch");
    let console = lab.console_says("a", "user data ended with status 3");
    assert!(console.contains("id 0 on host-a with hello\n"), "{console}");
    assert!(console.contains("oops\n"), "{console}");
    lab.client.stop("a", Duration::from_secs(30)).expect("stop");
    lab.event(|event| matches!(event, Event::InstanceExited { .. }).then_some(()));
    spec.first_boot = false;
    lab.client.launch(&spec).expect("launch again");
    assert_eq!(lab.ask("a", "cat ~/ran"), "x");
    assert_eq!(lab.console("a").matches("user data starts").count(), 1);
}

pub fn names_user_data_that_it_does_not_run(lab: &mut Lab) {
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let spec = LaunchSpec { user_data: b"#cloud-config\nruncmd: [true]\n".to_vec(), ..lab.spec("a", "ns") };
    lab.client.launch(&spec).expect("launch");
    lab.console_says("a", "user data: #cloud-config is not run");
}

pub fn writes_the_files_of_an_instance(lab: &mut Lab) {
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let spec = LaunchSpec {
        authorized_keys: vec!["ssh-ed25519 AAAA me".into()],
        hosts: "127.0.0.1 localhost\n10.0.0.4 host-a\n".into(),
        ..lab.spec("a", "ns")
    };
    lab.client.launch(&spec).expect("launch");
    lab.console_says("a", "boots");
    let says = |lab: &mut Lab, path: &str| {
        crate::lab::eventually(|| Some(lab.sh("a", &format!("cat {path}"))).filter(|out| out.status == 0))
            .map(|out| out.stdout)
    };
    // The last of them.
    assert_eq!(says(lab, "~/.ssh/authorized_keys").as_deref(), Some("ssh-ed25519 AAAA me\n"));
    assert_eq!(says(lab, "/etc/hosts"), Some(spec.hosts.clone()));
    assert_eq!(says(lab, "/etc/resolv.conf"), Some(spec.resolv_conf.clone()));
    assert_eq!(says(lab, "/etc/hostname").as_deref(), Some("host-a\n"));
    assert_eq!(lab.ask("a", "stat -c '%a %U' ~/.ssh ~/.ssh/authorized_keys"), "700 root\n600 root");
    let console = lab.console("a");
    assert!(!console.contains("denied") && !console.contains("error"), "{console}");
}

pub fn from_a_directory(lab: &mut Lab) {
    // The smallest image: the host's programs by links, everything else its own.
    let image = lab.directory.path().join("image");
    for directory in ["etc", "root", "opt"] {
        fs::create_dir_all(image.join(directory)).expect("make the image");
    }
    fs::write(image.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").expect("make the image");
    copy_with_libraries("/bin/sh", &image);
    copy_with_libraries("/bin/cat", &image);
    fs::write(image.join("opt/release"), "of the image\n").expect("make the image");
    symlink("/etc", image.join("dev")).expect("make the image");
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let spec = LaunchSpec { root: RootFs::Directory(image.clone()), ..lab.spec("a", "ns") };
    lab.client.launch(&spec).expect("launch");
    assert_eq!(
        lab.ask("a", "cat /opt/release; echo changed > /opt/release; cat /opt/release"),
        "of the image\nchanged"
    );
    assert_eq!(fs::read_to_string(image.join("opt/release")).expect("the image"), "of the image\n");
    assert_eq!(lab.sh("a", "test -e /usr/bin/env").status, 1);
    assert_eq!(lab.sh("a", "echo x > /dev/null").status, 0);
    lab.console_says("a", "no SSH: the image has no /usr/sbin/sshd");
}

pub fn serves_ssh(lab: &mut Lab) {
    assert!(
        fs::exists("/usr/sbin/sshd").unwrap_or(false),
        "these tests need an sshd (Debian: openssh-server)"
    );
    let key = lab.directory.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "these tests need ssh-keygen (Debian: openssh-client)"
    );
    let public = fs::read_to_string(key.with_extension("pub")).expect("the public key");
    lab.client.create_namespace("ns", Owner::Instances).expect("create");
    let spec = LaunchSpec { authorized_keys: vec![public], ..lab.spec("a", "ns") };
    lab.client.launch(&spec).expect("launch");
    let private = fs::read_to_string(&key).expect("the private key");
    lab.ask("a", &format!("cat > ~/key <<'E'\n{private}E\nchmod 600 ~/key"));
    let login = "ssh -i ~/key -o StrictHostKeyChecking=no -o BatchMode=yes root@127.0.0.1 'echo in as $(id -un); exit 5'";
    let output = lab.sh("a", login);
    if lab.mode.costs().iter().any(|cost| cost.contains("sshd")) {
        // A single user id: sshd cannot become its unprivileged half. The connection is taken and ends, and it is said so.
        assert_eq!(output.status, 255, "{output:?}\n{}", lab.console("a"));
        return;
    }
    assert_eq!(
        (output.status, output.stdout.as_str()),
        (5, "in as root\n"),
        "{output:?}\n{}",
        lab.console("a")
    );
    lab.ask("a", "rm ~/key; ssh-keygen -q -t ed25519 -N '' -f ~/key");
    assert_eq!(lab.sh("a", login).status, 255, "another key must not do");
}

pub fn passes_the_doctor(lab: &mut Lab) {
    let said = lab.outside(&["doctor", &lab.data_dir.display().to_string()]);
    for name in ["rights", "network namespaces", "nf_tables", "overlay", "proc", "limits"] {
        assert!(said.contains(&format!("ok {name}: ")), "{said}");
    }
    assert!(said.contains(&format!("ok rights: {}", lab.mode)), "{said}");
    assert!(
        !fs::read_dir(&lab.directory)
            .expect("a directory")
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("probe"))
    );
}

pub fn shows_what_is_mounted_below_root(lab: &mut Lab) {
    // A disk of its own under /var, as far as the mount table tells. The keeper must be started where it is mounted.
    let (disk, place) = (lab.directory.path().join("disk"), lab.directory.path().join("place"));
    for directory in [&disk, &place] {
        fs::create_dir(directory).expect("a directory");
    }
    fs::write(disk.join("file"), "on the disk").expect("a file");
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let (none, flags) = (None::<&str>, nix::mount::MsFlags::MS_BIND);
    nix::mount::mount(none, "/", none, nix::mount::MsFlags::MS_REC | nix::mount::MsFlags::MS_PRIVATE, none)
        .expect("private");
    nix::mount::mount(Some(&disk), &place, none, flags, none).expect("a bind mount");
    Client::connect(&lab.socket).expect("connect").shutdown().expect("shut down");
    lab.client = crate::lab::start_keeper(&lab.socket, &lab.data_dir);
    lab.instance("a");
    let file = place.join("file").display().to_string();
    if lab.mode.is_root() {
        assert_eq!(
            lab.ask("a", &format!("cat {file} && echo changed > {file} && cat {file}")),
            "on the diskchanged"
        );
    } else {
        // What is mounted below /var is not part of its layer.
        assert_eq!(lab.sh("a", &format!("test -e {file}")).status, 1);
    }
    assert_eq!(fs::read_to_string(disk.join("file")).expect("the file"), "on the disk");
    nix::mount::umount2(&place, nix::mount::MntFlags::MNT_DETACH).expect("unmount");
}

/// Copies a program and what it is linked with into an image.
fn copy_with_libraries(program: &str, image: &std::path::Path) {
    let output = std::process::Command::new("ldd").arg(program).output().expect("ldd");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let libraries = text.split_whitespace().filter(|word| word.starts_with('/'));
    for file in libraries.chain([program]) {
        let target = image.join(file.trim_start_matches('/'));
        fs::create_dir_all(target.parent().expect("a parent")).expect("make the image");
        fs::copy(file, target).expect("make the image");
    }
}
