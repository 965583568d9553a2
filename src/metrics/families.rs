//! The families: every metric with its name, its unit, its labels and what it means.

use super::process::Process;
use crate::risk::Level;
use crate::token::Assurance;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Labels whose names and values the program has written in it.
type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
type Real = Gauge<f64, AtomicU64>;
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// A method and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Called {
    pub(super) method: Arc<str>,
    pub(super) code: &'static str,
}

pub(super) struct Families {
    pub(super) decisions: Counters<2>,
    pub(super) decisions_suspended: Counter,
    pub(super) authorize: Histograms<1>,
    pub(super) decide: Histogram,
    pub(super) minted: Counters<1>,
    pub(super) mint_refusals: Counters<1>,
    pub(super) suspensions: Gauge,
    pub(super) reports: Counters<1>,
    pub(super) opened: Counters<1>,
    pub(super) ended: Counters<1>,
    pub(super) pending: Gauges<1>,
    pub(super) oldest: Real,
    pub(super) decision_time: Histograms<1>,
    pub(super) stages: Counters<1>,
    pub(super) waits: Gauge,
    pub(super) late: Gauges<1>,
    pub(super) notices: Counters<2>,
    pub(super) notices_waiting: Gauges<1>,
    pub(super) notice_time: Histograms<1>,
    pub(super) sidecars: Gauges<1>,
    pub(super) sidecar_leaves_behind: Gauge,
    pub(super) enrolments: Counters<1>,
    pub(super) sidecar_refusals: Counters<1>,
    pub(super) votes: Counters<2>,
    pub(super) votes_refused: Counters<1>,
    pub(super) append: Histogram,
    pub(super) group: Histogram,
    pub(super) records: Gauge,
    pub(super) log_bytes: Gauge,
    pub(super) store_writable: Gauge,
    pub(super) store_refusals: Counters<1>,
    pub(super) views_usable: Gauge,
    pub(super) views_rebuilding: Gauge,
    pub(super) views_rebuilds: Counter,
    pub(super) checkpoint_records: Gauge,
    pub(super) checkpoint_time: Real,
    pub(super) clock_in_doubt: Gauge,
    pub(super) key_expiry: Family<Labels<1>, Real>,
    pub(super) policy: Family<[(&'static str, String); 1], Gauge>,
    pub(super) policy_since: Real,
    pub(super) reloads: Counters<1>,
    pub(super) reload_failing: Gauge,
    pub(super) memory_limit: Gauge,
    pub(super) memory_used: Gauge,
    pub(super) shed: Counters<1>,
    pub(super) certificate_until: Family<Labels<1>, Real>,
    pub(super) certificate_failing: Gauges<1>,
    pub(super) certificate_reloads: Counters<2>,
    pub(super) desk_connected: Gauges<0>,
    pub(super) desk_staleness: Family<Labels<0>, Real>,
    pub(super) unshipped_records: Gauges<0>,
    pub(super) queued_escalations: Gauges<0>,
    pub(super) grpc: Family<Called, Counter>,
    pub(super) saturated: Gauges<1>,
    pub(super) saturations: Counters<1>,
    pub(super) process: Process,
}

/// From a tenth of a millisecond to ten seconds.
fn latency() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ])
}

/// From a microsecond to a hundred milliseconds.
fn judging() -> Histogram {
    Histogram::new([
        0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1,
    ])
}

/// From ten seconds to a day: how long people take.
fn people() -> Histogram {
    Histogram::new([
        10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0,
    ])
}

/// From a tenth of a second to half an hour: how long it takes to tell people.
fn telling() -> Histogram {
    Histogram::new([0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0, 1800.0])
}

fn not_known() -> Real {
    let gauge = Real::default();
    gauge.set(f64::NAN);
    gauge
}

fn sizes() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0])
}

/// The stages of a ladder that are told apart; the last stands for all later ones.
pub(super) const STAGES: [&str; 6] = ["0", "1", "2", "3", "4", "5+"];
/// The channels that people are told by.
const CHANNELS: [&str; 5] = ["slack", "email", "sms", "push", "webhook"];
/// How an escalation can stop waiting for people.
pub(super) const RESULTS: [&str; 5] = ["approved", "denied", "expired", "cancelled", "blocked"];

fn add<M: Metric + Clone>(to: &mut Registry, name: &str, help: &str, metric: M) -> M {
    to.register(name, help, metric.clone());
    metric
}

fn add_unit<M: Metric + Clone>(to: &mut Registry, name: &str, unit: Unit, help: &str, metric: M) -> M {
    to.register_with_unit(name, help, unit, metric.clone());
    metric
}

/// Counters that stand at zero for each of these labels, so that the first of a kind is seen as a rise.
fn at_zero<const N: usize>(labels: impl IntoIterator<Item = Labels<N>>) -> Counters<N> {
    let family = Counters::default();
    for labels in labels {
        drop(family.get_or_create(&labels));
    }
    family
}

