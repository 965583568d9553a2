//! What the injector counts and measures; its own, because it runs without a service.

use crate::moment::Moment;
use core::time::Duration;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The injector's metrics.
pub struct AdmissionMetrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    duration: Histogram,
    not_after: Gauge<f64, AtomicU64>,
    bundle: Gauge,
    rounds: Family<Labels<1>, Counter>,
    events: Family<Labels<1>, Counter>,
}

impl AdmissionMetrics {
    /// Metrics that start at nothing; `reasons` are the outcomes and reasons that there can be, so that the first of a
    /// kind is seen as a rise.
    #[must_use]
    pub fn new(reasons: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let mut registry = Registry::default();
        let to = registry.sub_registry_with_prefix("countersign");
        let requests = Family::<Labels<2>, Counter>::default();
        for (outcome, reason) in reasons {
            drop(requests.get_or_create(&[("outcome", outcome), ("reason", reason)]));
        }
        let buckets = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];
        let duration = Histogram::new(buckets);
        let not_after = Gauge::<f64, AtomicU64>::default();
        not_after.set(f64::NAN);
        let bundle = Gauge::default();
        let (rounds, events) =
            (Family::<Labels<1>, Counter>::default(), Family::<Labels<1>, Counter>::default());
        for result in ["done", "failed"] {
            drop(rounds.get_or_create(&[("result", result)]));
        }
        for result in ["written", "failed", "dropped"] {
            drop(events.get_or_create(&[("result", result)]));
        }
        let build = Family::<Labels<1>, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        to.register("build_info", "The program that runs", build);
        to.register(
            "admission_requests",
            "Reviews that were answered, by what was done and why",
            requests.clone(),
        );
        to.register_with_unit(
            "admission_duration",
            "From a whole review to its answer",
            Unit::Seconds,
            duration.clone(),
        );
        to.register_with_unit(
            "certificate_not_after",
            "Until when the certificate that is shown is valid, since the Unix epoch",
            Unit::Seconds,
            not_after.clone(),
        );
        to.register(
            "admission_authority_known",
            "Whether the API server knows the authority: 1 if it does",
            bundle.clone(),
        );
        to.register(
            "admission_certificate_rounds",
            "Looks after the certificate, by what came of them",
            rounds.clone(),
        );
        to.register("admission_events", "Events for people, by what became of them", events.clone());
        Self { registry, requests, duration, not_after, bundle, rounds, events }
    }

    /// A review was answered.
    pub fn answered(&self, outcome: &'static str, reason: &'static str, took: Duration) {
        self.requests.get_or_create(&[("outcome", outcome), ("reason", reason)]).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// The certificate that is shown from now on is valid until then.
    pub fn shows(&self, not_after: Moment) {
        #[expect(clippy::cast_precision_loss, reason = "seconds until the year 9999 fit")]
        self.not_after.set(not_after.unix_seconds() as f64);
    }

    /// The certificate was looked after; and whether the API server knows its authority.
    pub fn looked_after(&self, done: bool, known: bool) {
        self.rounds.get_or_create(&[("result", if done { "done" } else { "failed" })]).inc();
        self.bundle.set(i64::from(known));
    }

    /// An event was `written`, `failed` or was `dropped`.
    pub fn event(&self, result: &'static str) {
        self.events.get_or_create(&[("result", result)]).inc();
    }

    /// All of it, as [`super::MEDIA_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8 << 10);
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Half an exposition must not pass for a whole one.
            Err(core::fmt::Error) => String::new(),
        }
    }
}
