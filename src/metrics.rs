//! Metrics: what is counted and measured for those who watch the service, in the OpenMetrics text format.
//!
//! Names are stable and have their units in them. Labels come from closed sets (outcomes, levels, codes), never from
//! what agents or reviewers send, so that nobody can make this grow. What follows from the record is counted from the
//! record: once, in its order, after it is durable.

pub mod admission;
mod families;
mod note;
mod process;
mod waiting;

pub use note::Noted;

use crate::audit::event::{Record, Saturated, SaturationMeasure};
use crate::digest::PolicyDigest;
use crate::moment::Moment;
use crate::risk::Level;
use core::time::Duration;
use families::Families;
use note::Note;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use waiting::{Left, Waiting};

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How many methods are told apart. There are fewer; whatever comes besides is `other`.
const MOST_METHODS: usize = 128;
const OTHER: &str = "other";

/// Everything that is counted and measured.
pub struct Metrics {
    /// Whether anybody can ask; what happens all the time is not counted otherwise.
    asked_for: bool,
    registry: Registry,
    families: Families,
    waiting: Mutex<Waiting>,
    methods: Mutex<BTreeSet<Arc<str>>>,
    /// Held while the gauges are set and written out.
    rendering: Mutex<()>,
}

/// What is looked at when somebody asks for the metrics.
#[derive(Clone, Debug)]
pub struct Now {
    /// The present moment.
    pub at: Moment,
    /// Whether the clock is in doubt.
    pub clock_in_doubt: bool,
    /// How many records the log has.
    pub records: u64,
    /// How many bytes the journal takes on the disk, where that could be found out.
    pub log_bytes: Option<u64>,
    /// Whether records can be written.
    pub store_writable: bool,
    /// The latest signed checkpoint: how many records it covers, and when it was signed.
    pub checkpoint: Option<(u64, Moment)>,
    /// Until when there are keys, each by what it is for.
    pub keys: Vec<(&'static str, Moment)>,
    /// How many escalations are late, by level.
    pub late: Vec<(Level, usize)>,
    /// How many messages wait for each channel, by its kind.
    pub notices_waiting: Vec<(&'static str, usize)>,
    /// How many sidecars have their desk here, by state.
    pub sidecars: Vec<(&'static str, usize)>,
    /// How many leaves of their logs are not here yet.
    pub sidecar_leaves_behind: u64,
    /// The policy in force.
    pub policy: PolicyDigest,
    /// Since when it is.
    pub policy_since: Moment,
    /// Whether the files differ from what is in force and can't be taken.
    pub reload_failing: bool,
    /// How much memory it may have, if that is limited, and how much is used of it.
    pub memory: (Option<u64>, u64),
    /// The certificates by their listeners: until when each is valid, and whether its files can't be taken.
    pub certificates: Vec<(&'static str, Option<Moment>, bool)>,
}

/// How it stands between a sidecar and its desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tethered {
    /// Whether the desk is there.
    pub connected: bool,
    /// How long ago it was last heard; nothing where it never was.
    pub silence: Option<Duration>,
    /// How many records it does not have yet.
    pub unshipped: u64,
    /// How many escalations wait for it.
    pub queued: u64,
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// One who waits for people; counted until it is dropped.
#[must_use = "it is counted until it is dropped"]
pub struct Wait(Arc<Metrics>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.families.waits.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that start at nothing.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        Self {
            asked_for: true,
            registry,
            families,
            waiting: Mutex::default(),
            methods: Mutex::default(),
            rendering: Mutex::default(),
        }
    }

    /// Metrics that nobody will ask for, and that cost next to nothing.
    #[must_use]
    pub fn unheard() -> Self {
        Self { asked_for: false, ..Self::new() }
    }

    /// Whether anybody can ask for them.
    #[must_use]
    pub const fn asked_for(&self) -> bool {
        self.asked_for
    }

    /// A sidecar has enrolled, renewed its keys, or was refused.
    pub fn enrolled(&self, outcome: &'static str) {
        self.families.enrolments.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A call of a sidecar was refused, with a code of a closed set.
    pub fn sidecar_refused(&self, code: &'static str) {
        self.families.sidecar_refusals.get_or_create(&[("code", code)]).inc();
    }

    /// Has these codes of refused mints stand at zero, so that the first of them is seen as a rise.
    pub fn expect_refusals(&self, codes: &[&'static str]) {
        for code in codes {
            drop(self.families.mint_refusals.get_or_create(&[("code", code)]));
        }
    }

    /// Takes up what waited before this start: each escalation that is not over, with the level it was asked at.
    pub fn recall(&self, level: Option<Level>, course: &[Record]) {
        let mut waiting = self.waiting();
        for note in course.iter().filter_map(Note::of) {
            waiting.fold(note, level);
        }
    }

    /// So many suspensions were in force at this start.
    pub fn recall_suspensions(&self, suspensions: usize) {
        self.families.suspensions.set(i64::try_from(suspensions).unwrap_or(i64::MAX));
    }

    /// These records are durable.
    pub fn recorded(&self, noted: Noted) {
        for note in noted.0 {
            self.count(&note);
            let left = self.waiting().fold(note, None);
            if let Some(left) = left {
                self.count_left(&left);
            }
        }
    }

    fn count(&self, note: &Note) {
        let families = &self.families;
        match note {
            Note::Decided { outcome, level, suspended, .. } => {
                families.decisions.get_or_create(&[("outcome", *outcome), ("level", level.as_str())]).inc();
                if *suspended {
                    families.decisions_suspended.inc();
                }
            }
            Note::Minted { approved } => {
                let way = if *approved { "approved" } else { "allowed" };
                families.minted.get_or_create(&[("way", way)]).inc();
            }
            Note::Reported(outcome) => {
                families.reports.get_or_create(&[("outcome", *outcome)]).inc();
            }
            Note::Suspended => {
                families.suspensions.inc();
            }
            Note::Resumed => {
                families.suspensions.dec();
            }
            Note::Voted { choice, assurance } => {
                let labels = [("decision", *choice), ("assurance", assurance.as_str())];
                families.votes.get_or_create(&labels).inc();
            }
            Note::Saturated(saturated) => self.saturated(saturated),
            Note::Told { channel, delivered, called } => {
                let result = if *delivered { "delivered" } else { "given_up" };
                families.notices.get_or_create(&[("channel", *channel), ("result", result)]).inc();
                if let Some(took) = called.filter(|_| *delivered) {
                    families.notice_time.get_or_create(&[("channel", *channel)]).observe(took.as_secs_f64());
                }
            }
            Note::Opened { .. } | Note::Widened(_) | Note::Left { .. } | Note::Ended { .. } => {}
        }
    }

    fn count_left(&self, left: &Left) {
        let families = &self.families;
        match left {
            Left::Opened { level } => {
                families.opened.get_or_create(&[("level", *level)]).inc();
            }
            Left::Decided { result, stage, took } => {
                families.decision_time.get_or_create(&[("result", *result)]).observe(took.as_secs_f64());
                families.stages.get_or_create(&[("stage", *stage)]).inc();
            }
            Left::Ended { how } => {
                families.ended.get_or_create(&[("how", *how)]).inc();
            }
            Left::DecidedAndEnded { result, stage, took } => {
                self.count_left(&Left::Decided { result, stage, took: *took });
                self.count_left(&Left::Ended { how: result });
            }
        }
    }

    fn saturated(&self, saturated: &Saturated) {
        let measure = measure_name(saturated.measure);
        self.families.saturated.get_or_create(&[("measure", measure)]).set(i64::from(saturated.above));
        if saturated.above {
            self.families.saturations.get_or_create(&[("measure", measure)]).inc();
        }
    }

    /// A request was answered, or failed to be.
    pub fn authorized(&self, outcome: Option<&'static str>, since: Stopwatch) {
        if !self.asked_for {
            return;
        }
        let labels = [("outcome", outcome.unwrap_or("error"))];
        self.families.authorize.get_or_create(&labels).observe(since.seconds());
    }

    /// The risk was assessed and the policy evaluated.
    pub fn judged(&self, since: Stopwatch) {
        if !self.asked_for {
            return;
        }
        self.families.decide.observe(since.seconds());
    }

    /// No token came of what might have become one, for a reason that is no decision.
    pub fn not_minted(&self, code: &'static str) {
        self.families.mint_refusals.get_or_create(&[("code", code)]).inc();
    }

    /// A vote was not counted.
    pub fn vote_refused(&self, code: &'static str) {
        self.families.votes_refused.get_or_create(&[("code", code)]).inc();
    }

    /// Somebody waits for people from now on.
    pub fn waits(self: &Arc<Self>) -> Wait {
        self.families.waits.inc();
        Wait(self.clone())
    }

    /// A group of records was written and synced.
    pub fn appended(&self, records: usize, took: Duration) {
        self.families.append.observe(took.as_secs_f64());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a group has fewer records than a float has integers"
        )]
        self.families.group.observe(records as f64);
    }

    /// So many changes were not recorded.
    pub fn not_appended(&self, kind: &'static str, changes: usize) {
        self.families.store_refusals.get_or_create(&[("kind", kind)]).inc_by(changes as u64);
    }

    /// The views are being made anew from the journal, this much of it being done.
    pub fn views_rebuilding(&self, done: u64) {
        if done == 0 {
            self.families.views_rebuilds.inc();
        }
        self.families.views_rebuilding.set(1);
    }

    /// The views can be used, or not.
    pub fn views_usable(&self, usable: bool) {
        self.families.views_usable.set(i64::from(usable));
        self.families.views_rebuilding.set(0);
    }

    /// The files were taken or refused.
    pub fn reloaded(&self, result: &'static str) {
        self.families.reloads.get_or_create(&[("result", result)]).inc();
    }

    /// A call was not taken, because of this.
    pub fn shed(&self, why: &'static str) {
        self.families.shed.get_or_create(&[("why", why)]).inc();
    }

    /// A listener's changed certificate was taken or refused.
    pub fn certificate_reloaded(&self, listener: &'static str, result: &'static str) {
        self.families.certificate_reloads.get_or_create(&[("listener", listener), ("result", result)]).inc();
    }

    /// A call was answered with this code. A method that there is not is `other`.
    pub fn called(&self, method: &str, code: &'static str) {
        if !self.asked_for {
            return;
        }
        let method = if code == "UNIMPLEMENTED" { OTHER } else { method };
        let method = self.method(method);
        self.families.grpc.get_or_create(&families::Called { method, code }).inc();
    }

    fn method(&self, name: &str) -> Arc<str> {
        let mut known = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(method) = known.get(name) {
            return method.clone();
        }
        let method: Arc<str> = Arc::from(if known.len() < MOST_METHODS { name } else { OTHER });
        known.insert(method.clone());
        method
    }

    /// How it stands between this sidecar and its desk; told only where there is one elsewhere.
    pub fn tethered(&self, now: &Tethered) {
        let families = &self.families;
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        families.desk_connected.get_or_create(&[]).set(i64::from(now.connected));
        let silence = now.silence.map_or(-1.0, |silence| silence.as_secs_f64());
        families.desk_staleness.get_or_create(&[]).set(silence);
        families.unshipped_records.get_or_create(&[]).set(gauge(now.unshipped));
        families.queued_escalations.get_or_create(&[]).set(gauge(now.queued));
    }

    /// All metrics, as [`MEDIA_TYPE`].
    #[must_use]
    pub fn render(&self, now: &Now) -> String {
        let _one_at_a_time = self.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        let families = &self.families;
        let waiting = self.waiting().pending();
        for (level, pending) in waiting.by_level {
            families.pending.get_or_create(&[("level", level)]).set(pending);
        }
        let oldest = waiting.oldest.map_or(Duration::ZERO, |opened| now.at.since(opened));
        families.oldest.set(oldest.as_secs_f64());
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        families.records.set(count(now.records));
        if let Some(bytes) = now.log_bytes {
            families.log_bytes.set(count(bytes));
        }
        families.store_writable.set(i64::from(now.store_writable));
        if let Some((records, at)) = now.checkpoint {
            families.checkpoint_records.set(count(records));
            families.checkpoint_time.set(timestamp(at));
        }
        for (level, late) in &now.late {
            families.late.get_or_create(&[("level", level.as_str())]).set(count(*late as u64));
        }
        for (channel, waiting) in &now.notices_waiting {
            families.notices_waiting.get_or_create(&[("channel", *channel)]).set(count(*waiting as u64));
        }
        for (state, sidecars) in &now.sidecars {
            families.sidecars.get_or_create(&[("state", *state)]).set(count(*sidecars as u64));
        }
        families.sidecar_leaves_behind.set(count(now.sidecar_leaves_behind));
        families.clock_in_doubt.set(i64::from(now.clock_in_doubt));
        for (usage, expiry) in &now.keys {
            families.key_expiry.get_or_create(&[("use", usage)]).set(timestamp(*expiry));
        }
        families.policy.clear();
        families.policy.get_or_create(&[("digest", now.policy.to_string())]).set(1);
        families.policy_since.set(timestamp(now.policy_since));
        families.reload_failing.set(i64::from(now.reload_failing));
        let (limit, used) = now.memory;
        families.memory_limit.set(count(limit.unwrap_or(0)));
        families.memory_used.set(count(used));
        for (listener, until, failing) in &now.certificates {
            let labels = [("listener", *listener)];
            families.certificate_failing.get_or_create(&labels).set(i64::from(*failing));
            if let Some(until) = until {
                families.certificate_until.get_or_create(&labels).set(timestamp(*until));
            }
        }
        families.process.look();
        let mut text = String::with_capacity(32 << 10);
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string does not fail; half an exposition must not pass for a whole one.
            Err(core::fmt::Error) => String::new(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn measure_name(measure: SaturationMeasure) -> &'static str {
    match measure {
        SaturationMeasure::Share => "share",
        SaturationMeasure::TimeToApprove => "time_to_approve",
    }
}

fn timestamp(moment: Moment) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds fit for a quarter of a million years")]
    let millis = moment.unix_millis() as f64;
    millis / 1000.0
}