fn histograms_at_zero<const N: usize>(labels: [Labels<1>; N], new: fn() -> Histogram) -> Histograms<1> {
    let family = Histograms::new_with_constructor(new);
    for labels in labels {
        drop(family.get_or_create(&labels));
    }
    family
}

fn each<const N: usize>(name: &'static str, values: [&'static str; N]) -> [Labels<1>; N] {
    values.map(|value| [(name, value)])
}

fn gauges_at_zero<const N: usize>(labels: [Labels<1>; N]) -> Gauges<1> {
    let family = Gauges::default();
    for labels in labels {
        drop(family.get_or_create(&labels));
    }
    family
}

impl Families {
    #[expect(clippy::too_many_lines, reason = "one list, so that every name is found in one place")]
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Process::register(registry);
        let to = registry.sub_registry_with_prefix("countersign");
        let levels = Level::ALL.map(Level::as_str);
        let outcomes = ["allow", "deny", "escalate"];
        let told = CHANNELS.into_iter().flat_map(|channel| {
            ["delivered", "given_up"].map(|result| [("channel", channel), ("result", result)])
        });
        let decisions = outcomes.into_iter().flat_map(|outcome| {
            levels.into_iter().map(move |level| [("outcome", outcome), ("level", level)])
        });
        let choices = ["approve", "break_glass", "deny", "withdraw", "amend"];
        let votes = choices.into_iter().flat_map(|choice| {
            Assurance::ALL.into_iter().map(move |known| [("decision", choice), ("assurance", known.as_str())])
        });
        let measures = each("measure", ["share", "time_to_approve"]);
        let build = Gauges::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        add(to, "build_info", "The program that runs", build);
        Self {
            decisions: add(to, "decisions", "Operations that were decided", at_zero(decisions)),
            decisions_suspended: add(
                to,
                "decisions_suspended",
                "Operations that were denied because of a suspension",
                Counter::default(),
            ),
            authorize: add_unit(
                to,
                "authorize_duration",
                Unit::Seconds,
                "From a request to its recorded answer",
                histograms_at_zero(each("outcome", ["allow", "deny", "escalate", "error"]), latency),
            ),
            decide: add_unit(
                to,
                "decide_duration",
                Unit::Seconds,
                "Reading a payload, assessing the risk and evaluating the policy",
                judging(),
            ),
            minted: add(
                to,
                "tokens_minted",
                "Tokens that were recorded to be signed",
                at_zero(each("way", ["allowed", "approved"])),
            ),
            mint_refusals: add(
                to,
                "mint_refusals",
                "No token although none was denied, by the reason",
                Counters::default(),
            ),
            suspensions: add(to, "suspensions", "Suspensions in force", Gauge::default()),
            reports: add(
                to,
                "reports",
                "What agents reported of what they did",
                at_zero(each("outcome", ["succeeded", "failed", "unknown", "refused"])),
            ),
            opened: add(
                to,
                "escalations_opened",
                "Escalations that were opened",
                at_zero(each("level", levels)),
            ),
            ended: add(
                to,
                "escalations_ended",
                "Escalations that are over, by how they ended",
                at_zero(each("how", ["denied", "expired", "cancelled", "blocked", "claimed", "lapsed"])),
            ),
            pending: add(
                to,
                "escalations_pending",
                "Escalations that wait for people",
                gauges_at_zero(each("level", levels)),
            ),
            oldest: add_unit(
                to,
                "escalation_oldest_pending_age",
                Unit::Seconds,
                "How long the oldest of them has been waiting; 0 if none does",
                Real::default(),
            ),
            decision_time: add_unit(
                to,
                "escalation_decision_time",
                Unit::Seconds,
                "From the opening of an escalation until it waited for people no more",
                histograms_at_zero(each("result", RESULTS), people),
            ),
            stages: add(
                to,
                "escalation_stages",
                "Escalations by the stage of the ladder they had come to when they waited no more",
                at_zero(each("stage", STAGES)),
            ),
            waits: add(to, "waits_in_flight", "Agents that wait for an escalation now", Gauge::default()),
            late: add(
                to,
                "escalations_late",
                "Escalations that should have been decided by now, by level",
                gauges_at_zero(each("level", levels)),
            ),
            notices: add(
                to,
                "notices",
                "Notices that were delivered to a channel's provider, or given up",
                at_zero(told),
            ),
            notices_waiting: add(
                to,
                "notices_waiting",
                "Messages that wait for a channel or are under way",
                gauges_at_zero(each("channel", CHANNELS)),
            ),
            notice_time: add_unit(
                to,
                "notice_time",
                Unit::Seconds,
                "From when somebody had to be asked until a channel's provider had the message",
                histograms_at_zero(each("channel", CHANNELS), telling),
            ),
            sidecars: add(
                to,
                "sidecars",
                "Sidecars that have their desk here",
                gauges_at_zero(each("state", ["connected", "heard", "away", "expired"])),
            ),
            sidecar_leaves_behind: add(
                to,
                "sidecar_leaves_behind",
                "Leaves of sidecars' logs that are not here yet, by their own account",
                Gauge::default(),
            ),
            enrolments: add(
                to,
                "enrolments",
                "Sidecars that enrolled, renewed their keys, or were refused",
                at_zero(each("outcome", ["enrolled", "renewed", "refused"])),
            ),
            sidecar_refusals: add(
                to,
                "sidecar_refusals",
                "Calls of sidecars that were refused",
                at_zero(each("code", ["call", "credential", "diverged", "not_adopted", "stranger"])),
            ),
            votes: add(to, "votes", "Votes that were counted", at_zero(votes)),
            votes_refused: add(
                to,
                "votes_refused",
                "Votes that were not counted, by the reason",
                Counters::default(),
            ),
            append: add_unit(
                to,
                "log_append_duration",
                Unit::Seconds,
                "Writing and syncing one group of records",
                latency(),
            ),
            group: add(to, "log_group_records", "Records that were synced together", sizes()),
            records: add(to, "log_records", "Records of the log", Gauge::default()),
            log_bytes: add_unit(
                to,
                "log_size",
                Unit::Bytes,
                "What the journal takes on the disk",
                Gauge::default(),
            ),
            store_writable: add(to, "store_writable", "Whether records can be written", Gauge::default()),
            store_refusals: add(
                to,
                "store_refusals",
                "Changes that were not recorded, by the reason",
                at_zero(each("kind", ["full", "no_segment", "too_large", "unavailable"])),
            ),
            views_usable: add(to, "views_usable", "Whether the views can be used", Gauge::default()),
            views_rebuilding: add(
                to,
                "views_rebuilding",
                "Whether the views are being made anew from the journal",
                Gauge::default(),
            ),
            views_rebuilds: add(
                to,
                "views_rebuilds",
                "How often the views were made anew",
                Counter::default(),
            ),
            checkpoint_records: add(
                to,
                "checkpoint_records",
                "Records that the latest signed checkpoint covers",
                Gauge::default(),
            ),
            checkpoint_time: add_unit(
                to,
                "checkpoint_timestamp",
                Unit::Seconds,
                "When the latest checkpoint was signed; NaN before the first",
                not_known(),
            ),
            clock_in_doubt: add(
                to,
                "clock_in_doubt",
                "Whether the wall clock was set back and has not caught up: nothing is minted",
                Gauge::default(),
            ),
            key_expiry: add_unit(
                to,
                "key_expiry_timestamp",
                Unit::Seconds,
                "When the last key of this use expires",
                Family::default(),
            ),
            policy: add(to, "policy_info", "The policy in force", Family::default()),
            policy_since: add_unit(
                to,
                "policy_loaded_timestamp",
                Unit::Seconds,
                "Since when the policy and the roster are in force",
                Real::default(),
            ),
            reloads: add(
                to,
                "reloads",
                "Changed policies and rosters that were taken or refused",
                at_zero(each("result", ["taken", "refused"])),
            ),
            reload_failing: add(
                to,
                "reload_failing",
                "Whether the files differ from what is in force and can't be taken",
                Gauge::default(),
            ),
            memory_limit: add_unit(
                to,
                "memory_limit",
                Unit::Bytes,
                "How much memory it may have; 0 where nothing limits it",
                Gauge::default(),
            ),
            memory_used: add_unit(
                to,
                "memory_used",
                Unit::Bytes,
                "How much of that is used, without what the system can take back",
                Gauge::default(),
            ),
            shed: add(
                to,
                "shed_calls",
                "Calls that were not taken, by what there was too little of",
                at_zero(each("why", ["memory", "calls"])),
            ),
            certificate_until: add_unit(
                to,
                "certificate_not_after",
                Unit::Seconds,
                "When the certificate of a listener ends",
                Family::default(),
            ),
            certificate_failing: add(
                to,
                "certificate_reload_failing",
                "Whether the files of a listener's certificate differ from what is in force and can't be taken",
                Family::default(),
            ),
            certificate_reloads: add(
                to,
                "certificate_reloads",
                "Changed certificates of a listener that were taken or refused",
                Family::default(),
            ),
            desk_connected: add(
                to,
                "desk_connected",
                "Whether the desk of this sidecar is there, 1 or 0",
                Family::default(),
            ),
            desk_staleness: add_unit(
                to,
                "desk_staleness",
                Unit::Seconds,
                "How long ago this sidecar last heard its desk; -1 if it never did",
                Family::default(),
            ),
            unshipped_records: add(
                to,
                "unshipped_records",
                "Records of this sidecar that its desk does not have yet",
                Family::default(),
            ),
            queued_escalations: add(
                to,
                "queued_escalations",
                "Escalations that wait in this sidecar for its desk",
                Family::default(),
            ),
            grpc: add(to, "grpc_requests", "Calls by what they came to", Family::default()),
            saturated: add(
                to,
                "saturated",
                "Whether people are asked too much, by what tells it",
                gauges_at_zero(measures),
            ),
            saturations: add(to, "saturations", "How often that began", at_zero(measures)),
            process,
        }
    }
}
