//! An exported log as a folder of files (C2SP tlog-tiles), and a service's own folder, each as something that keeps a
//! log.

use crate::audit::log::{Document, Fault, Kept, Leaf};
use crate::cli::exit::Failed;
use crate::journal::Journal;
use crate::store::StoreError;
use crate::store::embedded::Look;
use crate::tlog::{MAX_ENTRY, MAX_NOTE, TILE_WIDTH, Tile, TileKind, read_bundle};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// The latest checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The folder of earlier ones, each by its size.
pub(super) const CHECKPOINTS: &str = "checkpoints";
/// The folder of the certificates of the log's keys.
pub(super) const KEYS: &str = "keys";
/// The folder in a service's own in which its checkpoints are.
const LOG: &str = "log";
/// The latest of them that witnesses have cosigned.
const COSIGNED: &str = "cosigned";
/// The journal of them.
const HISTORY: &str = "history";

const MOST_OF_A_BUNDLE: usize = 256 * (MAX_ENTRY + 2);
const MOST_OF_A_TILE: usize = 256 * 32;
const MOST_OF_A_CHAIN: usize = 64 * 1024;
/// How many leaves are read at a time where they are not in bundles.
const AT_A_TIME: usize = 256;
/// How many portions of leaves wait for each reader.
const WAITING: usize = 4;

/// An exported log.
#[derive(Clone)]
pub(super) struct Exported {
    folder: PathBuf,
}

/// The log of a service, in its own folder.
pub(super) struct Own {
    folder: PathBuf,
    latest: Option<Document>,
    history: Vec<Document>,
    look: Look,
}

/// What is read as a log.
pub(super) enum Source {
    Exported(Exported),
    Own(Box<Own>),
}

impl Source {
    /// Whatever log there is in this folder.
    ///
    /// # Errors
    /// [`Failed`] if there is none.
    pub(super) fn open(folder: &Path) -> Result<Self, Failed> {
        if folder.join("tile").is_dir() || folder.join(CHECKPOINT).is_file() {
            return Ok(Self::Exported(Exported { folder: folder.to_owned() }));
        }
        Own::open(folder).map(|own| Self::Own(Box::new(own)))
    }

    /// The latest checkpoint that witnesses have cosigned, where that is kept beside the others.
    pub(super) fn cosigned(&self) -> Option<&Document> {
        match self {
            Self::Exported(_) => None,
            Self::Own(own) => own.history.iter().find(|document| document.place.ends_with(COSIGNED)),
        }
    }

    pub(super) fn kept(&self) -> &dyn Kept {
        match self {
            Self::Exported(exported) => exported,
            Self::Own(own) => own.as_ref(),
        }
    }

    /// How many leaves there are, where that is known without reading them.
    pub(super) fn expected(&self) -> u64 {
        match self {
            Self::Exported(_) => 0,
            Self::Own(own) => own.look.len(),
        }
    }

    /// The bytes of the leaves, some at a time.
    fn portions(&self) -> Box<dyn Iterator<Item = Portion> + Send> {
        match self {
            Self::Exported(exported) => Box::new(exported.portions()),
            Self::Own(own) => Box::new(own.portions()),
        }
    }

    /// The leaves, read on several threads.
    pub(super) fn leaves(&self) -> impl Iterator<Item = Result<Leaf, Fault>> + use<> {
        read_ahead(self.portions())
    }

    /// The exact bytes of the leaves, in order.
    pub(super) fn bytes(&self) -> impl Iterator<Item = Result<Vec<u8>, Fault>> + use<> {
        self.portions().flat_map(|portion| match portion {
            Ok(leaves) => leaves.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(fault) => vec![Err(fault)],
        })
    }
}

type Portion = Result<Vec<Vec<u8>>, Fault>;

