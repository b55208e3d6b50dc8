//! The metric store as a whole: what was acknowledged is there again, old data are merged and go, and the daemon's own
//! counters arrive.

use enishi_cloud::cloudwatch::metric::{Datum, Fetch, Job, Listing, Point, Reply, Series, Summary};
use enishi_state::cloudwatch::MetricId;
use enishi_state::{AccountId, Region, Scope};

use super::sink::Sink;
use super::store::MetricStore;

const DAY: i64 = 86_400;
const NOW: i64 = 1_800_000_000;

fn scope() -> Scope {
    Scope { account: AccountId::zero(), region: Region::us_east_1() }
}

fn series(name: &str, unit: &str) -> Series {
    Series { metric: MetricId::new(scope(), "App", name, Vec::new()), unit: unit.to_owned() }
}

fn datum(name: &str, at: i64, width: u32, value: f64) -> Datum {
    Datum { series: series(name, "None"), at, width, summary: Summary::of(value) }
}

fn fetched(store: &MetricStore, name: &str, start: i64, end: i64, period: u32) -> Vec<(i64, f64, f64)> {
    let fetch = Fetch { metric: series(name, "").metric, unit: None, start, end, period };
    match store.read(&Job::Fetch(vec![fetch])).expect("points") {
        Reply::Points(found) => {
            let shown = |point: &Point| (point.start, point.summary.count, point.summary.sum);
            found[0].iter().map(shown).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn listed(store: &MetricStore, since: i64, after: &str, limit: usize) -> (Vec<String>, bool) {
    let after = MetricId::new(scope(), if after.is_empty() { "" } else { "App" }, after, Vec::new());
    let listing = Listing { after, namespace: None, name: None, dimensions: Vec::new(), since, limit };
    match store.read(&Job::List(listing)).expect("metrics") {
        Reply::Metrics(found, has_more) => (found.into_iter().map(|metric| metric.name).collect(), has_more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_stored_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("metrics.redb");
    {
        let store = MetricStore::open(&path).expect("a store");
        let first =
            vec![datum("a", NOW, 60, 1.0), datum("a", NOW + 59, 60, 2.0), datum("a", NOW + 60, 60, 4.0)];
        let answers = store.put(&[first, vec![datum("b", NOW, 60, 8.0)]]).expect("stored");
        assert_eq!(answers, [Reply::Stored, Reply::Stored]);
    }
    let store = MetricStore::open(&path).expect("the same store");
    let start = NOW - NOW.rem_euclid(60);
    assert_eq!(fetched(&store, "a", start, NOW + 600, 60), [(start, 2.0, 3.0), (start + 60, 1.0, 4.0)]);
    assert_eq!(fetched(&store, "a", start, NOW + 600, 300), [(start, 3.0, 7.0)]);
    assert_eq!(fetched(&store, "c", start, NOW + 600, 300), []);
    store.put(&[vec![datum("a", NOW, 60, 1.0)]]).expect("stored");
    assert_eq!(fetched(&store, "a", start, start + 60, 60), [(start, 3.0, 4.0)]);
}

#[test]
fn points_of_a_second_are_for_short_periods_and_long_ones() {
    let folder = tempfile::tempdir().expect("a directory");
    let store = MetricStore::open(&folder.path().join("metrics.redb")).expect("a store");
    let data = vec![datum("a", NOW, 1, 1.0), datum("a", NOW + 9, 1, 2.0), datum("a", NOW + 10, 1, 4.0)];
    store.put(&[data, vec![datum("a", NOW, 60, 8.0)]]).expect("stored");
    assert_eq!(fetched(&store, "a", NOW, NOW + 60, 10), [(NOW, 2.0, 3.0), (NOW + 10, 1.0, 4.0)]);
    assert_eq!(fetched(&store, "a", NOW, NOW + 60, 60), [(NOW, 4.0, 15.0)]);
}

#[test]
fn old_points_are_merged_and_go() {
    let folder = tempfile::tempdir().expect("a directory");
    let store = MetricStore::open(&folder.path().join("metrics.redb")).expect("a store");
    let hour = NOW - NOW.rem_euclid(3600);
    let data: Vec<Datum> = (0..7200).map(|second| datum("a", hour + second, 1, 1.0)).collect();
    store.put(&[data]).expect("stored");
    let sweep = |now: i64| {
        let mut next = Some(0);
        while let Some(from) = next {
            next = store.sweep(from, now).expect("a sweep");
        }
    };
    let count = |period: u32| fetched(&store, "a", hour, hour + 7200, period).len();
    let total =
        || fetched(&store, "a", hour, hour + 7200, 3600).iter().map(|(_, count, _)| count).sum::<f64>();
    sweep(hour + 7200);
    assert_eq!((count(1), count(60), total()), (7200, 120, 7200.0));
    sweep(hour + 7200 + 3 * 3600);
    assert_eq!((count(1), count(60), total()), (0, 120, 7200.0));
    sweep(hour + 7200 + 15 * DAY);
    assert_eq!((count(60), count(300), total()), (24, 24, 7200.0));
    sweep(hour + 7200 + 63 * DAY);
    assert_eq!((count(60), count(3600), total()), (2, 2, 7200.0));
    assert_eq!(listed(&store, 0, "", 10).0, ["a"]);
    sweep(hour + 7200 + 456 * DAY);
    assert_eq!(count(3600), 0);
    assert_eq!(listed(&store, 0, "", 10).0, Vec::<String>::new());
}

#[test]
fn metrics_are_listed_once_by_name_and_page() {
    let folder = tempfile::tempdir().expect("a directory");
    let store = MetricStore::open(&folder.path().join("metrics.redb")).expect("a store");
    let mut data =
        vec![datum("c", NOW - 20 * DAY, 60, 1.0), datum("a", NOW, 60, 1.0), datum("b", NOW, 60, 1.0)];
    data.push(Datum { series: series("a", "Count"), ..datum("a", NOW, 60, 1.0) });
    store.put(&[data]).expect("stored");
    assert_eq!(listed(&store, NOW - 14 * DAY, "", 10), (vec!["a".to_owned(), "b".to_owned()], false));
    assert_eq!(listed(&store, NOW - 14 * DAY, "", 1), (vec!["a".to_owned()], true));
    assert_eq!(listed(&store, NOW - 14 * DAY, "a", 1), (vec!["b".to_owned()], false));
}

#[test]
fn what_the_daemon_counts_is_added_up_by_the_minute() {
    let sink = Sink::default();
    let minute = NOW - NOW.rem_euclid(60);
    for (at, value) in [(minute, 1.0), (minute + 59, 2.0), (minute + 60, 4.0)] {
        sink.add(series("requests", "Count"), &Summary::of(value), at);
    }
    let over = sink.take(minute + 60);
    assert_eq!(over.len(), 1);
    assert_eq!((over[0].at, over[0].width, over[0].summary.sum), (minute, 60, 3.0));
    assert_eq!(sink.take(minute + 60), []);
    assert_eq!(sink.take(i64::MAX).len(), 1);
}
