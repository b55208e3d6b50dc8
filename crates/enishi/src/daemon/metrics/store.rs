//! Metrics on disk: an embedded transactional key-value file of its own, `metrics.redb` (decision 10).
//!
//! | table | key | value |
//! |---|---|---|
//! | `points` | series, seconds that it covers, start | the values' [`Summary`] |
//! | `series` | a number that is never used twice | metric and unit, the time of the newest point |
//! | `meta` | | format, next number |
//!
//! The names of series are in memory as well; points are not. A transaction is there as a whole or not at all. Reading works
//! on the snapshot of the last transaction and waits for nobody.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use enishi_cloud::cloudwatch::metric::{Datum, Fetch, Job, Listing, Point, Reply, Series, Summary, TIERS};
use enishi_state::cloudwatch::MetricId;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition};

/// Series, seconds that the point covers, start in seconds since 1970.
type PointKey = (u64, u32, i64);

const POINTS: TableDefinition<'static, PointKey, &[u8]> = TableDefinition::new("points");
const SERIES: TableDefinition<'static, u64, (&str, i64)> = TableDefinition::new("series");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";
const NEXT: &str = "next";

/// The layout of the file. A file of another format is refused.
const FORMAT_NOW: u64 = 1;

/// Memory for cached pages in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Series at most: their names are in memory, some 400 bytes each.
const MOST_SERIES: usize = 200_000;

/// Points that one step of a sweep moves, and series that it looks at.
const STEP_POINTS: usize = 5_000;
const STEP_SERIES: usize = 1_000;

/// Why metrics cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum MetricStoreError {
    /// The file was written by another version.
    #[error("the metric store has format {0}, this version reads format {FORMAT_NOW}")]
    Format(u64),
    /// A name in it cannot be read.
    #[error("the metric store has an unreadable name: {0}")]
    Name(#[source] serde_json::Error),
    /// The embedded database failed.
    #[error("the metric store failed: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The embedded database panicked, which it does on some damaged files.
    #[error("the metric store failed in an unforeseen way")]
    Panicked,
    /// It failed before and is not open.
    #[error("the metric store is not open")]
    Closed,
}

type Result<T> = std::result::Result<T, MetricStoreError>;

fn database(error: impl Into<redb::Error>) -> MetricStoreError {
    MetricStoreError::Database(Box::new(error.into()))
}

/// What is known of a series in memory.
#[derive(Debug, Clone, Copy)]
struct Known {
    number: u64,
    /// The start of its newest point.
    newest: i64,
}

type Index = BTreeMap<Series, Known>;

/// The open file.
#[derive(Debug)]
pub struct MetricStore {
    database: Database,
    index: RwLock<Index>,
}

