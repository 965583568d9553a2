//! Which of the things that contradict each other was altered: entries, tiles and signed roots each vouch for the rest.

use super::fault::Fault;
use super::report::Report;
use super::signatures::Held;
use super::{Kept, Pass};
use crate::tlog::{Frontier, Hash, Tile};
use std::collections::BTreeMap;

/// How many differences are remembered.
const MOST: usize = 256;

/// What tiles say beside what the entries give.
pub(super) struct Compared {
    /// The tree that the tiles of the leaves' hashes make.
    tiled: Frontier,
    /// Its roots at the sizes that are wanted.
    roots: BTreeMap<u64, Option<Hash>>,
    differences: Vec<Difference>,
}

struct Difference {
    level: u8,
    /// The place of the hash in its level.
    place: u64,
    file: String,
    byte: u64,
}

impl Compared {
    pub(super) fn new(sizes: impl Iterator<Item = u64>) -> Self {
        let roots = sizes.map(|size| (size, None)).collect();
        Self { tiled: Frontier::default(), roots, differences: Vec::new() }
    }

    /// Takes a tile as it is kept, beside the hashes that the entries give.
    pub(super) fn tile(&mut self, level: u8, tile: Tile, file: &str, given: &[Hash], kept: &[Hash]) {
        for ((offset, given), kept) in (0..).zip(given).zip(kept) {
            let place = tile.places().start + offset;
            if given != kept && self.differences.len() < MOST {
                let (file, byte) = (file.to_owned(), offset * Hash::BYTES as u64);
                self.differences.push(Difference { level, place, file, byte });
            }
            // A tile that is missing leaves a gap; then nothing follows from those behind it.
            if level == 0 && place == self.tiled.size() {
                self.tiled.push(*kept);
                if let Some(root) = self.roots.get_mut(&self.tiled.size()) {
                    *root = Some(self.tiled.root());
                }
            }
        }
    }
}

/// Says what was altered.
pub(super) fn blame(held: &[Held], pass: &Pass, kept: &dyn Kept, report: &mut Report) {
    let believed: Vec<&Held> = held.iter().filter(|held| held.is_believed()).collect();
    let computed = |held: &Held| pass.roots.get(&held.size()).copied().flatten();
    let entries_are_signed =
        |held: &&&Held| computed(held).is_some_and(|root| root == held.checkpoint().root);
    let latest = believed.iter().filter(entries_are_signed).max_by_key(|held| held.size());
    report.covered = latest.map_or(0, |held| held.size());
    report.root = latest.map(|held| held.checkpoint().root);
    for held in &believed {
        let (size, root) = (held.size(), held.checkpoint().root);
        let Some(computed) = computed(held).filter(|computed| *computed != root) else { continue };
        let tiled = pass.compared.roots.get(&size).copied().flatten();
        // The tiles are those that were signed, so the entries are not.
        if tiled == Some(root) {
            continue;
        }
        let words = match latest {
            Some(latest) if latest.size() > size => format!(
                "the log signed another history: the root of its first {size} entries was {root}, and of these it is \
                 {computed}, which the checkpoint of size {} continues",
                latest.size()
            ),
            Some(latest) => format!(
                "the log signed another history: up to entry {} it is this one, and the root of its first {size} \
                 entries was {root}, not {computed}",
                latest.size()
            ),
            None => format!("the root of the first {size} entries is {computed}, and the log signed {root}"),
        };
        let code = if latest.is_some() { "log.fork" } else { "log.root" };
        report.fault(Fault::tampered(code, held.place.clone(), words));
    }
    for difference in &pass.compared.differences {
        let Difference { level, place, file, byte } = difference;
        let leaves = (place + 1) << (8 * u32::from(*level));
        // An entry up to which the entries are those that were signed is what it was.
        if leaves <= report.covered {
            let words = format!("hash {place} of level {level} is not the one that the entries give");
            report.fault(Fault::tampered("log.tile", file.clone(), words).byte(Some(*byte)));
        } else if *level == 0 {
            let (file, byte) = kept.place(*place);
            let words = "the entry is not the one whose hash was logged";
            report.fault(Fault::tampered("log.entry", file, words).byte(byte).at(*place));
        }
    }
}
