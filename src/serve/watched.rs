//! What is looked at when somebody asks how the service is: for the metrics, and whether it takes work.

use super::certificates::Certificates;
use super::saturation::Seen;
use crate::audit::event::{Event, Record};
use crate::ceiling::Ceiling;
use crate::clock::{Clock, Reading};
use crate::desk::fleet::Fleet;
use crate::desk::outbox::Outbox;
use crate::desk::queue::Queue;
use crate::desk::sla::Sla;
use crate::escalation;
use crate::journal::{AppendError, Written};
use crate::metrics::{Metrics, Noted, Now};
use crate::moment::Moment;
use crate::party::TxnId;
use crate::risk::Level;
use crate::sidecar::checkpoints::Checkpoints;
use crate::sidecar::reload::Reloader;
use crate::sidecar::{Sidecar, SidecarError};
use crate::store::embedded::{Notice, Observe, Options, TellWritten};
#[cfg(feature = "postgres")]
use crate::store::postgres;
use crate::store::{Store, StoreError};
use crate::telemetry::endpoint::Source;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A store that tells these metrics what it does, and hands over what tells of saturation.
pub(super) fn options(metrics: &Arc<Metrics>, saturation: mpsc::Sender<Seen>) -> Options {
    let (told, written) = (metrics.clone(), metrics.clone());
    Options {
        tell: Some(Arc::new(move |notice| tell(&told, notice))),
        observe: Some(observer(metrics, saturation)),
        written: metrics
            .asked_for()
            .then(|| -> TellWritten { Arc::new(move |group| count(&written, group)) }),
        ..Options::default()
    }
}

/// … in a database that several share.
#[cfg(feature = "postgres")]
pub(super) fn postgres_options(
    place: &crate::config::Postgres,
    metrics: &Arc<Metrics>,
    saturation: mpsc::Sender<Seen>,
) -> postgres::Options {
    let written = metrics.clone();
    let tell: postgres::TellWritten = Arc::new(move |batch| match batch.error {
        None => written.appended(batch.records, batch.took),
        Some(StoreError::Full) => written.not_appended("full", batch.changes),
        Some(StoreError::TooLarge) => written.not_appended("too_large", batch.changes),
        Some(_) => written.not_appended("unavailable", batch.changes),
    });
    postgres::Options {
        password_file: place.password_file.clone(),
        ca_file: place.authority.clone(),
        certificate_file: place.certificate.clone(),
        key_file: place.key.clone(),
        schema: place.schema.clone(),
        migrate: place.migrate,
        readers: place.readers,
        observe: Some(observer(metrics, saturation)),
        written: metrics.asked_for().then_some(tell),
        ..postgres::Options::at(&place.url)
    }
}

fn observer(metrics: &Arc<Metrics>, saturation: mpsc::Sender<Seen>) -> Observe {
    let observed = metrics.clone();
    Arc::new(move |records| {
        let noted = observed.asked_for().then(|| Noted::of(records));
        let (metrics, saturation, seen) = (observed.clone(), saturation.clone(), Seen::of(records));
        Box::new(move || {
            if let Some(noted) = noted {
                metrics.recorded(noted);
            }
            for one in seen {
                // Where nobody can keep up, some are not counted; nobody waits for that.
                let _ = saturation.try_send(one);
            }
        })
    })
}

fn tell(metrics: &Metrics, notice: &Notice) {
    match notice {
        Notice::Rebuilding { why, done, of } => {
            metrics.views_rebuilding(*done);
            tracing::info!(done, of, "the views are being rebuilt: {why}");
        }
        Notice::ViewsDown(why) => {
            metrics.views_usable(false);
            tracing::error!("the views can't be used: {why}");
        }
        Notice::ViewsUp { rebuilt } => {
            metrics.views_usable(true);
            tracing::info!(rebuilt, "the views can be used again");
        }
        Notice::Verified { .. } => tracing::info!("{notice}"),
        Notice::TreeMended => tracing::warn!("{notice}"),
        Notice::TreeBehind(_) | Notice::Unsound(_) => tracing::error!("{notice}"),
    }
}

fn count(metrics: &Metrics, group: &Written<'_>) {
    let kind = match group.error {
        None => return metrics.appended(group.records, group.took),
        Some(AppendError::Full) => "full",
        Some(AppendError::NoSegment(_)) => "no_segment",
        Some(AppendError::TooLarge { .. }) => "too_large",
        Some(AppendError::Unavailable(_)) => "unavailable",
    };
    metrics.not_appended(kind, group.changes);
}

