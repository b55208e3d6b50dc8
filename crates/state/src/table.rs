//! A table: rows by id, in order, with secondary indexes; a persistent structure, so that a snapshot is a cheap clone.

use std::fmt::Debug;
use std::ops::Bound;
use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ResourceId;

/// A resource as the world keeps it.
pub trait Row: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its id.
    type Id: ResourceId;

    /// The table's name in the journal; never reused for another kind of row.
    const TABLE: &'static str;

    /// The id of this row.
    fn id(&self) -> Self::Id;

    /// Declares under which secondary keys the row is found.
    fn keys(&self, keys: &mut Keys) {
        let _ = keys;
    }
}

/// Collects the secondary keys of a row.
#[derive(Debug, Default)]
pub struct Keys(Vec<(&'static str, Arc<str>)>);

impl Keys {
    /// The row is found by `value` in the index `index`.
    pub fn add(&mut self, index: &'static str, value: &str) {
        self.0.push((index, value.into()));
    }
}

type IndexEntry<I> = (&'static str, Arc<str>, Option<I>);

/// Rows of one kind. Iteration is in the order of ids.
#[derive(Clone)]
pub struct Table<R: Row> {
    rows: RedBlackTreeMapSync<R::Id, Arc<R>>,
    index: RedBlackTreeSetSync<IndexEntry<R::Id>>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Table { rows: RedBlackTreeMapSync::new_sync(), index: RedBlackTreeSetSync::new_sync() }
    }
}

impl<R: Row> PartialEq for Table<R> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<R: Row> Debug for Table<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<R: Row> Table<R> {
    /// The row with this id.
    pub fn get(&self, id: &R::Id) -> Option<&R> {
        self.rows.get(id).map(Arc::as_ref)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.size()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Every row.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.values().map(Arc::as_ref)
    }

    /// The rows from `id` on, that row included.
    pub fn from<'t>(&'t self, id: &R::Id) -> impl Iterator<Item = &'t R> + use<'t, R> {
        self.rows.range((Bound::Included(id.clone()), Bound::Unbounded)).map(|(_, row)| row.as_ref())
    }

    /// The rows that declared `value` in `index`, see [`Row::keys`].
    pub fn by<'t>(&'t self, index: &'static str, value: &str) -> impl Iterator<Item = &'t R> + use<'t, R> {
        let value: Arc<str> = value.into();
        let start = Bound::Included((index, value.clone(), None));
        self.index
            .range((start, Bound::Unbounded))
            .take_while(move |(i, v, _)| *i == index && *v == value)
            .filter_map(|(_, _, id)| id.as_ref().and_then(|id| self.get(id)))
    }

    /// The rows that declared anything in `index`, in the order of what they declared.
    pub fn in_order<'t>(&'t self, index: &'static str) -> impl Iterator<Item = &'t R> + use<'t, R> {
        let start = Bound::Included((index, Arc::from(""), None));
        self.index
            .range((start, Bound::Unbounded))
            .take_while(move |(i, _, _)| *i == index)
            .filter_map(|(_, _, id)| id.as_ref().and_then(|id| self.get(id)))
    }

    /// Inserts or replaces a row.
    pub(crate) fn put(&mut self, row: R) {
        let id = row.id();
        self.unindex(&id);
        let mut keys = Keys::default();
        row.keys(&mut keys);
        for (index, value) in keys.0 {
            self.index.insert_mut((index, value, Some(id.clone())));
        }
        self.rows.insert_mut(id, Arc::new(row));
    }

    /// Removes a row; says whether it was there.
    pub(crate) fn remove(&mut self, id: &R::Id) -> bool {
        self.unindex(id);
        self.rows.remove_mut(id)
    }

    fn unindex(&mut self, id: &R::Id) {
        let Some(old) = self.rows.get(id) else { return };
        let mut keys = Keys::default();
        old.keys(&mut keys);
        for (index, value) in keys.0 {
            self.index.remove_mut(&(index, value, Some(id.clone())));
        }
    }
}
