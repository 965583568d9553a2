//! Reload: a changed policy or roster comes into force while the service runs, whole or not at all.
//!
//! The files are read again and again, not watched: a watch misses the swap of symbolic links with which Kubernetes
//! replaces a ConfigMap. What differs from what is in force is looked at once it was the same twice in a row, so that
//! neither a file that is being written nor one new file beside an old one is taken. Then both are read, compiled and
//! checked together; anything wrong with either leaves what is in force as it is, and is reported. What is sound is
//! recorded, and durable, before it decides anything.

mod others;

pub use others::others_have_it;

use super::propose::{Proposal, Standing};
use super::{InForce, Sidecar, SidecarError};
pub use crate::audit::event::Changes;
use crate::audit::event::Event;
use crate::digest::{PolicyDigest, RosterDigest, sha256};
use crate::moment::Moment;
use crate::party::{EscalationId, TxnId};
use crate::policy::{self, Policy, Severity};
use crate::reviewer::Directory;
use crate::store::{Change, Document, StoreError};
use arc_swap::ArcSwap;
use core::fmt::Display;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use others::Others;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How often the files are looked at.
pub const ROUNDS: Duration = Duration::from_secs(1);
/// How long an immediate look waits before it reads the files a second time.
const MOMENT: Duration = Duration::from_millis(50);
/// No policy and no roster is larger, so that no more of a file is read.
const MOST_BYTES: u64 = policy::MAX_BYTES as u64 + 1;

/// The files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The policy.
    pub policy: PathBuf,
    /// The roster.
    pub roster: PathBuf,
}

/// A policy and a roster that were read and checked together.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) policy: Arc<Policy>,
    pub(super) directory: Arc<Directory>,
    pub(super) roster: RosterDigest,
    pub(super) roster_text: String,
}

/// What a look at the files came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are what is in force.
    Unchanged,
    /// They differ, and were not the same twice in a row.
    Unsettled,
    /// They are in force now.
    Taken,
    /// They wait for people to agree.
    Waiting,
    /// They are not taken; the status says why.
    Refused,
}

/// What is known about the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The digest of the policy's file when it was last looked at; nothing if it could not be read.
    pub policy_file: Option<PolicyDigest>,
    /// The digest of the roster's.
    pub roster_file: Option<RosterDigest>,
    /// Why they are not in force, and since when.
    pub trouble: Option<(String, Moment)>,
    /// The escalations that they wait for.
    pub waiting: Vec<EscalationId>,
}

/// Looks at the files.
pub struct Reloader {
    files: Files,
    changes: Changes,
    sidecar: Arc<Sidecar>,
    looking: Mutex<Looking>,
    status: ArcSwap<Status>,
    /// The other replicas, where there are several.
    others: Option<Others>,
    /// Another replica may have taken something.
    behind: AtomicBool,
    /// What is in force was taken from another replica.
    given_way: AtomicBool,
}

/// What is remembered from one look to the next.
#[derive(Default)]
struct Looking {
    /// What was seen last, to be compared.
    seen: Option<Seen>,
    /// What was refused, so that it is reported once and not proposed again.
    refused: Option<Seen>,
    /// What was found to be sound and is not in force yet.
    sound: Option<(Seen, Next)>,
    proposals: Vec<(Proposal, Standing)>,
    /// What was seen before that.
    before: Option<Seen>,
    /// What is left aside, because another replica took something else after it was there.
    aside: Option<Seen>,
    /// How often that was looked at, and how often the files.
    asked: u32,
    looks: u32,
    /// What the other replicas were told of these files.
    said: Vec<u8>,
}

impl Looking {
    /// The decision that granted this document as it is now.
    fn approved(&self, document: Document, to: &str) -> Option<TxnId> {
        let granted = self.proposals.iter().find(|(one, _)| one.document == document && one.to == to);
        match granted {
            Some((_, Standing::Granted(txn))) => Some(*txn),
            Some((_, Standing::Waiting(_) | Standing::Refused(_))) | None => None,
        }
    }
}

