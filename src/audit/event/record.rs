//! A record: one leaf of the log, in its canonical form.

use super::{Adopted, Event};
use crate::digest::ValueDigest;
use crate::moment::Moment;
use crate::operation::json::{self, Limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest canonical record in bytes; it holds a payload of 1 MiB in base64 beside everything else.
pub const MAX_RECORD: usize = 4 * 1024 * 1024;

const LIMITS: Limits = Limits { bytes: MAX_RECORD, depth: 48, members: 65_536 };

/// One leaf of the log: an event and when it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format: 1.
    pub v: u32,
    /// When it was recorded, in Unix milliseconds.
    pub at: Moment,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Where it was recorded first, if a sidecar did; then `at` is when its desk adopted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Adopted>,
    /// Values of the event that are kept apart from the log, by where they belong: a JSON pointer (RFC 6901) into the
    /// record. What stands there instead is a stand-in: a masked text, or the beginning of a long one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apart: BTreeMap<String, Apart>,
}

/// A value that is kept apart from the log, where it can be erased; the log holds what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apart {
    /// SHA-256 of a random salt of 16 bytes and the value. Once the salt is gone, no guess can be confirmed.
    pub value: ValueDigest,
    /// How long the value is, in bytes.
    pub bytes: u64,
    /// Why it is kept apart.
    pub why: WhyApart,
}

/// Why a value is kept apart from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyApart {
    /// It is longer than what fits into a leaf.
    Large,
    /// It is secret, or names a person.
    Secret,
}

/// Why a record could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// It is longer than [`MAX_RECORD`], or has a form that the canonical writer refuses.
    Unwritable(json::ReadError),
    /// It does not fit into a leaf, whatever is kept apart from it.
    TooLong,
    /// The bytes are not a record of this version.
    Unreadable(String),
}

impl core::fmt::Display for RecordError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unwritable(error) => write!(f, "the event cannot be recorded: {error}"),
            Self::TooLong => {
                f.write_str("the event cannot be recorded: it does not fit into a leaf of the log")
            }
            Self::Unreadable(what) => write!(f, "not a record of version 1: {what}"),
        }
    }
}

impl std::error::Error for RecordError {}

impl Record {
    /// Records `event` at `at`.
    #[must_use]
    pub const fn new(at: Moment, event: Event) -> Self {
        Self { v: 1, at, event, from: None, apart: BTreeMap::new() }
    }

    /// When it happened: when it was first recorded, wherever that was.
    #[must_use]
    pub fn happened(&self) -> Moment {
        self.from.as_ref().map_or(self.at, |from| from.at)
    }

    /// What happened, in one sentence without a full stop; and in which log it was first, if not in this one.
    #[must_use]
    pub fn sentence(&self) -> String {
        let sentence = self.event.sentence();
        match &self.from {
            None => sentence,
            Some(from) => {
                format!("{sentence} (from `{}`, record {}, at {})", from.origin, from.index, from.at)
            }
        }
    }

    /// The canonical bytes (RFC 8785): a leaf of the log.
    ///
    /// # Errors
    /// [`RecordError::Unwritable`] if it is too long.
    pub fn to_canonical(&self) -> Result<Vec<u8>, RecordError> {
        let plain = serde_json::to_vec(self).map_err(|error| RecordError::Unreadable(error.to_string()))?;
        let mut canonical = Vec::with_capacity(plain.len());
        json::canonicalize(&plain, &LIMITS, &mut canonical).map_err(RecordError::Unwritable)?;
        Ok(canonical)
    }

    /// Reads a leaf of the log.
    ///
    /// # Errors
    /// [`RecordError::Unreadable`] if it is not a record of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| RecordError::Unreadable(error.to_string()))?;
        match record.v {
            1 => Ok(record),
            other => Err(RecordError::Unreadable(format!("version {other}"))),
        }
    }
}
