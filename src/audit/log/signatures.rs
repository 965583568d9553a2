//! The checkpoints of a log: that they are whole, signed by keys that may, and of one log.

use super::fault::Fault;
use super::report::Report;
use super::{Document, Kept, Pass};
use crate::digest::KeyId;
use crate::party::TrustDomain;
use crate::tlog::{
    Checkpoint, CheckpointError, KeyName, LogPolicy, NoteError, PolicyRefusal, SignatureKind,
    SignedCheckpoint, VerifierKey,
};
use crate::token::{Anchor, KeyUse, PublicKey};
use core::cell::Cell;

/// A checkpoint that is kept.
pub(super) struct Held {
    pub(super) place: String,
    signed: SignedCheckpoint,
    latest: bool,
    believed: Cell<bool>,
}

impl Held {
    pub(super) const fn size(&self) -> u64 {
        self.signed.checkpoint().size
    }

    pub(super) const fn checkpoint(&self) -> &Checkpoint {
        self.signed.checkpoint()
    }

    pub(super) const fn is_believed(&self) -> bool {
        self.believed.get()
    }
}

/// Reads the checkpoints; nothing of them is believed yet.
pub(super) fn read_checkpoints(kept: &dyn Kept, report: &mut Report) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    match kept.latest() {
        Ok(Some(document)) => held.extend(read(document, true, report)),
        Ok(None) => {
            let words = "there is no checkpoint, so nobody vouches for the entries";
            report.fault(Fault::undecided("log.no_checkpoint", "checkpoint".to_owned(), words));
        }
        Err(fault) => report.fault(fault),
    }
    match kept.history() {
        Ok(documents) => {
            for document in documents {
                let name = document.place.rsplit('/').next().map(str::to_owned);
                if let Some(one) = read(document, false, report) {
                    if !kept.is_original() && name != Some(one.size().to_string()) {
                        let words = format!("the checkpoint in it is of size {}", one.size());
                        report.fault(Fault::tampered("log.checkpoint", one.place.clone(), words));
                    }
                    held.push(one);
                }
            }
        }
        Err(fault) => report.fault(fault),
    }
    report.checkpoints = u64::try_from(held.len()).unwrap_or(u64::MAX);
    report.origin = held.first().map(|held| held.checkpoint().origin.to_string());
    held
}

fn read(document: Document, latest: bool, report: &mut Report) -> Option<Held> {
    let Document { place, bytes } = document;
    match SignedCheckpoint::parse(&bytes) {
        Ok(signed) => Some(Held { place, signed, latest, believed: Cell::new(false) }),
        Err(error) => {
            report.fault(Fault::tampered("log.checkpoint", place, format!("it is no checkpoint: {error}")));
            None
        }
    }
}

/// Checks who signed the checkpoints.
pub(super) fn check(
    held: &[Held],
    pass: &Pass,
    kept: &dyn Kept,
    roots: &[PublicKey],
    policy: Option<&LogPolicy>,
    report: &mut Report,
) {
    let largest = held.iter().map(Held::size).max().unwrap_or(0);
    let Some(first) = held.first() else { return };
    let origin = first.checkpoint().origin.clone();
    if let Some(own) = pass.origin.as_ref().filter(|own| own.as_str() != origin.as_str()) {
        let words = format!("the checkpoint is of `{origin}`, and the log calls itself `{own}`");
        report.fault(Fault::tampered("log.other_log", first.place.clone(), words));
    }
    let mut keys = certified_keys(&origin, pass, kept, roots, report);
    keys.extend(policy.into_iter().flat_map(|policy| policy.logs().iter().cloned()));
    keys.dedup_by(|a, b| a == b);
    for held in held {
        if held.checkpoint().origin != origin {
            let words = format!("it is of `{}`, and the others are of `{origin}`", held.checkpoint().origin);
            report.fault(Fault::tampered("log.other_log", held.place.clone(), words));
            continue;
        }
        believe(held, &keys, &pass.revoked, report);
        if held.latest && held.size() < largest {
            let words = format!("it is of size {}, and one of size {largest} was signed before", held.size());
            report.fault(Fault::tampered("log.rolled_back", held.place.clone(), words));
        }
        if held.latest
            && held.is_believed()
            && let Some(policy) = policy
        {
            cosigned(held, policy, report);
        }
    }
    if !held.iter().any(Held::is_believed) && report.fault_count == 0 {
        let words = "no checkpoint is signed by a key that is known";
        report.fault(Fault::undecided("log.unknown_key", first.place.clone(), words));
    }
}

