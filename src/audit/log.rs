//! A log as somebody keeps it, verified whole: from its signatures down to what its entries mean.
//!
//! Nothing that is kept is believed: the tree is computed anew from the entries, every tile is compared with it, every
//! checkpoint is compared with its root at that size, and the entries are read strictly and judged by [`verify`]
//! (the sibling module). What is wrong is said with its place. Whoever keeps the log hands out bytes ([`Kept`]) and
//! reads the leaves ([`Leaf`]), on as many threads as they like.
//!
//! [`verify`]: super::verify

mod blame;
mod fault;
mod leaf;
mod report;
mod signatures;

pub use fault::{Fault, Proof};
pub use leaf::{EntryFault, Leaf};
pub use report::{Report, Verdict};

use super::event::Event;
use super::verify::{Auditor, Trust};
use crate::digest::KeyId;
use crate::party::TrustDomain;
use crate::tlog::{Frontier, Hash, TILE_WIDTH, Tile, TileKind, read_tile};
use blame::{Compared, blame};
use signatures::{Held, read_checkpoints};
use std::collections::{BTreeMap, BTreeSet};

/// A document that is kept, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its file, as whoever keeps it calls it.
    pub place: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Whoever keeps a log.
pub trait Kept {
    /// The latest checkpoint; nothing if there is none.
    ///
    /// # Errors
    /// A [`Fault`] where it is there and cannot be read.
    fn latest(&self) -> Result<Option<Document>, Fault>;

    /// Earlier checkpoints, in whatever order; the latest may be among them.
    ///
    /// # Errors
    /// A [`Fault`] where one is there and cannot be read.
    fn history(&self) -> Result<Vec<Document>, Fault>;

    /// The certificates of the keys that sign, each document a chain: one certificate a line, the root's first.
    ///
    /// # Errors
    /// A [`Fault`] where one is there and cannot be read.
    fn certificates(&self) -> Result<Vec<Document>, Fault>;

    /// A tile of hashes; nothing if there is none.
    ///
    /// # Errors
    /// A [`Fault`] where it is there and cannot be read.
    fn tile(&self, tile: Tile) -> Result<Option<Document>, Fault>;

    /// Whether tiles are kept at all; otherwise none is asked for.
    fn has_tiles(&self) -> bool;

    /// Whether this is the log itself and not a copy: then what it lacks was taken away.
    fn is_original(&self) -> bool;

    /// Where the leaf at this index stands: a file, and the byte in it, where that is known.
    fn place(&self, index: u64) -> (String, Option<u64>);
}

/// What is learnt of a log while its leaves go by.
struct Pass {
    frontier: Frontier,
    /// The hashes of each level that fill no tile yet, with the number of tiles before them.
    edges: Vec<(u64, Vec<Hash>)>,
    /// The sizes of which a root is wanted, with the root.
    roots: BTreeMap<u64, Option<Hash>>,
    /// How many leaves the latest checkpoint covers.
    covered: u64,
    compared: Compared,
    certificates: Vec<String>,
    revoked: BTreeSet<KeyId>,
    domain: Option<TrustDomain>,
    origin: Option<String>,
}

/// Verifies a log whole. `leaves` are all that are kept, in order, and end with the first that cannot be had; what is
/// told with `progress` is how many have gone by.
pub fn verify(
    kept: &dyn Kept,
    leaves: impl Iterator<Item = Result<Leaf, Fault>>,
    trust: Trust,
    mut progress: impl FnMut(u64),
) -> Report {
    let mut report = Report::default();
    let held = read_checkpoints(kept, &mut report);
    let covered = held.iter().map(|held| held.size()).max().unwrap_or(0);
    let policy = trust.policy.clone();
    let roots = trust.roots.clone();
    let mut auditor = Auditor::new(trust);
    let mut pass = Pass {
        frontier: Frontier::default(),
        edges: Vec::new(),
        roots: held.iter().map(|held| (held.size(), None)).collect(),
        covered,
        compared: Compared::new(held.iter().map(Held::size)),
        certificates: Vec::new(),
        revoked: BTreeSet::new(),
        domain: None,
        origin: None,
    };
    pass.note_size(kept, &mut report);
    for leaf in leaves {
        let leaf = match leaf {
            Ok(leaf) => leaf,
            Err(fault) => {
                report.fault(fault);
                break;
            }
        };
        let index = pass.frontier.size();
        pass.take(&leaf, kept, &mut report);
        match leaf.entry {
            Ok(record) => {
                pass.note_event(&record.event);
                report.findings(auditor.take(index, record));
            }
            Err(fault) => report.findings(vec![fault.finding(index)]),
        }
        progress(pass.frontier.size());
    }
    let (findings, summary) = auditor.end();
    report.findings(findings);
    report.summary = summary;
    report.entries = pass.frontier.size();
    check_length(&pass, kept, &mut report);
    signatures::check(&held, &pass, kept, &roots, policy.as_ref(), &mut report);
    blame(&held, &pass, kept, &mut report);
    report.covered = report.covered.min(report.entries);
    report
}