/// The SHA-256 of all that was read.
type Seen = [u8; 32];

/// The bytes of both files, or why they can't be read.
struct Bytes {
    policy: Result<Vec<u8>, String>,
    roster: Result<Vec<u8>, String>,
}

impl Bytes {
    fn seen(&self) -> Seen {
        let part = |read: &Result<Vec<u8>, String>| match read {
            Ok(bytes) => sha256(&[b"read", bytes]),
            Err(error) => sha256(&[b"unreadable", error.as_bytes()]),
        };
        sha256(&[&part(&self.policy), &part(&self.roster)])
    }
}

impl Reloader {
    /// Looks at these files for this sidecar.
    #[must_use]
    pub fn new(files: Files, changes: Changes, sidecar: Arc<Sidecar>) -> Self {
        Self {
            files,
            changes,
            sidecar,
            looking: Mutex::default(),
            status: ArcSwap::default(),
            others: None,
            behind: AtomicBool::new(false),
            given_way: AtomicBool::new(false),
        }
    }

    /// What is known about the files.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Whether changes must be agreed to.
    #[must_use]
    pub const fn changes(&self) -> Changes {
        self.changes
    }

    /// One of the regular looks: what differs is taken if the look before saw the same.
    pub async fn look(&self) -> Outcome {
        let mut looking = self.looking.lock().await;
        let bytes = self.read().await;
        let seen = bytes.seen();
        looking.before = looking.seen.replace(seen);
        let settled = looking.before == Some(seen);
        let outcome = self.judge(&mut looking, bytes, settled).await;
        self.say(&mut looking).await;
        outcome
    }

    /// A look at once, because somebody says that the files are complete: it compares two readings of its own.
    pub async fn look_at_once(&self) -> Outcome {
        let mut looking = self.looking.lock().await;
        let before = self.read().await.seen();
        tokio::time::sleep(MOMENT).await;
        let bytes = self.read().await;
        let seen = bytes.seen();
        looking.seen = Some(seen);
        // Whoever says so means these.
        self.given_way.store(false, Ordering::Release);
        looking.aside = None;
        self.judge(&mut looking, bytes, seen == before).await
    }

