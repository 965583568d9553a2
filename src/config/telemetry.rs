//! What the service tells of itself, as the configuration has it: traces, and when people are asked too much.

use crate::audit::analytics::saturation::Limits;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What the service tells of itself, besides its log and [`Listen::metrics`](super::Listen::metrics).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// The OTLP endpoint of a collector that spans are sent to, as `http://127.0.0.1:4317`; none are sent without one.
    pub otlp: Option<String>,
    /// What the service calls itself there.
    pub service_name: String,
    /// The share of the traces begun here that are sent, from 0 to 1.
    pub sample: f64,
    /// When people are asked too much.
    pub saturation: SaturationLimits,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp: None,
            service_name: "countersign".to_owned(),
            sample: 1.0,
            saturation: SaturationLimits::default(),
        }
    }
}

/// When people are asked too much: more than a share of all operations go to them, or they take too long to approve.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SaturationLimits {
    /// How long a time is looked at; an hour if nothing is said.
    pub window_seconds: u64,
    /// The share of the operations that may go to people, from 0 to 1; half if nothing is said.
    pub share: f64,
    /// Of fewer operations nothing is said; 20 if nothing else is.
    pub least_operations: u64,
    /// The longest median of the times until people approve; five minutes if nothing is said.
    pub time_to_approve_seconds: u64,
    /// Of fewer approvals nothing is said; 10 if nothing else is.
    pub least_approvals: u64,
}

impl Default for SaturationLimits {
    fn default() -> Self {
        Self {
            window_seconds: 3600,
            share: 0.5,
            least_operations: 20,
            time_to_approve_seconds: 300,
            least_approvals: 10,
        }
    }
}

impl SaturationLimits {
    /// As the fold over the record takes them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to 1000: the configuration was checked, and a float is clamped to the type besides"
        )]
        let share = (self.share * 1000.0).round() as u16;
        Limits {
            window: Duration::from_secs(self.window_seconds),
            share,
            least_operations: self.least_operations,
            to_approve: Duration::from_secs(self.time_to_approve_seconds),
            least_approvals: self.least_approvals,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(format!("`saturation.share: {}` is not from 0 to 1", self.share));
        }
        if !(1..=7 * 86_400).contains(&self.window_seconds) {
            return Err("`saturation.window_seconds` is not from 1 to a week".to_owned());
        }
        Ok(())
    }
}

impl Telemetry {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(otlp) = self.otlp.as_ref().filter(|otlp| !otlp.starts_with("http://")) {
            return Err(format!(
                "`otlp: {otlp}` does not begin with `http://`: spans are sent to a collector on this machine or in \
                 this pod, which sends them on with TLS"
            ));
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(format!("`sample: {}` is not from 0 to 1", self.sample));
        }
        if self.service_name.trim().is_empty() {
            return Err("`service_name` is empty".to_owned());
        }
        self.saturation.check()
    }
}
