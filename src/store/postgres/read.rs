//! Reading: records, and places that the views name.

use super::hub::Hub;
use super::session::{at, escalation, fixed, maybe, read_tree};
use crate::audit::apart;
use crate::audit::event::{Record, RecordError};
use crate::digest::{InvitationDigest, ValueDigest};
use crate::party::EscalationId;
use crate::store::{Course, Head, Index, Invitation, StoreError};
use crate::tlog::Hash;
use core::ops::Range;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::types::ToSql;

const LEAVES: &str = "SELECT place, leaf, hash FROM records WHERE place = ANY($1)";
const HEAD: &str = "SELECT size, root, frontier FROM head WHERE one = 1";
const LEAF_HASHES: &str = "SELECT hash FROM records WHERE place >= $1 AND place < $2 ORDER BY place";
const NODES: &str = "SELECT hash FROM nodes WHERE level = $1 AND place >= $2 AND place < $3 ORDER BY place";
const KEPT: &str = "SELECT value, bytes FROM kept WHERE value = ANY($1)";
const COURSE: &str = "SELECT place FROM courses WHERE escalation = $1 ORDER BY place";
/// How many leaves are read at once.
const AT_ONCE: usize = 500;

/// A limit as the database takes it.
pub(super) fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A place as the database takes it; none is as far as the last.
pub(super) fn column(index: Index) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// The place that a view names, if it does.
pub(super) async fn place(
    hub: &Hub,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Option<Index>, StoreError> {
    Ok(places(hub, sql, params).await?.first().copied())
}

/// The places that a view names.
pub(super) async fn places(
    hub: &Hub,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Index>, StoreError> {
    let rows = hub.rows(sql, params).await?;
    rows.iter().map(|row| at(row, 0).map_err(StoreError::from)).collect()
}

/// The escalations that a view names.
pub(super) async fn escalations(
    hub: &Hub,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<EscalationId>, StoreError> {
    let rows = hub.rows(sql, params).await?;
    rows.iter().map(|row| escalation(row, 0).map_err(StoreError::from)).collect()
}

/// The leaves at these places, in their order.
pub(super) async fn leaves(hub: &Hub, places: &[Index]) -> Result<Vec<Arc<[u8]>>, StoreError> {
    let mut found: HashMap<Index, Arc<[u8]>> = HashMap::new();
    let mut missing = Vec::new();
    for index in places {
        match hub.cache.get(*index) {
            Some(leaf) => drop(found.insert(*index, leaf)),
            None => missing.push(column(*index)),
        }
    }
    for some in missing.chunks(AT_ONCE) {
        for row in hub.rows(LEAVES, &[&some]).await? {
            let index = at(&row, 0)?;
            let (leaf, hash) = (row.try_get::<_, &[u8]>(1), row.try_get::<_, &[u8]>(2));
            let (leaf, hash) = (leaf.map_err(unreadable)?, hash.map_err(unreadable)?);
            found.insert(index, hub.checked(index, leaf, hash)?);
        }
    }
    let there = |index: &Index| {
        found.get(index).cloned().ok_or_else(|| StoreError::Damaged(format!("there is no record {index}")))
    };
    places.iter().map(there).collect()
}

/// The leaf at this place.
pub(super) async fn leaf(hub: &Hub, index: Index) -> Result<Arc<[u8]>, StoreError> {
    let mut found = leaves(hub, &[index]).await?;
    found.pop().ok_or_else(|| StoreError::Damaged(format!("there is no record {index}")))
}

/// The record at this place.
pub(super) async fn record(hub: &Hub, index: Index) -> Result<Record, StoreError> {
    let mut found = records(hub, &[index]).await?;
    found.pop().ok_or_else(|| StoreError::Damaged(format!("there is no record {index}")))
}

/// The records at these places, each with the values that are kept apart from it.
pub(super) async fn records(hub: &Hub, places: &[Index]) -> Result<Vec<Record>, StoreError> {
    let unreadable = |index: Index, error| StoreError::Damaged(format!("record {index}: {error}"));
    let mut records = Vec::with_capacity(places.len());
    for (index, leaf) in places.iter().zip(leaves(hub, places).await?) {
        records.push(Record::from_bytes(&leaf).map_err(|error| unreadable(*index, error))?);
    }
    let apart = records.iter().flat_map(|record| record.apart.values());
    let named: Vec<Vec<u8>> = apart.map(|apart| apart.value.as_bytes().to_vec()).collect();
    if named.is_empty() {
        return Ok(records);
    }
    let mut kept: HashMap<ValueDigest, Option<Vec<u8>>> = HashMap::new();
    for row in hub.rows(KEPT, &[&named]).await? {
        let value = ValueDigest::from_bytes(fixed(&row, 0)?);
        kept.insert(value, row.try_get(1).map_err(self::unreadable)?);
    }
    let mut joined = Vec::with_capacity(records.len());
    for (index, record) in places.iter().zip(records) {
        let mut lost = None;
        let mut look = |apart: &crate::audit::event::Apart| match kept.get(&apart.value) {
            Some(bytes) => Ok(bytes.clone()),
            None => {
                lost = Some(apart.value);
                Err(RecordError::TooLong)
            }
        };
        let record = apart::join(record, &mut look);
        joined.push(record.map_err(|error| match lost {
            Some(value) => StoreError::Damaged(format!("`{value}` is missing, and nobody erased it")),
            None => unreadable(*index, error),
        })?);
    }
    Ok(joined)
}

fn unreadable(error: tokio_postgres::Error) -> StoreError {
    StoreError::from(super::error::Trouble::from(error))
}

/// The head of the log.
pub(super) async fn head(hub: &Hub) -> Result<Head, StoreError> {
    let known = hub.progress.size();
    let rows = hub.rows(HEAD, &[]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Damaged("the log has no head".to_owned()))?;
    let tree = read_tree(row)?;
    hub.seen(tree.size(), known)?;
    Ok(Head { size: tree.size(), root: tree.root() })
}

/// Hashes of the tree.
pub(super) async fn hashes(hub: &Hub, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
    let (from, to) = (column(range.start), column(range.end));
    let rows = match level {
        0 => hub.rows(LEAF_HASHES, &[&from, &to]).await?,
        _ => hub.rows(NODES, &[&i16::from(level), &from, &to]).await?,
    };
    let wanted = range.end.saturating_sub(range.start);
    if rows.len() as u64 != wanted {
        let (there, end) = (range.start + rows.len() as u64, range.end);
        return Err(StoreError::Damaged(format!("level {level} of the tree has {there} hashes, not {end}")));
    }
    rows.iter().map(|row| Ok(Hash::from_bytes(fixed(row, 0)?))).collect()
}

/// What is on record of a join token.
pub(super) async fn invitation(
    hub: &Hub,
    digest: InvitationDigest,
) -> Result<Option<Invitation>, StoreError> {
    const SQL: &str = "SELECT made, used FROM invitations WHERE invitation = $1";
    let rows = hub.rows(SQL, &[&&digest.as_bytes()[..]]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let used = maybe(row, 1)?;
    Ok(maybe(row, 0)?.map(|made| Invitation { made, used }))
}

/// The course of an escalation.
pub(super) async fn course(hub: &Hub, id: EscalationId) -> Result<Course, StoreError> {
    // One statement sees a change whole or not at all; records never change.
    let places = places(hub, COURSE, &[&&id.as_bytes()[..]]).await?;
    let records = records(hub, &places).await?;
    Ok(Course { records: places.into_iter().zip(records).collect() })
}
