//! `countersign audit export --format tiles`: the log itself, its tree and its checkpoints, as files that other people's
//! tools read (C2SP tlog-tiles).
//!
//! Files are written whole and never changed, but for the latest checkpoint, which comes last: whoever reads the folder
//! meanwhile, or after it broke off, finds what was there before. Doing it again writes what is new.

use super::folder::{CHECKPOINT, CHECKPOINTS, KEYS, Source};
use super::trust;
use crate::audit::event::{Event, Record};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::Output;
use crate::cli::policy::record::Progress;
use crate::digest::{KeyId, from_base64url};
use crate::tlog::{
    Frontier, Hash, KeyName, MAX_ENTRY, SignatureKind, SignedCheckpoint, TILE_WIDTH, Tile, TileKind,
    VerifierKey, leaf_hash, write_bundle, write_tile,
};
use crate::token::{Algorithm, PublicKey};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Writes the log in `from` to the folder `to`, up to its latest checkpoint.
///
/// # Errors
/// [`Failed`] if there is no checkpoint, the record is not what was signed, or the files can't be written.
pub(super) fn export(from: &Path, to: &Path) -> Result<Exit, Failed> {
    let source = Source::open(from)?;
    let faulty = |fault: crate::audit::log::Fault| Failed::plain(fault);
    let latest = source.kept().latest().map_err(faulty)?.ok_or_else(|| {
        Failed::plain("there is no checkpoint yet, so there is nothing that the log has signed")
            .advise("a running service signs one within a minute")
    })?;
    let signed = SignedCheckpoint::parse(&latest.bytes).map_err(Failed::plain)?;
    let checkpoint = signed.checkpoint();
    let mut writer =
        Writer { folder: to, frontier: Frontier::default(), edges: Vec::new(), bundle: Vec::new() };
    let mut keys: BTreeMap<KeyId, String> = BTreeMap::new();
    let mut progress = Progress::new("writing the log", checkpoint.size);
    let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
    for leaf in source.bytes().take(size) {
        let leaf = leaf.map_err(faulty)?;
        keep_certificate(&leaf, &mut keys);
        writer.take(leaf)?;
        progress.at(writer.frontier.size());
    }
    progress.done();
    if writer.frontier.size() != checkpoint.size || writer.frontier.root() != checkpoint.root {
        return Err(Failed::plain(format!(
            "the record is not what its log signed at {} entries; `audit verify` says where",
            checkpoint.size
        )));
    }
    writer.end()?;
    for (kid, chain) in keys {
        write(to, &format!("{KEYS}/{kid}.cert"), chain.as_bytes())?;
        if let Some(key) = verifier_key(&checkpoint.origin, &chain) {
            write(to, &format!("{KEYS}/{kid}.vkey"), format!("{key}\n").as_bytes())?;
        }
    }
    if let Some(document) = source.cosigned() {
        let cosigned = SignedCheckpoint::parse(&document.bytes).map_err(Failed::plain)?;
        let size = cosigned.checkpoint().size;
        if size < checkpoint.size {
            write(to, &format!("{CHECKPOINTS}/{size}"), &document.bytes)?;
        }
    }
    write(to, &format!("{CHECKPOINTS}/{}", checkpoint.size), &latest.bytes)?;
    write(to, CHECKPOINT, &latest.bytes)?;
    let words = format!("wrote {} entries of `{}` to `{}`", checkpoint.size, checkpoint.origin, to.display());
    Output::new(false).line(words);
    Ok(Exit::Success)
}

/// Remembers the certificate of a key of the log, as it came into use.
fn keep_certificate(leaf: &[u8], keys: &mut BTreeMap<KeyId, String>) {
    // Only those leaves are taken apart.
    let marked = core::str::from_utf8(leaf).is_ok_and(|text| text.contains("\"kind\":\"key_certified\""));
    if marked
        && let Ok(record) = Record::from_bytes(leaf)
        && let Event::KeyCertified { kid, certificate } = record.event
        && is_of_log(&certificate)
    {
        keys.insert(kid, certificate);
    }
}

