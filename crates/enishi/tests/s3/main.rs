//! Amazon S3 with the real binary: the AWS CLI, requests by hand, `kill -9`, and clients that cut off or lie.

mod faults;
#[path = "../harness/mod.rs"]
mod harness;
mod objects;
mod requests;
mod wire;

use harness::{Daemon, until};
use wire::{aws, aws_ok, data, files};

#[test]
fn the_command_line_client_moves_files() {
    let daemon = Daemon::start();
    let local = tempfile::tempdir().expect("a directory");
    let path = |name: &str| local.path().join(name).to_str().expect("a name").to_owned();
    let large = data(20 * 1024 * 1024 + 1);
    std::fs::create_dir_all(local.path().join("up/deep")).expect("a directory");
    std::fs::write(path("up/small.txt"), "small").expect("a file");
    std::fs::write(path("up/deep/large.bin"), &large).expect("a file");
    std::fs::write(path("up/deep/empty"), "").expect("a file");

    assert_eq!(aws_ok(&daemon, &["s3", "mb", "s3://lab"]).trim(), "make_bucket: lab");
    aws_ok(&daemon, &["s3", "cp", &path("up/small.txt"), "s3://lab/a b/ü+%.txt"]);
    // Above 8 MiB in parts.
    aws_ok(&daemon, &["s3", "cp", &path("up/deep/large.bin"), "s3://lab/large.bin"]);
    let listed = aws_ok(&daemon, &["s3", "ls", "s3://lab", "--recursive"]);
    assert!(listed.contains(" 5 a b/ü+%.txt") && listed.contains(" 20971521 large.bin"), "{listed}");
    assert!(aws_ok(&daemon, &["s3", "ls", "s3://lab"]).contains("PRE a b/"));
    assert!(aws_ok(&daemon, &["s3", "ls"]).ends_with(" lab\n"));
    aws_ok(&daemon, &["s3", "cp", "s3://lab/a b/ü+%.txt", &path("small.back")]);
    aws_ok(&daemon, &["s3", "cp", "s3://lab/large.bin", &path("large.back")]);
    assert_eq!(std::fs::read(path("small.back")).expect("a file"), b"small");
    assert!(std::fs::read(path("large.back")).expect("a file") == large);
    let head = aws_ok(
        &daemon,
        &["s3api", "head-object", "--bucket", "lab", "--key", "large.bin", "--query", "ETag"],
    );
    assert!(head.trim().ends_with("-3\\\"\""), "{head}");
    // In parts again, and then whole.
    aws_ok(&daemon, &["s3", "cp", "s3://lab/large.bin", "s3://lab/copy.bin"]);
    aws_ok(&daemon, &["s3", "mv", "s3://lab/copy.bin", &path("copy.back")]);
    assert!(std::fs::read(path("copy.back")).expect("a file") == large);

    aws_ok(&daemon, &["s3", "sync", &path("up"), "s3://lab/tree"]);
    assert_eq!(aws_ok(&daemon, &["s3", "sync", &path("up"), "s3://lab/tree"]), "", "nothing is left to do");
    aws_ok(&daemon, &["s3", "sync", "s3://lab/tree", &path("down")]);
    assert!(std::fs::read(path("down/deep/large.bin")).expect("a file") == large);
    assert_eq!(std::fs::read(path("down/deep/empty")).expect("a file"), b"");
    aws_ok(&daemon, &["s3", "rm", "s3://lab/tree", "--recursive"]);
    assert!(!aws_ok(&daemon, &["s3", "ls", "s3://lab", "--recursive"]).contains("tree"));

    let refused = aws(&daemon, &["s3", "rb", "s3://lab"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("BucketNotEmpty"), "{text}");
    aws_ok(&daemon, &["s3", "rb", "s3://lab", "--force"]);
    assert_eq!(aws_ok(&daemon, &["s3", "ls"]), "");
    until("nothing is left on disk", || files(&daemon) == 0);
}