/// Takes up what waited before this start.
pub(super) fn recall(metrics: &Metrics, store: &dyn Store) -> Result<(), StoreError> {
    metrics.expect_refusals(&SidecarError::CODES);
    metrics.recall_suspensions(store.suspensions()?.len());
    for id in store.open()? {
        let records: Vec<Record> = store.course(id)?.records.into_iter().map(|(_, record)| record).collect();
        let asked = records.iter().find_map(asked_in);
        let index = asked.map(|txn| store.decided(txn)).transpose()?.flatten();
        metrics.recall(index.map(|index| level(store, index)).transpose()?.flatten(), &records);
    }
    Ok(())
}

fn asked_in(record: &Record) -> Option<TxnId> {
    let Event::Escalation { step: escalation::Event::Opened(opening), .. } = &record.event else {
        return None;
    };
    Some(opening.txn)
}

fn level(store: &dyn Store, index: u64) -> Result<Option<Level>, StoreError> {
    let record = store.record(index)?;
    Ok(if let Event::Decided(decided) = record.event {
        Some(decided.decision.assessment.level)
    } else {
        None
    })
}

/// A service that is being watched.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) journal: Option<PathBuf>,
    pub(super) store: Arc<dyn Store>,
    pub(super) sidecar: Arc<Sidecar>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) queue: Arc<Queue>,
    pub(super) sla: Sla,
    pub(super) outbox: Arc<Outbox>,
    pub(super) certificates: Certificates,
    pub(super) ceiling: Arc<Ceiling>,
    pub(super) fleet: Option<Arc<Fleet>>,
}

impl Watched {
    /// What the endpoint tells.
    pub(super) fn source(self) -> Source {
        let watched = self.clone();
        Source {
            metrics: Arc::new(move || self.sidecar.metrics.render(&self.now())),
            ready: Arc::new(move || watched.not_ready()),
        }
    }

    fn now(&self) -> Now {
        let sidecar = &self.sidecar;
        let in_force = sidecar.in_force.load();
        let now = sidecar.clock.now();
        Now {
            at: now,
            clock_in_doubt: in_doubt(sidecar.clock.as_ref()),
            records: self.store.len(),
            log_bytes: self.log_bytes(),
            store_writable: self.store.stopped().is_none(),
            checkpoint: self.checkpoints.latest().map(|(records, ago)| (records, now.minus(ago))),
            keys: self.keys(),
            late: self.late(),
            notices_waiting: self.outbox.standing().iter().map(|one| (one.kind, one.waiting)).collect(),
            sidecars: self.sidecars(),
            sidecar_leaves_behind: self.fleet.as_ref().map_or(0, |fleet| fleet.behind()),
            policy: in_force.policy.digest(),
            policy_since: in_force.since,
            reload_failing: self.reloader.status().trouble.is_some(),
            certificates: self.certificates.standing(),
            memory: (self.ceiling.limit(), self.ceiling.used()),
        }
    }

    /// How many of each level are late; nothing where that can't be read, so that what was told last stands.
    fn late(&self) -> Vec<(Level, usize)> {
        let Ok(late) = self.queue.late(&self.sla) else { return Vec::new() };
        let of = |level: Level| late.iter().filter(|one| one.line.assessment.level == level).count();
        Level::ALL.into_iter().map(|level| (level, of(level))).collect()
    }

    /// How many sidecars there are, by state; nothing where that can't be read, so that what was told last stands.
    fn sidecars(&self) -> Vec<(&'static str, usize)> {
        let Some(fleet) = &self.fleet else { return Vec::new() };
        let Ok(counted) = fleet.states() else { return Vec::new() };
        counted.into_iter().map(|(state, sidecars)| (state.as_str(), sidecars)).collect()
    }

    fn keys(&self) -> Vec<(&'static str, Moment)> {
        let issuance = &self.sidecar.issuance;
        let log = issuance.log().map(|log| log.certified().expires_at);
        let keys = [("authority", issuance.expiry()), ("log", log)];
        keys.into_iter().filter_map(|(usage, expiry)| Some((usage, expiry?))).collect()
    }

    fn log_bytes(&self) -> Option<u64> {
        let files = std::fs::read_dir(self.journal.as_ref()?).ok()?;
        files.map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
    }

    /// Why it takes no work. What a restart would not mend, and what only some requests meet, is for the alerts.
    fn not_ready(&self) -> Option<String> {
        if self.store.stopped().is_some() {
            return Some("the record can't be written".to_owned());
        }
        if in_doubt(self.sidecar.clock.as_ref()) {
            return Some("the clock is in doubt".to_owned());
        }
        let signing = self.sidecar.issuance.current(self.sidecar.clock.now());
        signing.err().map(|_| "no key may sign".to_owned())
    }
}

fn in_doubt(clock: &dyn Clock) -> bool {
    matches!(clock.read(), Reading::InDoubt { .. })
}
