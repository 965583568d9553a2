//! Files of several replicas: what one of them took the others follow, and none takes its older files back.
//!
//! The files of replicas change one after the other, and a replica may start with files of before. So what comes into
//! force is what *changes* under a replica that runs. One that sees another's change in the record takes that, and leaves
//! its own files aside as they were until they change again. Each says which files it has; where what is in force is in no
//! living replica's files any more, as after all were started anew with others, their files come into force.

use super::{Bytes, Looking, Reloader, compile};
use crate::audit::event::{Event, Record};
use crate::digest::{PolicyDigest, RosterDigest};
use crate::policy::Policy;
use crate::reviewer::Directory;
use crate::sidecar::InForce;
use crate::store::follow::Follows;
use crate::store::shared::{Ephemeral, Name};
use crate::store::{Basis, Change, Document, Index, Store, StoreError};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;

/// What replicas say which files they have under.
const FILES: &str = "files";
/// For how long a replica that says nothing any more is taken to have its files.
const SAID: Duration = Duration::from_secs(300);
/// How often it is said, and asked, in looks.
const EVERY: u32 = 10;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the replicas share, and what this one is called.
pub(super) struct Others {
    shared: Arc<dyn Ephemeral>,
    own: Box<str>,
}

/// What is in force by the record: the texts, and where each stands.
struct Recorded {
    policy: Option<(Index, String)>,
    roster: Option<(Index, String)>,
}

impl Recorded {
    fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let at = |document| -> Result<Option<(Index, String)>, StoreError> {
            let Some(index) = store.stands(&Basis::Document(document))? else { return Ok(None) };
            let event = store.record(index)?.event;
            if let Event::PolicyLoaded { text, .. } | Event::RosterLoaded { text, .. } = event {
                return Ok(Some((index, text)));
            }
            Err(StoreError::Damaged(format!("record {index} is no document: {}", event.sentence())))
        };
        Ok(Self { policy: at(Document::Policy)?, roster: at(Document::Roster)? })
    }

    /// Whether it is this. What was never recorded is nobody's.
    fn is(&self, in_force: &InForce) -> bool {
        let policy = self.policy.as_ref().map(|(_, text)| Policy::digest_of(text));
        let roster = self.roster.as_ref().map(|(_, text)| Directory::digest_of(text));
        policy.is_none_or(|policy| policy == in_force.policy.digest())
            && roster.is_none_or(|roster| roster == in_force.roster)
    }
}

/// What replicas say of their files.
fn said(policy: PolicyDigest, roster: RosterDigest) -> Vec<u8> {
    format!("{policy} {roster}").into_bytes()
}

/// Whether another replica lives that has the files that are in force by the record. One that starts then begins with
/// those, and leaves its own aside.
///
/// # Errors
/// [`StoreError`] if that can't be found out.
pub async fn others_have_it(store: &dyn Store, shared: &dyn Ephemeral) -> Result<bool, StoreError> {
    let recorded = Recorded::read(store)?;
    let (Some((_, policy)), Some((_, roster))) = (&recorded.policy, &recorded.roster) else {
        return Ok(false);
    };
    let wanted = said(Policy::digest_of(policy), Directory::digest_of(roster));
    Ok(shared.list(FILES, "").await?.iter().any(|(_, files)| *files == wanted))
}

impl Reloader {
    /// … of one replica of several, which is told apart from the others by `own`; `aside` says that it began with what
    /// another has.
    #[must_use]
    pub fn sharing(mut self, shared: Arc<dyn Ephemeral>, own: &str, aside: bool) -> Self {
        self.others = Some(Others { shared, own: own.into() });
        self.given_way = AtomicBool::new(aside);
        self
    }

    /// A change that is right only while what is in force here is so by the record.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if another replica has taken something: that is in force from now on.
    pub(super) fn resting(&self, change: Change, in_force: &InForce) -> Result<Change, StoreError> {
        let recorded = Recorded::read(self.sidecar.store.as_ref())?;
        if !recorded.is(in_force) {
            self.behind.store(true, Ordering::Release);
            self.take_over();
            return Err(StoreError::Changed(Basis::Document(Document::Policy)));
        }
        let place = |document: &Option<(Index, String)>| document.as_ref().map(|(index, _)| *index);
        let change = change.resting_on(Basis::Document(Document::Policy), place(&recorded.policy));
        Ok(change.resting_on(Basis::Document(Document::Roster), place(&recorded.roster)))
    }