/// Reads leaves ahead of whoever takes them, each portion on one of as many threads as the machine has processors.
fn read_ahead(
    portions: Box<dyn Iterator<Item = Portion> + Send>,
) -> impl Iterator<Item = Result<Leaf, Fault>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut to, mut from) = (Vec::new(), Vec::new());
    for _ in 0..threads {
        let (send, portions) = mpsc::sync_channel::<Portion>(WAITING);
        let (leaves, receive) = mpsc::sync_channel::<Vec<Result<Leaf, Fault>>>(WAITING);
        to.push(send);
        from.push(receive);
        std::thread::spawn(move || {
            for portion in portions {
                let read = match portion {
                    Ok(bytes) => bytes.iter().map(|bytes| Ok(Leaf::read(bytes))).collect(),
                    Err(fault) => vec![Err(fault)],
                };
                if leaves.send(read).is_err() {
                    break;
                }
            }
        });
    }
    std::thread::spawn(move || {
        for (portion, to) in portions.zip(to.iter().cycle()) {
            if to.send(portion).is_err() {
                break;
            }
        }
    });
    // Taken in the order in which they were handed out.
    (0..from.len()).cycle().map_while(move |one| from.get(one)?.recv().ok()).flatten()
}

impl Exported {
    fn read(&self, path: &str, most: usize) -> Result<Option<Document>, Fault> {
        let bytes = read_file(&self.folder.join(path), path, most)?;
        Ok(bytes.map(|bytes| Document { place: path.to_owned(), bytes }))
    }

    /// The bundle at this place: the full one, or the widest of the partial ones.
    fn bundle(&self, place: u64) -> Result<Option<(Tile, Document)>, Fault> {
        let full = u16::try_from(TILE_WIDTH).unwrap_or(u16::MAX);
        let Some(tile) = Tile::new(TileKind::Entries, place, full) else { return Ok(None) };
        if let Some(document) = self.read(&tile.to_string(), MOST_OF_A_BUNDLE)? {
            return Ok(Some((tile, document)));
        }
        let partial = self.folder.join(format!("{tile}.p"));
        let widths = fs::read_dir(partial).into_iter().flatten().flatten();
        let widest = widths.filter_map(|entry| entry.file_name().to_str()?.parse::<u16>().ok()).max();
        let Some(tile) = widest.and_then(|width| Tile::new(TileKind::Entries, place, width)) else {
            return Ok(None);
        };
        Ok(self.read(&tile.to_string(), MOST_OF_A_BUNDLE)?.map(|document| (tile, document)))
    }

    fn portions(&self) -> impl Iterator<Item = Portion> + Send + use<> {
        let exported = self.clone();
        let mut next = Some(0_u64);
        core::iter::from_fn(move || {
            let place = next?;
            next = None;
            let (tile, Document { place: file, bytes }) = match exported.bundle(place) {
                Ok(found) => found?,
                Err(fault) => return Some(Err(fault)),
            };
            match read_bundle(&bytes, tile.width()) {
                Ok(entries) => {
                    next = (!tile.is_partial()).then_some(place + 1);
                    Some(Ok(entries.into_iter().map(<[u8]>::to_vec).collect()))
                }
                Err(error) => {
                    let fault = Fault::tampered("log.entries", file, error.to_string());
                    Some(Err(fault.at(tile.places().start)))
                }
            }
        })
    }
}

impl Kept for Exported {
    fn latest(&self) -> Result<Option<Document>, Fault> {
        self.read(CHECKPOINT, MAX_NOTE)
    }

    fn history(&self) -> Result<Vec<Document>, Fault> {
        documents(&self.folder, CHECKPOINTS, MAX_NOTE, is_size)
    }

    fn certificates(&self) -> Result<Vec<Document>, Fault> {
        documents(&self.folder, KEYS, MOST_OF_A_CHAIN, |name| name.ends_with(".cert"))
    }

    fn tile(&self, tile: Tile) -> Result<Option<Document>, Fault> {
        self.read(&tile.to_string(), MOST_OF_A_TILE)
    }

    fn has_tiles(&self) -> bool {
        true
    }

    fn is_original(&self) -> bool {
        false
    }

    fn place(&self, index: u64) -> (String, Option<u64>) {
        let place = index / TILE_WIDTH;
        match self.bundle(place) {
            Ok(Some((tile, document))) => {
                let before = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
                let entries = read_bundle(&document.bytes, tile.width()).ok();
                let byte = entries
                    .map(|entries| entries.iter().take(before).map(|entry| entry.len() as u64 + 2).sum());
                (document.place, byte)
            }
            Ok(None) | Err(_) => {
                let tile = Tile::new(TileKind::Entries, place, u16::try_from(TILE_WIDTH).unwrap_or(u16::MAX));
                (tile.map_or_else(String::new, |tile| tile.to_string()), None)
            }
        }
    }
}

