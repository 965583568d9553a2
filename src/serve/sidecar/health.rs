//! What a sidecar tells of how it is: whether it takes work, and its metrics.

use crate::ceiling::Ceiling;
use crate::clock::Reading;
use crate::metrics::{Now, Tethered};
use crate::sidecar::Sidecar;
use crate::sidecar::tether::Tether;
use crate::telemetry::endpoint::Source;
use std::path::PathBuf;
use std::sync::Arc;

/// How a sidecar is, once it has started.
pub(super) struct Told {
    pub(super) sidecar: Arc<Sidecar>,
    pub(super) tether: Arc<Tether>,
    pub(super) journal: Option<PathBuf>,
    pub(super) ceiling: Arc<Ceiling>,
}

impl Told {
    /// What the endpoint tells.
    pub(super) fn source(self) -> Source {
        let told = Arc::new(self);
        let asked = told.clone();
        Source { metrics: Arc::new(move || told.metrics()), ready: Arc::new(move || asked.not_ready()) }
    }

    /// Why it takes no work. That the desk is away is no reason: what can be decided alone is.
    fn not_ready(&self) -> Option<String> {
        let Self { sidecar, tether, .. } = self;
        if let Some(why) = tether.halted() {
            return Some(why);
        }
        if sidecar.store.stopped().is_some() {
            return Some("the record can't be written".to_owned());
        }
        if matches!(sidecar.clock.read(), Reading::InDoubt { .. }) {
            return Some("the clock is in doubt".to_owned());
        }
        let signing = sidecar.issuance.current(sidecar.clock.now());
        signing.err().map(|_| "no key may sign".to_owned())
    }

    fn metrics(&self) -> String {
        let Self { sidecar, tether, journal, ceiling } = self;
        let now = sidecar.clock.now();
        let (connected, silence) = (tether.connected(), tether.silence(now));
        let (unshipped, queued) = (tether.unshipped(), tether.queued());
        sidecar.metrics.tethered(&Tethered { connected, silence, unshipped, queued });
        let log = sidecar.issuance.log().map(|log| log.certified().expires_at);
        let keys = [("authority", sidecar.issuance.expiry()), ("log", log)];
        let in_force = sidecar.in_force.load();
        let bytes = |folder: &PathBuf| {
            let files = std::fs::read_dir(folder).ok()?;
            files.map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
        };
        sidecar.metrics.render(&Now {
            at: now,
            clock_in_doubt: matches!(sidecar.clock.read(), Reading::InDoubt { .. }),
            records: sidecar.store.len(),
            log_bytes: journal.as_ref().and_then(bytes),
            store_writable: sidecar.store.stopped().is_none(),
            checkpoint: sidecar.checkpoints.latest().map(|(records, ago)| (records, now.minus(ago))),
            keys: keys.into_iter().filter_map(|(usage, expiry)| Some((usage, expiry?))).collect(),
            late: Vec::new(),
            notices_waiting: Vec::new(),
            policy: in_force.policy.digest(),
            policy_since: in_force.since,
            reload_failing: false,
            memory: (ceiling.limit(), ceiling.used()),
            certificates: Vec::new(),
            sidecars: Vec::new(),
            sidecar_leaves_behind: 0,
        })
    }
}