    async fn read(&self) -> Bytes {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || Bytes {
            policy: read(&files.policy),
            roster: read(&files.roster),
        });
        read.await
            .unwrap_or_else(|error| Bytes { policy: Err(error.to_string()), roster: Err(error.to_string()) })
    }

    async fn judge(&self, looking: &mut Looking, bytes: Bytes, settled: bool) -> Outcome {
        let in_force = self.sidecar.in_force.load_full();
        let seen = bytes.seen();
        let policy_file = bytes.policy.as_ref().ok().and_then(|bytes| core::str::from_utf8(bytes).ok());
        let roster_file = bytes.roster.as_ref().ok().and_then(|bytes| core::str::from_utf8(bytes).ok());
        let mut status = Status {
            policy_file: policy_file.map(Policy::digest_of),
            roster_file: roster_file.map(Directory::digest_of),
            ..Status::clone(&self.status.load())
        };
        let same = status.policy_file == Some(in_force.policy.digest())
            && status.roster_file == Some(in_force.roster);
        let outcome = if same {
            (looking.refused, looking.aside) = (None, None);
            self.given_way.store(false, Ordering::Release);
            self.withdraw_all_but(looking, &[]).await;
            (status.trouble, status.waiting) = (None, Vec::new());
            Outcome::Unchanged
        } else if self.gives_way(looking, &in_force).await || !settled {
            Outcome::Unsettled
        } else if looking.refused == Some(seen) {
            Outcome::Refused
        } else {
            match self.come_to(looking, &in_force, seen, bytes).await {
                Ok(waiting) => {
                    status.trouble = None;
                    let outcome = if waiting.is_empty() { Outcome::Taken } else { Outcome::Waiting };
                    status.waiting = waiting;
                    outcome
                }
                Err(not_taken) => {
                    status.waiting.clear();
                    self.report(looking, seen, &mut status, not_taken);
                    Outcome::Refused
                }
            }
        };
        self.status.store(Arc::new(status));
        outcome
    }

    /// Takes the files if they are sound and nothing else is asked for; gives the escalations that they wait for.
    async fn come_to(
        &self,
        looking: &mut Looking,
        in_force: &InForce,
        seen: Seen,
        bytes: Bytes,
    ) -> Result<Vec<EscalationId>, NotTaken> {
        let next = match looking.sound.take() {
            Some((known, next)) if known == seen => next,
            Some(_) | None => {
                let files = self.files.clone();
                let compiled = tokio::task::spawn_blocking(move || compile(&files, bytes)).await;
                compiled.unwrap_or_else(|error| Err(error.to_string())).map_err(NotTaken::ForGood)?
            }
        };
        let come_to = self.bring_into_force(looking, in_force, &next).await;
        if !matches!(&come_to, Ok(waiting) if waiting.is_empty()) {
            looking.sound = Some((seen, next));
        }
        come_to
    }

    fn report(&self, looking: &mut Looking, seen: Seen, status: &mut Status, not_taken: NotTaken) {
        let why = match not_taken {
            NotTaken::ForGood(why) => {
                looking.refused = Some(seen);
                why
            }
            NotTaken::ForNow(why) => why,
        };
        if status.trouble.as_ref().is_none_or(|(known, _)| *known != why) {
            self.sidecar.metrics.reloaded("refused");
            tracing::error!("the changed files are not taken, the policy in force stays: {why}");
            status.trouble = Some((why, self.sidecar.clock.now()));
        }
    }

    /// Takes what is sound, or has it proposed; gives the escalations that it waits for.
    async fn bring_into_force(
        &self,
        looking: &mut Looking,
        in_force: &InForce,
        next: &Next,
    ) -> Result<Vec<EscalationId>, NotTaken> {
        if self.changes == Changes::Approved {
            let waiting = self.proposed(looking, Proposal::all(in_force, next)).await?;
            if !waiting.is_empty() {
                return Ok(waiting);
            }
        }
        self.take(looking, in_force, next).await.map_err(|error| {
            NotTaken::ForNow(format!("they are sound and could not be recorded: {error}"))
        })?;
        looking.proposals.clear();
        Ok(Vec::new())
    }

    /// Proposes what was not proposed yet, and asks after the rest.
    async fn proposed(
        &self,
        looking: &mut Looking,
        proposals: Vec<Proposal>,
    ) -> Result<Vec<EscalationId>, NotTaken> {
        self.withdraw_all_but(looking, &proposals).await;
        let failed =
            |error: SidecarError| NotTaken::ForNow(format!("the change could not be judged: {error}"));
        let mut waiting = Vec::new();
        for proposal in proposals {
            let place = looking.proposals.iter().position(|(known, _)| *known == proposal);
            let known = place.map(|place| looking.proposals.swap_remove(place).1);
            let standing = match known {
                None => self.sidecar.propose(&proposal).await.map_err(failed)?,
                Some(Standing::Waiting(id)) => self.sidecar.proposed(id).await.map_err(failed)?,
                Some(known @ (Standing::Granted(_) | Standing::Refused(_))) => known,
            };
            if let Standing::Refused(reasons) = &standing {
                let (resource, reasons) = (proposal.resource(), reasons.join("; "));
                // Whole or not at all: what goes with it is not needed any more.
                self.withdraw_all_but(looking, &[]).await;
                return Err(NotTaken::ForGood(format!(
                    "the change of the {resource} was not approved: {reasons}"
                )));
            }
            if let Standing::Waiting(id) = standing {
                waiting.push(id);
            }
            looking.proposals.push((proposal, standing));
        }
        Ok(waiting)
    }

    /// Forgets what was proposed and is not among these any more.
    async fn withdraw_all_but(&self, looking: &mut Looking, proposals: &[Proposal]) {
        let (kept, gone) = core::mem::take(&mut looking.proposals)
            .into_iter()
            .partition(|(proposal, _): &(Proposal, Standing)| proposals.contains(proposal));
        looking.proposals = kept;
        for (_, standing) in gone {
            if let Standing::Waiting(id) = standing {
                self.sidecar.withdraw(id).await;
            }
        }
    }

    async fn take(&self, looking: &Looking, in_force: &InForce, next: &Next) -> Result<(), StoreError> {
        let Next { policy, directory, roster, roster_text } = next;
        let (policy, directory, roster) = (policy.clone(), directory.clone(), *roster);
        let now = self.sidecar.clock.now();
        let (old, new) = (in_force.policy.digest(), policy.digest());
        let roster_changed = in_force.roster != roster;
        let loaded = || {
            let approved = looking.approved(Document::Policy, &new.to_string());
            Event::PolicyLoaded { digest: new, text: policy.text().to_owned(), approved }
        };
        let policy_event = (old != new).then(loaded);
        let roster_event = roster_changed.then(|| {
            let approved = looking.approved(Document::Roster, &roster.to_string());
            Event::RosterLoaded { text: roster_text.clone(), approved }
        });
        let change = Change::of(now, policy_event.into_iter().chain(roster_event));
        self.sidecar.store.commit(self.resting(change, in_force)?).await?;
        // Somebody may be enrolling meanwhile.
        self.sidecar.in_force.rcu(|before| {
            InForce::new(policy.clone(), directory.clone(), roster, now, before.profiles.clone())
        });
        self.sidecar.metrics.reloaded("taken");
        tracing::info!(policy = %new, %roster, "a changed policy or roster came into force");
        if roster_changed {
            self.look_through_what_waits().await;
        }
        Ok(())
    }

    /// Whether those who are left can still complete it is looked at for everything that waits.
    async fn look_through_what_waits(&self) {
        let open = self.sidecar.store.open().unwrap_or_else(|error| {
            tracing::error!(%error, "what waits could not be looked through");
            Vec::new()
        });
        for id in open {
            if let Err(error) = self.sidecar.desk.docket(id).await {
                // It is looked at again whenever somebody asks for it.
                tracing::error!(escalation = %id, %error, "what waits could not be looked at under the new roster");
            }
        }
    }
}