/// Believes a checkpoint that a known key of its log signed.
fn believe(
    held: &Held,
    keys: &[VerifierKey],
    revoked: &std::collections::BTreeSet<KeyId>,
    report: &mut Report,
) {
    match held.signed.check(keys) {
        Ok(signed) => {
            let may = signed.iter().any(|signed| !revoked.contains(&signed.key.key().id()));
            held.believed.set(may);
            if !may {
                let words = "the key that signed it was revoked, so what it signed is not believed";
                report.fault(Fault::undecided("log.revoked_key", held.place.clone(), words));
            }
        }
        Err(CheckpointError::Note(NoteError::Signature(name))) => {
            let words = format!("the signature of `{name}` is not over this text");
            report.fault(Fault::tampered("log.signature", held.place.clone(), words));
        }
        Err(_) if is_mislabelled(held, keys) => {
            let words = "a known key made its signature, under another name or id than stands there";
            report.fault(Fault::tampered("log.signature", held.place.clone(), words));
        }
        Err(error) => {
            let words =
                format!("{error}; no root that was given certified the key, and no log policy names it");
            report.fault(Fault::undecided("log.unknown_key", held.place.clone(), words));
        }
    }
}

/// Whether a known key made a signature that stands under another name or id: then that was altered.
fn is_mislabelled(held: &Held, keys: &[VerifierKey]) -> bool {
    let note = held.signed.note();
    note.signatures().iter().any(|signature| {
        keys.iter().any(|key| key.key().verify(note.text().as_bytes(), signature.bytes()).is_ok())
    })
}

/// Whether enough witnesses cosigned it.
fn cosigned(held: &Held, policy: &LogPolicy, report: &mut Report) {
    match policy.check(&held.signed) {
        Ok(accepted) => report.witnesses = u64::try_from(accepted.cosigned.len()).unwrap_or(u64::MAX),
        Err(PolicyRefusal::Quorum) => {
            let words = "too few witnesses cosigned it: others may have been shown another log";
            report.fault(Fault::undecided("log.quorum", held.place.clone(), words));
        }
        Err(PolicyRefusal::Checkpoint(CheckpointError::Note(NoteError::Signature(name)))) => {
            let words = format!("the cosignature of `{name}` is not over this text");
            report.fault(Fault::tampered("log.signature", held.place.clone(), words));
        }
        Err(PolicyRefusal::Checkpoint(error)) => {
            report.fault(Fault::undecided("log.unknown_key", held.place.clone(), error.to_string()));
        }
    }
}

/// The keys that a root certified for this log, by certificates that are kept beside the log or in it.
fn certified_keys(
    origin: &KeyName,
    pass: &Pass,
    kept: &dyn Kept,
    roots: &[PublicKey],
    report: &mut Report,
) -> Vec<VerifierKey> {
    let domain = pass.domain.clone().or_else(|| domain_of(origin));
    let Some(domain) = domain.filter(|_| !roots.is_empty()) else { return Vec::new() };
    let Ok(anchor) = Anchor::new(domain, roots.iter().cloned()) else { return Vec::new() };
    let mut keys = Vec::new();
    match kept.certificates() {
        Ok(documents) => {
            for Document { place, bytes } in documents {
                let chain = String::from_utf8_lossy(&bytes);
                let key = certified_key(origin, &anchor, chain.trim_end_matches('\n'));
                if key.is_none() {
                    let words = "it is no certificate of a key of this log that a given root certified";
                    report.fault(Fault::undecided("log.certificate", place, words));
                }
                keys.extend(key);
            }
        }
        Err(fault) => report.fault(fault),
    }
    keys.extend(pass.certificates.iter().filter_map(|chain| certified_key(origin, &anchor, chain)));
    keys
}

/// A checkpoint says no time, so that a key counts that was ever certified and was not revoked.
fn certified_key(origin: &KeyName, anchor: &Anchor, chain: &str) -> Option<VerifierKey> {
    let certificates: Vec<&str> = chain.split('\n').collect();
    let since = anchor.certified(&certificates).ok()?.not_before;
    let certified = anchor.certified_for(&certificates, KeyUse::Log, origin.as_str(), since).ok()?;
    Some(VerifierKey::new(origin.clone(), SignatureKind::Ed25519, certified.key))
}

/// The trust domain of a log of this name.
fn domain_of(origin: &KeyName) -> Option<TrustDomain> {
    let (domain, _) = origin.as_str().rsplit_once('/')?;
    TrustDomain::new(domain).ok()
}