impl MetricStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be opened, or is none of ours.
    pub fn open(path: &Path) -> Result<Self> {
        guarded(|| {
            let opened = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(database)?;
            let store = MetricStore { database: opened, index: RwLock::default() };
            store.prepare()?;
            Ok(store)
        })
    }

    fn prepare(&self) -> Result<()> {
        let transaction = self.database.begin_write().map_err(database)?;
        let mut index = Index::new();
        {
            transaction.open_table(POINTS).map_err(database)?;
            let names = transaction.open_table(SERIES).map_err(database)?;
            let mut meta = transaction.open_table(META).map_err(database)?;
            let format = meta.get(FORMAT).map_err(database)?.map(|format| format.value());
            match format {
                None => drop(meta.insert(FORMAT, FORMAT_NOW).map_err(database)?),
                Some(FORMAT_NOW) => {}
                Some(other) => return Err(MetricStoreError::Format(other)),
            }
            for entry in names.iter().map_err(database)? {
                let (number, value) = entry.map_err(database)?;
                let (name, newest) = value.value();
                index.insert(read_name(name)?, Known { number: number.value(), newest });
            }
        }
        transaction.commit().map_err(database)?;
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }

    /// Stores requests in one durable transaction; answers each. A request that would make too many series is left out.
    ///
    /// # Errors
    /// The database failed; then none of it is stored.
    pub fn put(&self, batches: &[Vec<Datum>]) -> Result<Vec<Reply>> {
        guarded(|| {
            let mut changed = Index::new();
            let mut transaction = self.database.begin_write().map_err(database)?;
            transaction.set_durability(Durability::Immediate).map_err(database)?;
            let mut answers = Vec::with_capacity(batches.len());
            {
                let mut points = transaction.open_table(POINTS).map_err(database)?;
                let mut names = transaction.open_table(SERIES).map_err(database)?;
                let mut meta = transaction.open_table(META).map_err(database)?;
                let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
                let mut next = meta.get(NEXT).map_err(database)?.map_or(1, |next| next.value());
                for batch in batches {
                    let is_new = |datum: &&Datum| !index.contains_key(&datum.series);
                    if index.len() + changed.len() + batch.iter().filter(is_new).count() > MOST_SERIES {
                        answers.push(Reply::Full);
                        continue;
                    }
                    for datum in batch {
                        let start = datum.at - datum.at.rem_euclid(i64::from(datum.width));
                        let known = changed.entry(datum.series.clone()).or_insert_with(|| {
                            index.get(&datum.series).copied().unwrap_or_else(|| {
                                next += 1;
                                Known { number: next - 1, newest: i64::MIN }
                            })
                        });
                        if start > known.newest {
                            known.newest = start;
                            let name = write_name(&datum.series)?;
                            names.insert(known.number, (name.as_str(), start)).map_err(database)?;
                        }
                        merge(&mut points, (known.number, datum.width, start), &datum.summary)?;
                    }
                    answers.push(Reply::Stored);
                }
                meta.insert(NEXT, next).map_err(database)?;
            }
            transaction.commit().map_err(database)?;
            self.index.write().unwrap_or_else(PoisonError::into_inner).extend(changed);
            Ok(answers)
        })
    }

    /// Answers a job that only reads. [`Job::Put`] is none.
    ///
    /// # Errors
    /// The database failed.
    pub fn read(&self, job: &Job) -> Result<Reply> {
        guarded(|| match job {
            Job::Put(_) => Err(MetricStoreError::Closed),
            Job::Fetch(fetches) => {
                fetches.iter().map(|fetch| self.fetch(fetch)).collect::<Result<_>>().map(Reply::Points)
            }
            Job::List(listing) => Ok(self.list(listing)),
        })
    }

    fn fetch(&self, fetch: &Fetch) -> Result<Vec<Point>> {
        let transaction = self.database.begin_read().map_err(database)?;
        let table = transaction.open_table(POINTS).map_err(database)?;
        let period = i64::from(fetch.period.max(1));
        let mut found: BTreeMap<(i64, String), Summary> = BTreeMap::new();
        for (unit, number) in self.series_of(&fetch.metric, fetch.unit.as_deref()) {
            // Periods of less than a minute are made of points of a second only.
            let tiers = TIERS.iter().filter(|(width, _)| *width == 1 || fetch.period >= 60);
            for (width, _) in tiers {
                let range = (number, *width, fetch.start)..(number, *width, fetch.end);
                if fetch.start >= fetch.end {
                    continue;
                }
                for entry in table.range(range).map_err(database)? {
                    let (key, value) = entry.map_err(database)?;
                    let at = key.value().2;
                    let start = at - (at - fetch.start).rem_euclid(period);
                    let summary = from_bytes(value.value());
                    found
                        .entry((start, unit.clone()))
                        .and_modify(|known| known.merge(&summary))
                        .or_insert(summary);
                }
            }
        }
        let point = |((start, unit), summary)| Point { start, unit, summary };
        Ok(found.into_iter().map(point).collect())
    }

    /// The units of a metric with their series.
    fn series_of(&self, metric: &MetricId, unit: Option<&str>) -> Vec<(String, u64)> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let first = Series { metric: metric.clone(), unit: String::new() };
        let of_metric = index.range(first..).take_while(|(series, _)| series.metric == *metric);
        of_metric
            .filter(|(series, _)| unit.is_none_or(|unit| unit == series.unit))
            .map(|(series, known)| (series.unit.clone(), known.number))
            .collect()
    }

    fn list(&self, listing: &Listing) -> Reply {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let last = Series { metric: listing.after.clone(), unit: char::MAX.to_string() };
        let mut found: Vec<MetricId> = Vec::new();
        for (series, known) in index.range((Bound::Excluded(last), Bound::Unbounded)) {
            if series.metric.scope != listing.after.scope {
                break;
            }
            let is_known = found.last() == Some(&series.metric);
            if is_known || known.newest < listing.since || !listing.wants(&series.metric) {
                continue;
            }
            if found.len() == listing.limit {
                return Reply::Metrics(found, true);
            }
            found.push(series.metric.clone());
        }
        Reply::Metrics(found, false)
    }

    /// Merges what is old into longer periods, for some of the series from this number on; answers which is next. A series
    /// without points is forgotten.
    ///
    /// # Errors
    /// The database failed; then none of it is done.
    pub fn sweep(&self, from: u64, now: i64) -> Result<Option<u64>> {
        guarded(|| {
            let mut transaction = self.database.begin_write().map_err(database)?;
            transaction.set_durability(Durability::Immediate).map_err(database)?;
            let mut next = None;
            let mut gone = Vec::new();
            {
                let mut points = transaction.open_table(POINTS).map_err(database)?;
                let mut names = transaction.open_table(SERIES).map_err(database)?;
                let later = names.range(from..).map_err(database)?.take(STEP_SERIES + 1);
                let numbers: Vec<u64> = later
                    .map(|entry| entry.map(|(number, _)| number.value()).map_err(database))
                    .collect::<Result<_>>()?;
                let mut left = STEP_POINTS;
                for (looked_at, number) in numbers.into_iter().enumerate() {
                    if left == 0 || looked_at == STEP_SERIES {
                        next = Some(number);
                        break;
                    }
                    left -= age(&mut points, number, now, left)?;
                    let all = (number, 0, i64::MIN)..=(number, u32::MAX, i64::MAX);
                    if left == 0 {
                        next = Some(number);
                        break;
                    }
                    if points.range(all).map_err(database)?.next().is_none() {
                        names.remove(number).map_err(database)?;
                        gone.push(number);
                    }
                }
            }
            transaction.commit().map_err(database)?;
            if !gone.is_empty() {
                let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
                index.retain(|_, known| !gone.contains(&known.number));
            }
            Ok(next)
        })
    }
}

