//! Logs that a service delivers: only where the bucket's policy lets it, and on disk when it is told so.

use std::sync::Arc;

use bytes::Bytes;
use enishi_cloud::s3::{self as rules, Delivery, LogSource, Refused};
use enishi_state::{AccountId, Caller, Region, Scope};
use http_body_util::BodyExt;

use super::Objects;
use super::delivery::DeliveryError;
use crate::daemon::journal::Journal;
use crate::daemon::reconcile::Mailbox;
use crate::daemon::store::{DataDir, Store};
use crate::daemon::writer::Writer;

const KEY: &str = "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2026/01/01/web.log.gz";
const POLICY: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"},
    "Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/AWSLogs/123456789012/*"}}"#;

fn caller() -> Caller {
    let account = AccountId::new("123456789012").expect("12 digits");
    Caller { scope: Scope { account, region: Region::us_east_1() }, access_key: None, session_arn: None }
}

#[tokio::test]
async fn logs_are_delivered_where_the_policy_lets_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = DataDir::lock(directory.path()).expect("a data directory");
    let file = data_dir.store_file();
    let (store, world) = Store::open(&file).expect("a store");
    let world = Arc::new(world);
    let journal =
        Journal::start(store, Box::new(move || Store::open(&file)), world.clone()).expect("a thread");
    let progress = journal.progress();
    let writer = Writer::start(journal, world, Arc::new(Mailbox::default())).expect("a thread");
    let objects = Objects::start(&data_dir, writer, progress, &tokio::runtime::Handle::current());
    let scope = caller().scope;
    let delivery = |bucket| Delivery {
        bucket,
        key: KEY,
        source: LogSource::LoadBalancer,
        scope: &scope,
        arn: "arn:aws:…",
    };
    let deliver = async |bucket| {
        let delivered = objects.deliver(delivery(bucket), "application/x-gzip", Bytes::from_static(b"lines"));
        match delivered.await {
            Err(DeliveryError::Refused(refused)) => Some(refused),
            delivered => {
                delivered.expect("the object is stored");
                None
            }
        }
    };
    assert_eq!(deliver("logs").await, Some(Refused::NoSuchBucket));
    objects.change(caller(), |tx| rules::create_bucket(tx, "logs", None)).await.expect("a bucket");
    assert_eq!(deliver("logs").await, Some(Refused::AccessDenied));
    objects.change(caller(), |tx| rules::put_policy(tx, "logs", POLICY)).await.expect("a policy");
    assert_eq!(deliver("logs").await, None);
    let uid = rules::find(&objects.world(), "logs").expect("the bucket").uid;
    let found = objects.store().find(uid, KEY).await.expect("an answer").expect("the object");
    assert_eq!(found.object.description.content_type.as_deref(), Some("application/x-gzip"));
    assert_eq!(found.read(0, 5).collect().await.expect("the data").to_bytes(), "lines");
}
