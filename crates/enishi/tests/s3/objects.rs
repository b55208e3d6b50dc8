//! Objects as they are put, read, kept in chunks and in parts.

use std::path::Path;

use crate::harness::{Daemon, until};
use crate::wire::{data, files, get, put, refused, send};

#[test]
fn objects_are_answered_as_they_were_put() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    let headers = [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("content-disposition", "attachment"),
        ("expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("x-amz-meta-colour", "blue"),
        ("content-md5", "eB5eJF1ptWaXm4bijSPyxw=="),
    ];
    let reply = send(&daemon, "PUT", "/lab/k", &headers, b"0123456789");
    assert_eq!((reply.status, reply.header("etag")), (200, "\"781e5e245d69b566979b86e28d23f2c7\""));
    let reply = get(&daemon, "/lab/k");
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"0123456789".as_slice()));
    for (name, value) in headers.iter().take(5) {
        assert_eq!(reply.header(name), *value);
    }
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert_eq!(reply.header("x-amz-request-id").len(), 36);
    let modified = reply.header("last-modified").to_owned();

    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-2", 206, "89", "bytes 8-9/10"),
        ("bytes=0-99", 206, "0123456789", "bytes 0-9/10"),
    ] {
        let reply = send(&daemon, "GET", "/lab/k", &[("range", range)], b"");
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{range}");
        assert_eq!(reply.header("content-range"), content_range);
        let reply = send(&daemon, "HEAD", "/lab/k", &[("range", range)], b"");
        assert_eq!((reply.status, reply.header("content-length").parse()), (206, Ok(body.len())));
    }
    let reply = send(&daemon, "GET", "/lab/k", &[("range", "bytes=10-")], b"");
    assert_eq!(refused(&reply), (416, "InvalidRange".to_owned()));

    let tag = "\"781e5e245d69b566979b86e28d23f2c7\"";
    let past = "Thu, 01 Jan 2015 00:00:00 GMT";
    for (header, status) in [
        (("if-match", tag), 200),
        (("if-match", "\"other\""), 412),
        (("if-none-match", tag), 304),
        (("if-none-match", "\"other\""), 200),
        (("if-modified-since", modified.as_str()), 304),
        (("if-modified-since", past), 200),
        (("if-unmodified-since", past), 412),
        (("if-unmodified-since", modified.as_str()), 200),
    ] {
        assert_eq!(send(&daemon, "GET", "/lab/k", &[header], b"").status, status, "{header:?}");
    }
    let reply = get(&daemon, "/lab/k?response-content-type=text/html&response-cache-control=public");
    assert_eq!((reply.header("content-type"), reply.header("cache-control")), ("text/html", "public"));

    // Conditions of writes.
    let reply = send(&daemon, "PUT", "/lab/k", &[("if-none-match", "*")], b"x");
    assert_eq!(refused(&reply), (412, "PreconditionFailed".to_owned()));
    assert_eq!(send(&daemon, "PUT", "/lab/k", &[("if-match", tag)], b"new").status, 200);
    let reply = send(&daemon, "PUT", "/lab/k", &[("if-match", tag)], b"newer");
    assert_eq!(refused(&reply), (412, "PreconditionFailed".to_owned()));
    assert_eq!(get(&daemon, "/lab/k").text(), "new");
    assert_eq!(files(&daemon), 1, "what was refused or replaced is gone");

    assert_eq!(refused(&get(&daemon, "/lab/none")), (404, "NoSuchKey".to_owned()));
    assert_eq!(refused(&get(&daemon, "/nolab/k")), (404, "NoSuchBucket".to_owned()));
    assert_eq!(send(&daemon, "DELETE", "/lab/k", &[], b"").status, 204);
    assert_eq!(send(&daemon, "DELETE", "/lab/k", &[], b"").status, 204, "deleting again is no error");
    assert_eq!(get(&daemon, "/lab/k").status, 404);
}

#[test]
fn bodies_in_chunks_are_checked_to_their_end() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    let body = |crc: &str| format!("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n");
    let headers = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-decoded-content-length", "11"),
    ];
    let reply = send(&daemon, "PUT", "/lab/k", &headers, body("DUoRhQ==").as_bytes());
    assert_eq!((reply.status, reply.header("x-amz-checksum-crc32")), (200, "DUoRhQ=="), "{}", reply.text());
    let reply = send(&daemon, "GET", "/lab/k", &[("x-amz-checksum-mode", "ENABLED")], b"");
    assert_eq!(reply.text(), "hello world");
    assert_eq!(reply.header("x-amz-checksum-crc32"), "DUoRhQ==");
    assert!(!reply.headers.contains_key("content-encoding"), "how it came is not how it is coded");
    let cases: [(&str, &str); 5] = [
        (&body("AAAAAA=="), "BadDigest"),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "MalformedTrailerError"),
        ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "IncompleteBody"),
        ("5\r\nhello\r\n6\r\n wor", "IncompleteBody"),
        ("hello\r\nworld", "InvalidRequest"),
    ];
    for (body, code) in cases {
        let reply = send(&daemon, "PUT", "/lab/bad", &headers, body.as_bytes());
        assert_eq!(refused(&reply), (400, code.to_owned()), "{body}");
    }
    let digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    for (header, code) in [
        (("x-amz-content-sha256", digest), "XAmzContentSHA256Mismatch"),
        (("x-amz-content-sha256", "nonsense"), "InvalidArgument"),
        (("content-md5", "nonsense"), "InvalidDigest"),
        (("content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="), "BadDigest"),
        (("x-amz-checksum-sha256", "nonsense"), "InvalidRequest"),
        (("x-amz-checksum-crc32", "AAAAAA=="), "BadDigest"),
        (("x-amz-sdk-checksum-algorithm", "CRC32"), "InvalidRequest"),
    ] {
        let reply = send(&daemon, "PUT", "/lab/bad", &[header], b"other");
        assert_eq!(refused(&reply), (400, code.to_owned()), "{header:?}");
    }
    assert_eq!(
        send(&daemon, "PUT", "/lab/good", &[("x-amz-content-sha256", digest)], b"hello world").status,
        200
    );
    assert_eq!(get(&daemon, "/lab/bad").status, 404);
    assert_eq!(files(&daemon), 2);
}