/// Moves old points of a series into the next tier, `limit` at most; answers how many.
fn age(points: &mut Table<'_, PointKey, &[u8]>, number: u64, now: i64, limit: usize) -> Result<usize> {
    let mut moved = 0;
    for (tier, (width, kept)) in TIERS.iter().enumerate() {
        let next = TIERS.get(tier + 1).map(|(width, _)| *width);
        // Whole periods of the next tier move together.
        let until = now - kept;
        let until = until - until.rem_euclid(i64::from(next.unwrap_or(*width)));
        let range = (number, *width, i64::MIN)..(number, *width, until);
        let old: Vec<(i64, Summary)> = points
            .range(range)
            .map_err(database)?
            .take(limit - moved)
            .map(|entry| {
                let (key, value) = entry.map_err(database)?;
                Ok((key.value().2, from_bytes(value.value())))
            })
            .collect::<Result<_>>()?;
        moved += old.len();
        for (start, summary) in old {
            points.remove((number, *width, start)).map_err(database)?;
            if let Some(next) = next {
                let start = start - start.rem_euclid(i64::from(next));
                merge(points, (number, next, start), &summary)?;
            }
        }
    }
    Ok(moved)
}

/// Adds to a point.
fn merge(points: &mut Table<'_, PointKey, &[u8]>, key: PointKey, summary: &Summary) -> Result<()> {
    let known = points.get(key).map_err(database)?.map(|value| from_bytes(value.value()));
    let bytes = match known {
        Some(mut known) => {
            known.merge(summary);
            to_bytes(&known)
        }
        None => to_bytes(summary),
    };
    points.insert(key, bytes.as_slice()).map_err(database)?;
    Ok(())
}

/// A store that was cut off by a full disk makes the database panic instead of failing.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(MetricStoreError::Panicked))
}

fn write_name(series: &Series) -> Result<String> {
    serde_json::to_string(&(&series.metric, &series.unit)).map_err(MetricStoreError::Name)
}

fn read_name(text: &str) -> Result<Series> {
    let (metric, unit) = serde_json::from_str(text).map_err(MetricStoreError::Name)?;
    Ok(Series { metric, unit })
}

/// Numbers one after the other: count, sum, minimum, maximum, then, where the distribution is known, each value and how many
/// there are of it, after a number that says that it is.
fn to_bytes(summary: &Summary) -> Vec<u8> {
    let mut numbers = vec![summary.count, summary.sum, summary.minimum, summary.maximum];
    if let Some(values) = &summary.values {
        numbers.push(values.len() as f64);
        numbers.extend(values.iter().flat_map(|(value, count)| [*value, *count]));
    }
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Summary {
    let (numbers, _) = bytes.as_chunks::<8>();
    let number = |at: usize| numbers.get(at).map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
    let values = numbers
        .get(5..)
        .filter(|_| numbers.len() > 4)
        .map(|pairs| (0..pairs.len() / 2).map(|pair| (number(5 + 2 * pair), number(6 + 2 * pair))).collect());
    Summary { count: number(0), sum: number(1), minimum: number(2), maximum: number(3), values }
}
