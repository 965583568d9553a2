//! What a power cut may leave of a disk: everything synced, and of the rest any version of any page or sector.

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::disk::{Files, Inode, Op};

const PAGE: usize = 4096;
const SECTOR: usize = 512;

/// How cruel a cut is to what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cruelty {
    /// Everything reached the disk, as after a kill of the process.
    Nothing,
    /// Nothing did.
    Everything,
    /// Writes reached the disk in order, up to some point.
    Prefix,
    /// Each page did or didn't, in any of the versions it had.
    Pages,
    /// Each sector of each page did or didn't, in any version.
    Sectors,
    /// As pages; and space that was allocated and not written holds what somebody else had left there.
    Junk,
}

pub const CRUELTIES: [Cruelty; 6] =
    [Cruelty::Nothing, Cruelty::Everything, Cruelty::Prefix, Cruelty::Pages, Cruelty::Sectors, Cruelty::Junk];

#[derive(Clone, Default)]
struct Node {
    durable: Vec<u8>,
    cached: Vec<u8>,
    /// The versions that each page had since it was synced, with the operation that made it.
    dirty: BTreeMap<usize, Vec<(usize, Vec<u8>)>>,
    /// The lengths that the file had since it was synced.
    lengths: Vec<(usize, usize)>,
}

#[derive(Clone)]
enum Entry {
    Set(String, Inode),
    Gone(String),
}

/// A disk on which operations are played; at any point the power can be cut.
#[derive(Clone, Default)]
pub struct Platter {
    nodes: Vec<Node>,
    names: BTreeMap<String, Inode>,
    durable_names: BTreeMap<String, Inode>,
    pending_names: Vec<(usize, Vec<Entry>)>,
    played: usize,
    /// A failed sync left somebody else's bytes in new space.
    pub left_junk: bool,
}

impl Platter {
    /// A disk at rest, numbering its files as [`crate::disk::MemoryDisk::of`] does.
    pub fn of(files: &Files) -> Self {
        let mut platter = Self::default();
        for (name, bytes) in files {
            platter.names.insert(name.clone(), platter.nodes.len());
            platter.nodes.push(Node { durable: bytes.clone(), cached: bytes.clone(), ..Node::default() });
        }
        platter.durable_names = platter.names.clone();
        platter
    }

    pub fn play(&mut self, op: &Op, chance: &mut Chance) {
        self.played += 1;
        match op {
            Op::Create { name, inode } => {
                assert_eq!(*inode, self.nodes.len());
                self.nodes.push(Node::default());
                self.names.insert(name.clone(), *inode);
                self.pending_names.push((self.played, vec![Entry::Set(name.clone(), *inode)]));
            }
            Op::Rename { from, to } => {
                let inode = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), inode);
                let entries = vec![Entry::Gone(from.clone()), Entry::Set(to.clone(), inode)];
                self.pending_names.push((self.played, entries));
            }
            Op::Remove { name } => {
                self.names.remove(name).unwrap();
                self.pending_names.push((self.played, vec![Entry::Gone(name.clone())]));
            }
            Op::SyncDir => {
                self.durable_names = self.names.clone();
                self.pending_names.clear();
            }
            Op::Write { inode, offset, bytes } => {
                let (played, node) = (self.played, &mut self.nodes[*inode]);
                let (from, to) = (*offset as usize, *offset as usize + bytes.len());
                if to > node.cached.len() {
                    node.cached.resize(to, 0);
                    node.lengths.push((played, to));
                }
                node.cached[from..to].copy_from_slice(bytes);
                for page in from / PAGE..to.div_ceil(PAGE) {
                    let content = page_of(&node.cached, page);
                    node.dirty.entry(page).or_default().push((played, content));
                }
            }
            Op::Sync { inode } => {
                let node = &mut self.nodes[*inode];
                node.durable.resize(node.cached.len(), 0);
                for (page, versions) in std::mem::take(&mut node.dirty) {
                    put_page(&mut node.durable, page, &versions.last().unwrap().1);
                }
                node.lengths.clear();
            }
            Op::FailedSync { inode } => {
                // What reached the disk is anyone's guess, and nobody will write the rest again.
                let cruelty = *chance.of(&CRUELTIES);
                self.left_junk |= cruelty == Cruelty::Junk;
                let node = &mut self.nodes[*inode];
                node.durable = node.after_cut(cruelty, usize::MAX, chance);
                node.dirty.clear();
                node.lengths.clear();
                if node.cached.len() > node.durable.len() {
                    node.lengths.push((self.played, node.cached.len()));
                }
            }
            Op::Told(_) => {}
        }
    }

    /// The files that are there when the power comes back.
    pub fn cut(&self, cruelty: Cruelty, chance: &mut Chance) -> Files {
        let oldest = self.nodes.iter().flat_map(|node| node.dirty.values().flatten().map(|(at, _)| *at));
        let oldest = oldest.chain(self.pending_names.iter().map(|(at, _)| *at)).min().unwrap_or(self.played);
        let until = chance.between(oldest.saturating_sub(1), self.played);
        let mut names = self.durable_names.clone();
        for (at, entries) in &self.pending_names {
            let kept = match cruelty {
                Cruelty::Nothing => true,
                Cruelty::Everything => false,
                Cruelty::Prefix => *at <= until,
                Cruelty::Pages | Cruelty::Sectors | Cruelty::Junk => chance.one_in(2),
            };
            for entry in entries.iter().filter(|_| kept) {
                match entry {
                    Entry::Set(name, inode) => names.insert(name.clone(), *inode),
                    Entry::Gone(name) => names.remove(name),
                };
            }
        }
        let files = names.into_iter();
        files.map(|(name, inode)| (name, self.nodes[inode].after_cut(cruelty, until, chance))).collect()
    }
}