/// The claims of the last certificate of a chain. Whether they are true, whoever checks the chain finds out.
fn claims(chain: &str) -> Option<serde_json::Value> {
    let payload = chain.rsplit('\n').next()?.split('.').nth(1)?;
    serde_json::from_slice(&from_base64url(payload)?).ok()
}

fn is_of_log(chain: &str) -> bool {
    claims(chain)
        .is_some_and(|claims| claims.get("cs_use").and_then(serde_json::Value::as_str) == Some("log"))
}

/// The key in the form in which other people's tools take it.
fn verifier_key(origin: &KeyName, chain: &str) -> Option<VerifierKey> {
    let claims = claims(chain)?;
    let x = from_base64url(claims.get("cnf")?.get("jwk")?.get("x")?.as_str()?)?;
    let key = PublicKey::from_bytes(&x.try_into().ok()?, Algorithm::default()).ok()?;
    Some(VerifierKey::new(origin.clone(), SignatureKind::Ed25519, key))
}

/// Writes bundles and tiles as they fill.
struct Writer<'a> {
    folder: &'a Path,
    frontier: Frontier,
    /// The hashes of each level that fill no tile yet, with the number of tiles before them.
    edges: Vec<(u64, Vec<Hash>)>,
    bundle: Vec<Vec<u8>>,
}

impl Writer<'_> {
    fn take(&mut self, leaf: Vec<u8>) -> Result<(), Failed> {
        let index = self.frontier.size();
        if leaf.len() > MAX_ENTRY {
            return Err(Failed::plain(format!(
                "record {index} has {} bytes, and an entry of such a log has at most {MAX_ENTRY}",
                leaf.len()
            )));
        }
        let hash = leaf_hash(&leaf);
        self.bundle.push(leaf);
        let Self { frontier, edges, .. } = self;
        let mut full = Vec::new();
        frontier.push_keeping(hash, |level, hash| {
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
            self.tile(level, place, &hashes)?;
        }
        if self.bundle.len() as u64 == TILE_WIDTH {
            let entries = core::mem::take(&mut self.bundle);
            self.entries(index / TILE_WIDTH, &entries)?;
        }
        Ok(())
    }

    /// Writes what is left over.
    fn end(&mut self) -> Result<(), Failed> {
        for (level, (place, hashes)) in (0..).zip(core::mem::take(&mut self.edges)) {
            if !hashes.is_empty() {
                self.tile(level, place, &hashes)?;
            }
        }
        if self.bundle.is_empty() {
            return Ok(());
        }
        let entries = core::mem::take(&mut self.bundle);
        self.entries(self.frontier.size() / TILE_WIDTH, &entries)
    }

    fn tile(&self, level: u8, place: u64, hashes: &[Hash]) -> Result<(), Failed> {
        self.write(TileKind::Hashes(level), place, hashes.len(), &write_tile(hashes))
    }

    fn entries(&self, place: u64, entries: &[Vec<u8>]) -> Result<(), Failed> {
        let bytes = write_bundle(entries).map_err(Failed::plain)?;
        self.write(TileKind::Entries, place, entries.len(), &bytes)
    }

    fn write(&self, kind: TileKind, place: u64, width: usize, bytes: &[u8]) -> Result<(), Failed> {
        let tile = u16::try_from(width).ok().and_then(|width| Tile::new(kind, place, width));
        let tile = tile.ok_or_else(|| Failed::plain("the log is larger than any log can be"))?;
        write(self.folder, &tile.to_string(), bytes)
    }
}

/// Writes a file whole, unless it is there just so.
fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), Failed> {
    let target = folder.join(path);
    if target.is_file() && trust::bytes(&target).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let cannot =
        |error: std::io::Error| Failed::plain(format!("cannot write `{}`: {error}", target.display()));
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(cannot)?;
    }
    // Under another name first, so that nobody reads half a file.
    let passing = target.with_extension("part");
    fs::write(&passing, bytes).map_err(cannot)?;
    fs::rename(&passing, &target).map_err(cannot)
}
