//! `countersign audit prove`: one file that proves to anybody that something stands in the log.

use super::folder::Source;
use crate::audit::chain::Key;
use crate::audit::event::{Event, Record};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::Output;
use crate::cli::policy::record::Progress;
use crate::party::TxnId;
use crate::tlog::{Hash, LogProof, SignedCheckpoint, leaf_hash};
use serde_json::json;
use std::path::PathBuf;

/// Write a proof that the token of a decision, or the decision, stands in the log
///
/// The proof is one file (C2SP tlog-proof) with the entry, its place, the path to the root, and the log's latest
/// checkpoint. `audit check-proof` checks it with nothing but the log's public key, and so do other people's tools.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The decision, its escalation or its token: txn_…, esc_…, or a token's jti
    #[arg(value_name = "ID", value_parser = key, allow_hyphen_values = true)]
    id: Key,
    /// The folder of the log: a service's own, or an exported one
    #[arg(long, value_name = "DIR")]
    log: PathBuf,
    /// Prove the decision, though a token was minted for it
    #[arg(long)]
    decision: bool,
    /// Where to; standard output if nothing is said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON document about what was proved; needs --output
    #[arg(long, requires = "output")]
    json: bool,
}

fn key(text: &str) -> Result<Key, String> {
    Key::parse(text).ok_or_else(|| "expected txn_…, esc_…, or a token's jti".to_owned())
}

/// An entry that may be what is to be proved.
struct Entry {
    index: u64,
    leaf: Vec<u8>,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no such decision, or no checkpoint covers it.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let source = Source::open(&args.log)?;
    let latest = source.kept().latest().map_err(Failed::plain)?.ok_or_else(|| {
        Failed::plain("there is no checkpoint yet, so there is nothing that the log has signed")
            .advise("a running service signs one within a minute")
    })?;
    let checkpoint = SignedCheckpoint::parse(&latest.bytes).map_err(Failed::plain)?;
    let (hashes, entry) = find(&source, args, checkpoint.checkpoint().size)?;
    let size = checkpoint.checkpoint().size;
    let Entry { index, leaf } = entry.ok_or_else(|| {
        Failed::plain(format!("there is no `{}` among the {size} entries that the log has signed", args.id))
    })?;
    let proof = LogProof::of(leaf, index, checkpoint, &hashes[..])
        .map_err(|error| Failed::plain(format!("entry {index} can't be proved: {error}")))?;
    let Some(path) = &args.output else {
        Output::new(false).line(proof.to_string().trim_end_matches('\n'));
        return Ok(Exit::Success);
    };
    std::fs::write(path, proof.to_string())
        .map_err(|error| Failed::plain(format!("cannot write `{}`: {error}", path.display())))?;
    Output::new(args.json).print(
        || json!({ "index": index, "size": size, "file": path.display().to_string() }),
        |_| format!("wrote the proof of entry {index} in a log of {size} to `{}`", path.display()),
    );
    Ok(Exit::Success)
}

/// The hashes of all leaves that are covered, and what is to be proved: the mint, or else the decision.
fn find(source: &Source, args: &Args, size: u64) -> Result<(Vec<Hash>, Option<Entry>), Failed> {
    let needle = format!("\"{}\"", args.id);
    let mut progress = Progress::new("reading the log", size);
    let (mut hashes, mut decision, mut mint) = (Vec::new(), None, None);
    let mut txn: Option<TxnId> = None;
    for (index, leaf) in (0..size).zip(source.bytes()) {
        let leaf = leaf.map_err(Failed::plain)?;
        progress.at(index);
        hashes.push(leaf_hash(&leaf));
        let text = core::str::from_utf8(&leaf).unwrap_or_default();
        let of_txn = txn.is_some_and(|txn| text.contains(&format!("\"{txn}\"")));
        if !of_txn && !text.contains(&needle) {
            continue;
        }
        let Ok(record) = Record::from_bytes(&leaf) else { continue };
        txn = txn.or_else(|| args.id.found_in(&record.event));
        if matches!(&record.event, Event::Decided(decided) if Some(decided.txn) == txn) {
            decision = Some(Entry { index, leaf });
        } else if matches!(&record.event, Event::Minted(minted) if Some(minted.txn) == txn) {
            mint = Some(Entry { index, leaf });
        }
    }
    progress.done();
    let wanted = if args.decision { decision } else { mint.or(decision) };
    Ok((hashes, wanted))
}