impl Node {
    fn after_cut(&self, cruelty: Cruelty, until: usize, chance: &mut Chance) -> Vec<u8> {
        let lengths: Vec<_> =
            self.lengths.iter().filter(|(at, _)| *at <= until || cruelty != Cruelty::Prefix).collect();
        let longest = lengths.last().map_or(self.durable.len(), |(_, length)| *length);
        let length = match cruelty {
            Cruelty::Nothing | Cruelty::Prefix => longest,
            Cruelty::Everything => self.durable.len(),
            // Not even the end of a write: file systems lengthen a file as its pages are allocated.
            Cruelty::Pages | Cruelty::Sectors | Cruelty::Junk => *chance.of(&[
                self.durable.len(),
                longest,
                chance.clone().between(self.durable.len(), longest),
            ]),
        };
        let mut bytes = self.durable.clone();
        bytes.resize(length.max(bytes.len()), 0);
        if cruelty == Cruelty::Junk {
            for byte in &mut bytes[self.durable.len()..] {
                *byte = chance.byte();
            }
        }
        for (page, versions) in &self.dirty {
            let possible =
                versions.iter().take_while(|(at, _)| *at <= until || cruelty != Cruelty::Prefix).count();
            let chosen = |version: usize| version.checked_sub(1).map(|version| &versions[version].1);
            match cruelty {
                Cruelty::Everything => {}
                Cruelty::Nothing | Cruelty::Prefix => {
                    if let Some(content) = chosen(possible) {
                        put_page(&mut bytes, *page, content);
                    }
                }
                Cruelty::Pages | Cruelty::Junk => {
                    if let Some(content) = chosen(chance.between(0, possible)) {
                        put_page(&mut bytes, *page, content);
                    }
                }
                Cruelty::Sectors => {
                    for sector in 0..PAGE / SECTOR {
                        if let Some(content) = chosen(chance.between(0, possible)) {
                            let part = content.get(sector * SECTOR..).unwrap_or_default();
                            put(&mut bytes, page * PAGE + sector * SECTOR, &part[..part.len().min(SECTOR)]);
                        }
                    }
                }
            }
        }
        bytes
    }
}

fn page_of(bytes: &[u8], page: usize) -> Vec<u8> {
    bytes[page * PAGE..bytes.len().min((page + 1) * PAGE)].to_vec()
}

fn put_page(bytes: &mut [u8], page: usize, content: &[u8]) {
    put(bytes, page * PAGE, content);
}

/// Writes what fits: what lies beyond the length that reached the disk is lost.
fn put(bytes: &mut [u8], at: usize, content: &[u8]) {
    if let Some(room) = bytes.get_mut(at..) {
        let length = room.len().min(content.len());
        room[..length].copy_from_slice(&content[..length]);
    }
}