    /// Puts in force what another replica took. It reads the record, and compiles.
    fn take_over(&self) {
        if !self.behind.swap(false, Ordering::AcqRel) {
            return;
        }
        let in_force = self.sidecar.in_force.load_full();
        let recorded = match Recorded::read(self.sidecar.store.as_ref()) {
            Ok(recorded) if recorded.is(&in_force) => return,
            Ok(recorded) => recorded,
            Err(error) => {
                tracing::error!(%error, "what another replica put in force can't be read");
                return self.behind.store(true, Ordering::Release);
            }
        };
        let (Some((_, policy)), Some((_, roster))) = (recorded.policy, recorded.roster) else { return };
        let bytes = Bytes { policy: Ok(policy.into_bytes()), roster: Ok(roster.into_bytes()) };
        match compile(&self.files, bytes) {
            Ok(next) => {
                let now = self.sidecar.clock.now();
                self.sidecar.in_force.rcu(|before| {
                    let (policy, directory) = (next.policy.clone(), next.directory.clone());
                    InForce::new(policy, directory, next.roster, now, before.profiles.clone())
                });
                self.given_way.store(true, Ordering::Release);
                self.sidecar.metrics.reloaded("taken");
                let (policy, roster) = (next.policy.digest(), next.roster);
                tracing::info!(%policy, %roster, "what another replica took is in force here too");
            }
            // One of a later version may have taken what this one can't read.
            Err(why) => tracing::error!("what another replica put in force can't be taken here: {why}"),
        }
    }

    /// Whether the files, which differ from what is in force, are to be left aside because another replica took that.
    pub(super) async fn gives_way(&self, looking: &mut Looking, in_force: &InForce) -> bool {
        if self.given_way.swap(false, Ordering::AcqRel) {
            // As they were before this look: what has changed since is news.
            looking.aside = looking.before.or(looking.seen);
            looking.asked = 0;
        }
        if looking.aside.is_none() || looking.aside != looking.seen {
            looking.aside = None;
            return false;
        }
        let Some(others) = &self.others else { return true };
        looking.asked = looking.asked.wrapping_add(1);
        if !looking.asked.is_multiple_of(EVERY) {
            return true;
        }
        let wanted = said(in_force.policy.digest(), in_force.roster);
        match tokio::time::timeout(PATIENCE, others.shared.list(FILES, "")).await {
            Ok(Ok(all)) => {
                let somebodys = all.iter().any(|(_, files)| *files == wanted);
                if !somebodys {
                    tracing::warn!(
                        "what is in force is in no replica's files any more: these come into force"
                    );
                    looking.aside = None;
                }
                somebodys
            }
            // Who can't be asked may have it.
            Ok(Err(_)) | Err(_) => true,
        }
    }

    /// Says to the other replicas which files this one has.
    pub(super) async fn say(&self, looking: &mut Looking) {
        let Some(others) = &self.others else { return };
        let status = self.status();
        let (Some(policy), Some(roster)) = (status.policy_file, status.roster_file) else { return };
        let files = said(policy, roster);
        looking.looks = looking.looks.wrapping_add(1);
        if looking.said == files && !looking.looks.is_multiple_of(EVERY) {
            return;
        }
        let name = Name::new(FILES, "", &others.own);
        let saying = others.shared.put(name, files.clone(), SAID);
        if let Ok(Ok(())) = tokio::time::timeout(PATIENCE, saying).await {
            looking.said = files;
        }
    }

    /// This replica has no files any more: it stops.
    pub async fn leave(&self) {
        if let Some(others) = &self.others {
            let leaving = others.shared.take(Name::new(FILES, "", &others.own));
            drop(tokio::time::timeout(PATIENCE, leaving).await);
        }
    }
}

impl Follows for Reloader {
    fn follow(&self, _: Index, record: &Record) {
        if matches!(record.event, Event::PolicyLoaded { .. } | Event::RosterLoaded { .. }) {
            self.behind.store(true, Ordering::Release);
        }
    }

    fn followed(&self) {
        self.take_over();
    }
}
