//! `countersign audit check-proof`: whether an entry stands in a log, from one file and the log's public key.

use super::trust;
use crate::audit::event::Record;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::tlog::{CheckpointError, LogProof, LogProofRefusal, NoteError, PolicyRefusal};
use serde_json::json;
use std::path::PathBuf;

/// Check a proof that an entry stands in a log, with nothing but the log's public key
///
/// Ends with 0 if it does, with 2 if the file was altered, with 3 if that cannot be told: the key of the log is not
/// known, or too few witnesses have cosigned.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The proof, as `audit prove` writes it
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// Whom to trust: the verifier key of the log, or a log policy that names logs and witnesses
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The entry, in a file; without it the one in the proof is taken
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is nothing to check, or nobody to trust.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let undecided = |what: String| Failed::new(Exit::CannotTell, what);
    let trust = trust::read(core::slice::from_ref(&args.trust))?;
    let policy = trust.policy.ok_or_else(|| {
        undecided("a root alone does not tell the log's key".to_owned())
            .advise("take the verifier key, which an export has beside its certificate in `keys`")
    })?;
    let bytes = trust::bytes(&args.proof)?;
    let output = Output::new(args.json);
    let proof = match LogProof::parse(&bytes) {
        Ok(proof) => proof,
        Err(error) => return Ok(refused(output, Exit::Tampered, &format!("the file is no proof: {error}"))),
    };
    let entry = match (&args.entry, &proof.extra) {
        (Some(path), _) => trust::bytes(path)?,
        (None, Some(extra)) => extra.clone(),
        (None, None) => {
            return Err(undecided("the proof has no entry in it: say which one with --entry".to_owned()));
        }
    };
    let accepted = match proof.verify(&entry, &policy) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(refused(output, exit_of(&refusal), &refusal.to_string())),
    };
    let checkpoint = proof.checkpoint.checkpoint();
    let text = String::from_utf8_lossy(&entry).into_owned();
    let sentence = Record::from_bytes(&entry).ok().map(|record| record.sentence());
    let document = || {
        json!({
            "verdict": "in_log",
            "origin": checkpoint.origin.as_str(),
            "index": proof.index,
            "size": checkpoint.size,
            "root": checkpoint.root.to_string(),
            "witnesses": accepted.cosigned.len(),
            "entry": text,
        })
    };
    output.print(document, |output| {
        let what = sentence.map(|sentence| format!("\n{}", visible(&sentence))).unwrap_or_default();
        format!(
            "{} it is entry {} of `{}`, under a checkpoint of {} entries that {} cosigned{what}",
            output.paint(Tone::Good, "proved:"),
            proof.index,
            checkpoint.origin,
            checkpoint.size,
            match accepted.cosigned.len() {
                0 => "nobody".to_owned(),
                1 => "one witness".to_owned(),
                count => format!("{count} witnesses"),
            }
        )
    });
    Ok(Exit::Success)
}

/// What a refusal proves: a bad signature or path is an altered file, an unknown key proves nothing.
const fn exit_of(refusal: &LogProofRefusal) -> Exit {
    match refusal {
        LogProofRefusal::Inclusion(_)
        | LogProofRefusal::Policy(PolicyRefusal::Checkpoint(CheckpointError::Note(NoteError::Signature(
            _,
        )))) => Exit::Tampered,
        LogProofRefusal::Policy(PolicyRefusal::Checkpoint(_) | PolicyRefusal::Quorum) => Exit::CannotTell,
    }
}

fn refused(output: Output, exit: Exit, why: &str) -> Exit {
    let verdict = if exit == Exit::Tampered { "tampered" } else { "undecided" };
    output.print(
        || json!({ "verdict": verdict, "reason": why }),
        |output| {
            let tone = if exit == Exit::Tampered { Tone::Bad } else { Tone::Wait };
            format!("{} {}", output.paint(tone, format!("{verdict}:")), visible(why))
        },
    );
    exit
}