impl Own {
    fn open(folder: &Path) -> Result<Self, Failed> {
        let cannot = |fault: Fault| Failed::plain(fault);
        let document = |name: &str| {
            let place = format!("{LOG}/{name}");
            let bytes = read_file(&folder.join(&place), &place, MAX_NOTE).map_err(cannot)?;
            Ok::<_, Failed>(bytes.map(|bytes| Document { place, bytes }))
        };
        // Before the record: what a service signs meanwhile is of more than is read here.
        let latest = document(CHECKPOINT)?;
        let mut history = signed_before(folder);
        history.extend(document(COSIGNED)?);
        let look = Look::into_store(folder).map_err(|error| {
            Failed::plain(format!(
                "there is neither an exported log in `{}` nor the record of a service: {error}",
                folder.display()
            ))
        })?;
        Ok(Self { folder: folder.to_owned(), latest, history, look })
    }

    fn portions(&self) -> impl Iterator<Item = Portion> + Send + use<> {
        let mut leaves = self.look.leaves(0);
        let mut failed = None;
        core::iter::from_fn(move || {
            let mut portion = Vec::with_capacity(AT_A_TIME);
            for leaf in leaves.by_ref().take(AT_A_TIME) {
                match leaf {
                    Ok((_, bytes)) => portion.push(bytes),
                    // What was read before comes first.
                    Err(error) => failed = Some(unreadable(&error)),
                }
            }
            if portion.is_empty() { failed.take().map(Err) } else { Some(Ok(portion)) }
        })
    }
}

impl Kept for Own {
    fn latest(&self) -> Result<Option<Document>, Fault> {
        Ok(self.latest.clone())
    }

    fn history(&self) -> Result<Vec<Document>, Fault> {
        Ok(self.history.clone())
    }

    fn certificates(&self) -> Result<Vec<Document>, Fault> {
        Ok(Vec::new())
    }

    fn tile(&self, _: Tile) -> Result<Option<Document>, Fault> {
        Ok(None)
    }

    fn has_tiles(&self) -> bool {
        false
    }

    fn is_original(&self) -> bool {
        true
    }

    fn place(&self, _: u64) -> (String, Option<u64>) {
        (self.folder.display().to_string(), None)
    }
}

fn unreadable(error: &StoreError) -> Fault {
    let (place, words) = ("the record".to_owned(), error.to_string());
    match error {
        StoreError::Damaged(_) | StoreError::Unrecordable(_) | StoreError::TooLarge => {
            Fault::tampered("log.entries", place, words)
        }
        StoreError::Answered(_)
        | StoreError::Moved(_)
        | StoreError::Overtaken(_)
        | StoreError::Changed(_)
        | StoreError::Full
        | StoreError::Unavailable(_) => Fault::undecided("log.unreadable", place, words),
    }
}

/// The checkpoints that a service remembers. Those that can't be read say nothing: the latest is kept by itself.
fn signed_before(folder: &Path) -> Vec<Document> {
    let place = format!("{LOG}/{HISTORY}");
    let Ok(reader) = Journal::look(&folder.join(&place)) else { return Vec::new() };
    let kept = reader.iter_from(reader.first()).map_while(Result::ok);
    kept.map(|(_, bytes)| Document { place: place.clone(), bytes }).collect()
}

/// What is being written has another name.
fn is_size(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_digit())
}

/// The files of a folder whose names are wanted, by name.
fn documents(
    folder: &Path,
    below: &str,
    most: usize,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Document>, Fault> {
    let Ok(entries) = fs::read_dir(folder.join(below)) else { return Ok(Vec::new()) };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
    names.sort_unstable();
    let mut documents = Vec::new();
    for name in names {
        let place = format!("{below}/{name}");
        if let Some(bytes) = read_file(&folder.join(&place), &place, most)? {
            documents.push(Document { place, bytes });
        }
    }
    Ok(documents)
}

/// The bytes of a file; nothing if there is none.
fn read_file(path: &Path, place: &str, most: usize) -> Result<Option<Vec<u8>>, Fault> {
    let cannot = |error: std::io::Error| {
        Fault::undecided("log.unreadable", place.to_owned(), format!("it cannot be read: {error}"))
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > most {
        let words = format!("it is longer than the {most} bytes that it can have");
        return Err(Fault::tampered("log.too_long", place.to_owned(), words));
    }
    Ok(Some(bytes))
}
