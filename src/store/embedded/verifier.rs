//! The thread that reads what opening did not: the views that a killed process left, every byte of the segments that
//! have ended, and the leaves in them.

use super::look::unreadable;
use super::tree::Tree;
use super::views::Views;
use super::{Notice, Tell};
use crate::journal::Reader;
use crate::store::{Index, StoreError};
use crate::tlog::{Hash, leaf_hash};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// It rests for so many times as long as it works, so that it never takes a fifth of a processor.
const RESTS: u32 = 5;

pub(super) struct Verifier {
    pub(super) reader: Reader,
    pub(super) tree: Arc<Tree>,
    pub(super) views: Arc<Views>,
    pub(super) tell: Option<Tell>,
}

impl Verifier {
    /// Checks the views, where they are `unchecked`, and verifies the segments that hold these records, until the store
    /// is closed.
    pub(super) fn run(&self, unchecked: bool, unread: Range<Index>) {
        if unchecked && !self.check_views() {
            return;
        }
        let records = unread.end - unread.start;
        let mut at = unread.start;
        while at < unread.end {
            let since = Instant::now();
            match self.segment(at) {
                Ok(Some(next)) => at = next,
                Ok(None) => break,
                Err(error) => {
                    self.tell(&Notice::Unsound(error.to_string()));
                    return self.tree.give_up(error);
                }
            }
            if !self.rest(since) {
                return;
            }
        }
        if records == 0 {
            return;
        }
        self.tell(&Notice::Verified { records });
    }

    /// Whether the store is still in use afterwards. What is wrong with the views is mended as it always is.
    fn check_views(&self) -> bool {
        loop {
            let since = Instant::now();
            if let Ok(true) | Err(_) = self.views.check_some() {
                return true;
            }
            if !self.rest(since) {
                return false;
            }
        }
    }

    fn rest(&self, since: Instant) -> bool {
        self.views.pause(since.elapsed().max(Duration::from_millis(1)) * RESTS)
    }

    /// Verifies one segment; says where the next one begins.
    fn segment(&self, at: Index) -> Result<Option<Index>, StoreError> {
        let mut leaves: Vec<Hash> = Vec::new();
        let mut first = None;
        let mut see = |index: Index, record: &[u8]| {
            first.get_or_insert(index);
            leaves.push(leaf_hash(record));
        };
        let next = self.reader.verify_segment(at, &mut see).map_err(unreadable)?;
        let first = first.unwrap_or(at);
        match self.tree.hashes(0, first..first + leaves.len() as u64)? {
            // The tree's own files are wrong. To mend them all records are hashed, and compared with its head.
            None => self.views.report_tree(),
            Some(known) => {
                let differing = known.iter().zip(&leaves).position(|(known, found)| known != found);
                if let Some(place) = differing {
                    return Err(Tree::altered(first + place as u64));
                }
            }
        }
        Ok(next)
    }

    fn tell(&self, notice: &Notice) {
        if let Some(tell) = &self.tell {
            tell(notice);
        }
    }
}