#[test]
fn keys_are_names_and_no_paths() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    let long = "k".repeat(1024);
    let keys = [
        "../../../../tmp/escaped",
        "..",
        "a/../b",
        "/",
        "//a//",
        ".",
        "a%00b",
        "%2e%2e%2fx",
        "%F0%9F%90%88",
        &long,
    ];
    for key in keys {
        let target = format!("/lab/{}", key.replace(' ', "%20"));
        put(&daemon, &target, key.as_bytes());
        assert_eq!(get(&daemon, &target).text(), key, "{key}");
    }
    assert!(!Path::new("/tmp/escaped").exists());
    assert_eq!(files(&daemon), keys.len());
    let reply = send(&daemon, "PUT", &format!("/lab/{long}k"), &[], b"x");
    assert_eq!(refused(&reply), (400, "KeyTooLongError".to_owned()));
    for bucket in ["..", "A", "a_b", "%2e%2e", "xn--a"] {
        let reply = send(&daemon, "PUT", &format!("/{bucket}"), &[], b"");
        assert_eq!(refused(&reply), (400, "InvalidBucketName".to_owned()), "{bucket}");
    }
    // In pages, rolled up.
    let listed = get(&daemon, "/lab?list-type=2&encoding-type=url&delimiter=/&max-keys=2");
    assert_eq!(
        (listed.element("KeyCount"), listed.element("IsTruncated")),
        ("2".to_owned(), "true".to_owned())
    );
}

#[test]
fn uploads_in_parts_are_checked() {
    let daemon = Daemon::start();
    put(&daemon, "/lab", b"");
    let begin = |target: &str| send(&daemon, "POST", target, &[], b"").element("UploadId");
    let upload = begin("/lab/k?uploads");
    let part = |number: u16, body: &[u8]| {
        put(&daemon, &format!("/lab/k?partNumber={number}&uploadId={upload}"), body).header("etag").to_owned()
    };
    let large = data(5 * 1024 * 1024);
    let (one, three) = (part(1, &large), part(3, b"the end"));
    let two = part(2, b"too small");
    let complete = |parts: &[(u16, &str)]| {
        let parts = parts
            .iter()
            .map(|(number, tag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"));
        let parts: String = parts.collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        send(&daemon, "POST", &format!("/lab/k?uploadId={upload}"), &[], body.as_bytes())
    };
    assert_eq!(refused(&complete(&[(1, &one), (2, &two), (3, &three)])).1, "EntityTooSmall");
    assert_eq!(refused(&complete(&[(3, &three), (1, &one)])).1, "InvalidPartOrder");
    assert_eq!(refused(&complete(&[(1, &three)])).1, "InvalidPart");
    assert_eq!(refused(&complete(&[(4, &one)])).1, "InvalidPart");
    let listed = get(&daemon, &format!("/lab/k?uploadId={upload}&max-parts=2"));
    assert_eq!(
        (listed.element("IsTruncated"), listed.element("NextPartNumberMarker")),
        ("true".to_owned(), "2".to_owned())
    );
    assert_eq!(get(&daemon, "/lab?uploads").element("UploadId"), upload);
    assert_eq!(files(&daemon), 3);
    let reply = complete(&[(1, &one), (3, &three)]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.element("ETag").contains("-2"));
    assert_eq!(files(&daemon), 2, "the part that was left out is gone");
    let whole = [large.as_slice(), b"the end"].concat();
    assert!(get(&daemon, "/lab/k").body == whole);
    // Across the seam.
    let range = format!("bytes={}-{}", large.len() - 3, large.len() + 2);
    assert_eq!(
        send(&daemon, "GET", "/lab/k", &[("range", &range)], b"").body,
        whole[large.len() - 3..large.len() + 3]
    );
    let reply = get(&daemon, "/lab/k?partNumber=2");
    assert_eq!(
        (reply.status, reply.text().as_str(), reply.header("x-amz-mp-parts-count")),
        (206, "the end", "2")
    );
    assert_eq!(refused(&complete(&[(1, &one)])), (404, "NoSuchUpload".to_owned()));

    let upload = begin("/lab/other?uploads");
    put(&daemon, &format!("/lab/other?partNumber=1&uploadId={upload}"), b"x");
    assert_eq!(send(&daemon, "DELETE", &format!("/lab/other?uploadId={upload}"), &[], b"").status, 204);
    assert_eq!(files(&daemon), 2);
    // A bucket goes with its uploads under way.
    begin("/lab/third?uploads");
    assert_eq!(send(&daemon, "DELETE", "/lab/k", &[], b"").status, 204);
    assert_eq!(send(&daemon, "DELETE", "/lab", &[], b"").status, 204);
    until("nothing is left", || files(&daemon) == 0);
}
