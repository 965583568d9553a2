//! What is found against a record: where, what, and how much it matters.

use super::codes::meaning;
use crate::party::TxnId;
use core::fmt;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is worth knowing, and can happen where everybody does what they ought to.
    Note,
    /// It cannot have happened, or may not.
    Finding,
}

impl Severity {
    /// `finding` or `note`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Finding => "finding",
        }
    }
}

/// Something that speaks against a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record that shows it; the place behind the last one for what is missing at the end.
    pub index: u64,
    /// How much it matters.
    pub severity: Severity,
    /// What it is: a stable code, explained by [`meaning`].
    pub code: &'static str,
    /// What is wrong, in words.
    pub words: String,
    /// The decision that it is about, if it is about one.
    pub txn: Option<TxnId>,
}

/// `record 17: finding mint.without_decision: …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {} {}: {}", self.index, self.severity.as_str(), self.code, self.words)
    }
}

/// What is found in one record.
pub(super) struct Findings {
    index: u64,
    txn: Option<TxnId>,
    found: Vec<Finding>,
}

impl Findings {
    pub(super) const fn at(index: u64) -> Self {
        Self { index, txn: None, found: Vec::new() }
    }

    /// From here on it is about this decision.
    pub(super) const fn about(&mut self, txn: TxnId) {
        self.txn = Some(txn);
    }

    /// What this says is about another record.
    pub(super) fn elsewhere(&mut self, index: u64, txn: TxnId, says: impl FnOnce(&mut Self)) {
        let here = (core::mem::replace(&mut self.index, index), self.txn.replace(txn));
        says(self);
        (self.index, self.txn) = here;
    }

    pub(super) fn finding(&mut self, code: &'static str, words: impl Into<String>) {
        self.push(Severity::Finding, code, words.into());
    }

    pub(super) fn note(&mut self, code: &'static str, words: impl Into<String>) {
        self.push(Severity::Note, code, words.into());
    }

    /// A finding unless this holds.
    pub(super) fn require(&mut self, holds: bool, code: &'static str, words: impl FnOnce() -> String) {
        if !holds {
            self.push(Severity::Finding, code, words());
        }
    }

    fn push(&mut self, severity: Severity, code: &'static str, words: String) {
        debug_assert!(meaning(code).is_some(), "{code} is not explained");
        self.found.push(Finding { index: self.index, severity, code, words, txn: self.txn });
    }

    /// Whether nothing was found yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_inner(self) -> Vec<Finding> {
        self.found
    }
}