/// Why sound or unsound files did not come into force.
enum NotTaken {
    /// It stays so until they change.
    ForGood(String),
    /// It is tried again.
    ForNow(String),
}

/// The bytes of a regular file, behind whatever links lead to it.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let wrong = |what: &dyn Display| format!("cannot read `{}`: {what}", path.display());
    // Before it is opened: opening a pipe waits for somebody who writes.
    let metadata = std::fs::metadata(path).map_err(|error| wrong(&error))?;
    if !metadata.is_file() {
        return Err(wrong(&"it is no file"));
    }
    let file = std::fs::File::open(path).map_err(|error| wrong(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
    Ok(bytes)
}

/// Reads and checks both together.
fn compile(files: &Files, bytes: Bytes) -> Result<Next, String> {
    let (policy, roster) = (bytes.policy?, bytes.roster?);
    let (policy_name, roster_name) = (files.policy.display().to_string(), files.roster.display().to_string());
    Next::compile((&policy_name, &policy), (&roster_name, &roster))
}

impl Next {
    /// … from their bytes, each with the name that errors have for it.
    pub(super) fn compile(policy: (&str, &[u8]), roster: (&str, &[u8])) -> Result<Self, String> {
        let directory = Directory::from_bytes(roster.1, roster.0).map_err(|error| error.to_string())?;
        let policy = Policy::from_bytes(policy.1, policy.0).map_err(|error| error.to_string())?;
        let (wrong, doubtful): (Vec<_>, Vec<_>) =
            policy.check(&directory).into_iter().partition(|finding| finding.severity == Severity::Error);
        if !wrong.is_empty() {
            return Err(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
        for finding in doubtful {
            tracing::warn!("{finding}");
        }
        let roster_text = String::from_utf8_lossy(roster.1).into_owned();
        let roster = Directory::digest_of(&roster_text);
        Ok(Self { policy: Arc::new(policy), directory: Arc::new(directory), roster, roster_text })
    }
}
