//! What is true of log groups and streams in every committed world.

use enishi_state::logs::{LogGroup, LogGroupClass, LogGroupId, LogStream, LogStreamId};
use enishi_state::route53::{HostedZoneId, QueryLoggingConfig, QueryLoggingConfigId};
use enishi_state::{Row, Scope, Timestamp, Tx, World};
use enishi_testkit::Random;
use enishi_testkit::world::WorldBuilder;

fn scope() -> Scope {
    WorldBuilder::new().scope().clone()
}

fn group(name: &str) -> LogGroup {
    LogGroup {
        scope: scope(),
        name: name.to_owned(),
        uid: 1,
        class: LogGroupClass::Standard,
        retention_days: None,
        is_protected: false,
        created: Timestamp(0),
    }
}

fn stream(group: &str, name: &str) -> LogStream {
    let group = LogGroupId::of(&scope(), group);
    LogStream { group, name: name.to_owned(), uid: 1, created: Timestamp(0) }
}

fn change(world: &World, change: impl FnOnce(&mut Tx<'_>)) -> Result<World, String> {
    let caller = enishi_state::Caller { scope: scope(), access_key: None, session_arn: None };
    let mut random = Random::new(1);
    let mut tx = Tx::new(world, &caller, Timestamp(0), &mut random);
    change(&mut tx);
    tx.commit().map(|commit| commit.world).map_err(|conflict| conflict.0)
}

#[test]
fn a_stream_has_a_group() {
    let empty = World::default();
    assert!(change(&empty, |tx| tx.put(stream("g", "s"))).is_err());
    assert!(change(&empty, |tx| tx.put(group("a:b"))).is_err());
    let world = change(&empty, |tx| {
        tx.put(group("g"));
        tx.put(stream("g", "s"));
    });
    let world = world.expect("a group with a stream");
    let id = group("g").id();
    assert!(change(&world, |tx| assert!(tx.remove::<LogGroup>(&id))).is_err());
    let both = change(&world, |tx| {
        assert!(tx.remove::<LogStream>(&LogStreamId::of(&id, "s")));
        assert!(tx.remove::<LogGroup>(&id));
    });
    assert!(both.is_ok());
}

#[test]
fn streams_of_a_group_are_in_the_order_of_names() {
    let world = change(&World::default(), |tx| {
        for name in ["g", "g-2"] {
            tx.put(group(name));
            for stream_name in ["b", "a/1", "a"] {
                tx.put(stream(name, stream_name));
            }
        }
    });
    let world = world.expect("groups");
    let start = LogStreamId::of(&group("g").id(), "");
    let names: Vec<&str> = world.from::<LogStream>(&start).map(|stream| stream.name.as_str()).collect();
    assert_eq!(names[..3], ["a", "a/1", "b"]);
    assert!(world.from::<LogStream>(&start).take(3).all(|stream| stream.group == group("g").id()));
}

#[test]
fn a_query_logging_configuration_has_a_zone() {
    let config = QueryLoggingConfig {
        id: QueryLoggingConfigId::new("1"),
        account: scope().account,
        zone: HostedZoneId::new("Z1"),
        group: group("g").id(),
        arn: String::new(),
    };
    assert!(change(&World::default(), |tx| tx.put(config)).is_err());
}
