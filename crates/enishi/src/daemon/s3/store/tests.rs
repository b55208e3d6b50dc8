//! The store alone: what is kept, what is swept, and what a reader of something removed still reads.

use http_body_util::{BodyExt, Full};
use tempfile::TempDir;

use super::model::{Description, Part, Upload};
use super::*;

struct Lab {
    store: Store,
    directory: TempDir,
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        Lab { store: Store::new(path("objects.redb"), path("objects")), directory }
    }

    /// Files with data.
    fn files(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("objects")).map_or(0, Iterator::count)
    }

    async fn put(&self, bucket: u64, key: &str, data: &'static [u8]) {
        let written = self.store.receive(Full::new(Bytes::from_static(data)), Some(Algorithm::Crc32)).await;
        let written = written.expect("the body is stored");
        let object = object(&[&written]);
        let key = key.to_owned();
        let put = move |index: &Index| Ok(((), index.put(bucket, &key, &object, &Condition::Always)?));
        self.store.change(vec![written], put).await.expect("the object is put");
    }

    async fn get(&self, bucket: u64, key: &str) -> Option<Vec<u8>> {
        let found = self.store.find(bucket, key).await.expect("an answer")?;
        let bytes = found.object.bytes;
        Some(read(found.read(0, bytes)).await)
    }
}

fn object(written: &[&Written]) -> Object {
    Object {
        segments: written.iter().map(|written| written.segment.clone()).collect(),
        bytes: written.iter().map(|written| written.segment.bytes).sum(),
        etag: written.iter().map(|written| written.etag()).collect(),
        modified: 0,
        description: Description::default(),
        checksum: None,
        parts: None,
    }
}

async fn read(reading: Reading) -> Vec<u8> {
    reading.collect().await.expect("the data").to_bytes().to_vec()
}

#[tokio::test]
async fn what_is_replaced_or_deleted_leaves_no_file() {
    let lab = Lab::new();
    assert!(!lab.store.exists());
    lab.put(1, "a", b"first").await;
    lab.put(1, "a", b"second").await;
    lab.put(2, "a", b"other").await;
    assert_eq!(lab.get(1, "a").await.as_deref(), Some(b"second".as_slice()));
    assert_eq!(lab.files(), 2);
    let remove = |index: &Index| Ok(((), index.remove(1, &["a".to_owned(), "none".to_owned()])?));
    lab.store.change(Vec::new(), remove).await.expect("the object is removed");
    assert_eq!(lab.get(1, "a").await, None);
    assert_eq!(lab.get(2, "a").await.as_deref(), Some(b"other".as_slice()));
    assert_eq!(lab.files(), 1);
}

#[tokio::test]
async fn a_reader_reads_to_the_end_what_is_removed_meanwhile() {
    let lab = Lab::new();
    lab.put(1, "a", b"0123456789").await;
    let found = lab.store.find(1, "a").await.expect("an answer").expect("the object");
    lab.put(1, "a", b"new").await;
    assert_eq!(lab.files(), 2, "the old file is held");
    assert_eq!(read(found.read(3, 4)).await, b"3456");
    assert_eq!(lab.files(), 1, "and goes with its reader");
}

#[tokio::test]
async fn a_body_that_fails_leaves_nothing() {
    let lab = Lab::new();
    let frames = [Ok(Frame::data(Bytes::from(vec![7; 2 * GATHERED]))), Err("cut off")];
    let mut frames = frames.into_iter();
    let body = BodyOf(move || frames.next());
    let refused = lab.store.receive(body, None).await;
    assert!(matches!(refused, Err(ReceiveError::Body("cut off"))));
    assert_eq!(lab.files(), 0);
    // One that is dropped before the index names it, too.
    let written = lab.store.receive_bytes(Bytes::from_static(b"data"), None).await.expect("a file");
    assert_eq!(lab.files(), 1);
    drop(written);
    assert_eq!(lab.files(), 0);
}

struct BodyOf<F>(F);

impl<F: FnMut() -> Option<Result<Frame<Bytes>, &'static str>> + Unpin> Body for BodyOf<F> {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready((self.0)())
    }
}

