//! Where clients are: what is built in, and the user's own tables and database.
//!
//! Built in are the addresses that each region's resolvers ask from. A user's table (`enishi up --places`) goes before that,
//! and a geolocation database (`--mmdb`) is asked for what no table has. The files are read when the daemon starts.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use enishi_dns::mmdb::Mmdb;
use enishi_dns::places::{self, Locate};
use enishi_dns::{LatencyMatrix, Store};
use enishi_fabric::dns::PlaceTable;
use enishi_fabric::dns::region::RegionPlace;

/// The files that a user says where clients are by.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlaceFiles {
    /// A table that says where clients are, for latency, geolocation and geoproximity routing: a line for each block with
    /// block, continent, country, subdivision, region, latitude, longitude
    #[arg(long, value_name = "FILE")]
    pub places: Option<PathBuf>,
    /// A geolocation database in MaxMind's format, for clients that no table has
    #[arg(long, value_name = "FILE")]
    pub mmdb: Option<PathBuf>,
    /// Round trips between regions in milliseconds, for latency routing [default: estimated from the distance]
    #[arg(long, value_name = "FILE")]
    pub latencies: Option<PathBuf>,
}

impl PlaceFiles {
    /// The arguments that say the same, with paths that hold in any directory.
    pub fn arguments(&self) -> Vec<std::ffi::OsString> {
        let named = [("--places", &self.places), ("--mmdb", &self.mmdb), ("--latencies", &self.latencies)];
        let given = named.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
        given
            .flat_map(|(name, path)| {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                [name.into(), path.into_os_string()]
            })
            .collect()
    }
}

/// What is known about places.
#[derive(Debug)]
pub struct Places {
    table: PlaceTable,
    latencies: LatencyMatrix,
    locator: Option<Arc<dyn Locate>>,
}

impl Places {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that cannot be read, or the first line of one that is wrong.
    pub fn read(files: &PlaceFiles) -> anyhow::Result<Self> {
        let mut rows = built_in();
        if let Some(path) = &files.places {
            // Of two rows for one block the later counts.
            rows.extend(places::read(&text(path)?).with_context(|| path.display().to_string())?.rows);
        }
        let latencies = match &files.latencies {
            Some(path) => LatencyMatrix::read(&text(path)?).with_context(|| path.display().to_string())?,
            None => LatencyMatrix::default(),
        };
        let locator = match &files.mmdb {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                let database = Mmdb::new(bytes)
                    .with_context(|| format!("{} is no geolocation database", path.display()))?;
                Some(Arc::new(database) as Arc<dyn Locate>)
            }
            None => None,
        };
        Ok(Places { table: PlaceTable { rows }, latencies, locator })
    }

    /// Answers by these places from now on.
    pub fn install(self, store: &Store) {
        store.update(|edit| {
            edit.put_places(&self.table);
            edit.put_latencies(self.latencies);
            edit.put_locator(self.locator);
        });
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The addresses that regions' resolvers ask from.
fn built_in() -> Vec<(ipnet::IpNet, enishi_fabric::dns::Place)> {
    let known = enishi_plan::region_addresses();
    known
        .filter_map(|(name, address)| {
            Some((ipnet::IpNet::from(IpAddr::V4(address)), RegionPlace::of(name)?.place()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_place() {
        assert_eq!(built_in().len(), enishi_plan::region_addresses().count());
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("places");
        std::fs::write(&path, "203.0.113.0/24,EU\nnonsense\n").expect("a file");
        let files = PlaceFiles { places: Some(path.clone()), ..PlaceFiles::default() };
        let error = format!("{:#}", Places::read(&files).expect_err("it is wrong"));
        assert!(error.starts_with(&format!("{}: line 2: ", path.display())), "{error}");
        let files = PlaceFiles { mmdb: Some(path.clone()), ..PlaceFiles::default() };
        let error = format!("{:#}", Places::read(&files).expect_err("it is wrong"));
        assert!(error.contains("is no geolocation database"), "{error}");
        let files = PlaceFiles { latencies: Some(path.with_extension("gone")), ..PlaceFiles::default() };
        assert!(format!("{:#}", Places::read(&files).expect_err("it is gone")).starts_with("cannot read "));
    }
}
