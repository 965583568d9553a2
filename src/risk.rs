//! Risk: how dangerous an operation is, as a sum of weighted factors, with floors that lift a level whatever the
//! sum, every part of it explained.
//!
//! The published method (MISSION R1–R3) is the default of [`Model`]; everything in it is configuration. The
//! arithmetic is in whole thousandths, so that a score is the same on every machine and a table of cases can be
//! compared exactly. What an agent claims about itself may raise a fact, never lower it (D5): [`facts::Claims`].

pub mod assessment;
pub mod catalog;
pub mod facts;
pub mod floor;
pub mod model;
pub mod pattern;
pub mod payload;
pub mod score;
mod text;
pub mod words;

pub use assessment::{Assessment, Factor, FactorName, LiftedBy, assess};
pub use facts::{Claims, Environment, Fact, Facts, Kind, Scope, Sensitivity, Source};
pub use floor::{Floor, Situation};
pub use model::Model;
pub use score::{Contribution, Level, Score};
pub(crate) use text::quoted;

use serde::{Deserialize, Serialize};

/// What the record says about the agent's recent behaviour. It comes from the log, never from the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// How many anomalies were recorded lately: denials, replays, mismatches reported by executors.
    pub anomalies: u32,
}