#[tokio::test]
async fn a_sweep_takes_what_no_bucket_keeps_and_no_row_names() {
    let lab = Lab::new();
    for bucket in [1, 2, u64::MAX] {
        for key in ["a", "b"] {
            lab.put(bucket, key, b"data").await;
        }
    }
    let upload =
        Upload { initiated: 0, description: Description::default(), algorithm: None, is_composite: false };
    let begin = move |index: &Index| index.begin(UploadKey { bucket: 1, key: "c", id: "u" }, &upload);
    lab.store.ask(begin).await.expect("an upload");
    let written = lab.store.receive_bytes(Bytes::from_static(b"part"), None).await.expect("a file");
    let part = Part { segment: written.segment.clone(), etag: written.etag(), checksum: None, modified: 0 };
    let put = move |index: &Index| {
        let before = index.put_part(UploadKey { bucket: 1, key: "c", id: "u" }, 1, &part)?;
        Ok(((), before.into_iter().collect()))
    };
    lab.store.change(vec![written], put).await.expect("a part");
    // What a crash leaves behind, a file of somebody else, and one that is being written.
    let stray = lab.directory.path().join("objects").join(FileId::random().as_str());
    let foreign = lab.directory.path().join("objects/README");
    std::fs::write(&stray, "stray").expect("a file");
    std::fs::write(&foreign, "foreign").expect("a file");
    let draft = lab.store.receive_bytes(Bytes::from_static(b"draft"), None).await.expect("a file");
    lab.store.sweep(|bucket| bucket == 2).await.expect("a sweep");
    assert_eq!(lab.get(2, "a").await.as_deref(), Some(b"data".as_slice()));
    for bucket in [1, u64::MAX] {
        assert_eq!(lab.get(bucket, "a").await, None);
    }
    assert!(!stray.exists() && foreign.exists());
    assert_eq!(lab.files(), 4, "two objects, a draft, a foreign file");
    drop(draft);
}

#[tokio::test]
async fn an_object_of_parts_is_read_across_them() {
    let lab = Lab::new();
    let mut parts = Vec::new();
    for data in [b"aaaa".as_slice(), b"bbb", b"cccccc"] {
        parts.push(lab.store.receive_bytes(Bytes::copy_from_slice(data), None).await.expect("a part"));
    }
    let row = object(&parts.iter().collect::<Vec<_>>());
    let put = move |index: &Index| Ok(((), index.put(1, "k", &row, &Condition::Absent)?));
    lab.store.change(parts, put).await.expect("the object is put");
    let whole = b"aaaabbbcccccc";
    for start in 0..whole.len() {
        for end in start..=whole.len() {
            let found = lab.store.find(1, "k").await.expect("an answer").expect("the object");
            let stretch = read(found.read(start as u64, (end - start) as u64)).await;
            assert_eq!(stretch, whole[start..end], "{start}..{end}");
        }
    }
}

#[tokio::test]
async fn conditions_are_part_of_the_change() {
    let lab = Lab::new();
    lab.put(1, "a", b"data").await;
    let etag = lab.store.find(1, "a").await.expect("an answer").expect("the object").object.etag;
    let attempt = async |key: &'static str, condition: Condition| {
        let written = lab.store.receive_bytes(Bytes::from_static(b"data"), None).await.expect("a file");
        let row = object(&[&written]);
        let put = move |index: &Index| Ok(((), index.put(1, key, &row, &condition)?));
        lab.store.change(vec![written], put).await
    };
    assert!(matches!(attempt("a", Condition::Absent).await, Err(StoreError::ConditionFailed)));
    assert!(matches!(
        attempt("a", Condition::Is(Some("x".to_owned()))).await,
        Err(StoreError::ConditionFailed)
    ));
    assert!(matches!(attempt("b", Condition::Is(None)).await, Err(StoreError::NoSuchKey)));
    assert_eq!(lab.get(1, "a").await.as_deref(), Some(b"data".as_slice()), "nothing of that happened");
    attempt("a", Condition::Is(Some(etag))).await.expect("the tag is right");
    attempt("b", Condition::Absent).await.expect("there is none");
    assert_eq!(lab.files(), 2);
}