impl Pass {
    /// Takes the next leaf into the tree.
    fn take(&mut self, leaf: &Leaf, kept: &dyn Kept, report: &mut Report) {
        let mut full = Vec::new();
        let Self { frontier, edges, .. } = self;
        frontier.push_keeping(leaf.hash, |level, hash| {
            let place = usize::from(level);
            if edges.len() <= place {
                edges.resize(place + 1, (0, Vec::new()));
            }
            if let Some((before, edge)) = edges.get_mut(place) {
                edge.push(hash);
                if edge.len() as u64 == TILE_WIDTH {
                    full.push((level, *before, core::mem::take(edge)));
                    *before += 1;
                }
            }
        });
        for (level, place, hashes) in full {
            // What no checkpoint covers nobody has signed, and there is no tile of it.
            let end = (place + 1) << (8 * (u32::from(level) + 1));
            if end <= self.covered {
                self.compare(level, place, &hashes, kept, report);
            }
        }
        self.note_size(kept, report);
    }

    /// What is to be done at this size: its root is wanted, or it is the last that is covered.
    fn note_size(&mut self, kept: &dyn Kept, report: &mut Report) {
        let size = self.frontier.size();
        if let Some(root) = self.roots.get_mut(&size) {
            *root = Some(self.frontier.root());
        }
        if size == self.covered {
            let edges = self.edges.clone();
            for (level, (place, hashes)) in (0..).zip(edges) {
                if !hashes.is_empty() {
                    self.compare(level, place, &hashes, kept, report);
                }
            }
        }
    }

    /// Compares a tile with what the entries give.
    fn compare(&mut self, level: u8, place: u64, hashes: &[Hash], kept: &dyn Kept, report: &mut Report) {
        if !kept.has_tiles() {
            return;
        }
        let width = u16::try_from(hashes.len()).unwrap_or(u16::MAX);
        let Some(tile) = Tile::new(TileKind::Hashes(level), place, width) else { return };
        let document = match kept.tile(tile) {
            Err(fault) => return report.fault(fault),
            Ok(None) => {
                let words = "this tile is missing, so whether it was what the entries give is not known";
                return report.fault(Fault::undecided("log.missing_tile", tile.to_string(), words));
            }
            Ok(Some(document)) => document,
        };
        let Some(read) = read_tile(&document.bytes, width) else {
            let words =
                format!("a tile of {width} hashes has {} bytes, not {}", width * 32, document.bytes.len());
            return report.fault(Fault::tampered("log.tile", document.place, words));
        };
        self.compared.tile(level, tile, &document.place, hashes, &read);
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::KeyCertified { certificate, .. } => {
                if !self.certificates.contains(certificate) {
                    self.certificates.push(certificate.clone());
                }
            }
            Event::KeyRevoked { kid } => {
                self.revoked.insert(*kid);
            }
            Event::Started { domain, origin, .. } => {
                if self.domain.is_none() {
                    self.domain.clone_from(domain);
                }
                if self.origin.is_none() {
                    self.origin = origin.as_ref().map(|origin| origin.as_str().to_owned());
                }
            }
            Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Absence { .. }
            | Event::Queued(_)
            | Event::Decided(_)
            | Event::Escalation { .. }
            | Event::Drill { .. }
            | Event::Minted(_)
            | Event::Reported(_)
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => {}
        }
    }
}

/// Whether all entries are there that a checkpoint says there were.
fn check_length(pass: &Pass, kept: &dyn Kept, report: &mut Report) {
    let entries = pass.frontier.size();
    if entries >= pass.covered || report.stopped_early() {
        return;
    }
    let (place, _) = kept.place(entries);
    let words = format!("there are {entries} entries, and the log had signed {}", pass.covered);
    report.fault(match kept.is_original() {
        true => Fault::tampered("log.rolled_back", place, words).at(entries),
        false => Fault::undecided("log.missing_entry", place, words).at(entries),
    });
}
