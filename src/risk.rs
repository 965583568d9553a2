//! Risk: how dangerous an operation is, as a sum of weighted factors, with floors that lift a level whatever the
//! sum, every part of it explained.
//!
//! The published method (MISSION R1–R3) is the default of [`Model`]; everything in it is configuration. The
//! arithmetic is in whole thousandths, so that a score is the same on every machine and a table of cases can be
//! compared exactly. What an agent claims about itself may raise a fact, never lower it (D5): [`facts::Claims`].

pub mod assessment;
pub mod calendar;
pub mod catalog;
pub mod facts;
pub mod floor;
pub mod history;
pub mod limit;
pub mod memory;
pub mod model;
pub mod pattern;
pub mod payload;
pub mod range;
pub mod score;
pub mod span;
mod text;
pub mod words;

pub use assessment::{Anomaly, AnomalyKind, Assessment, Basis, Factor, FactorName, LiftedBy, assess};
pub use facts::{Claims, Environment, Fact, Facts, Kind, Scope, Sensitivity, Source, Touched};
pub use floor::{Floor, Situation};
pub use history::{DeniedBefore, History, Novelty, Totals};
pub use limit::Limit;
pub use model::Model;
pub use range::Range;
pub use score::{Contribution, Level, Score};
pub(crate) use text::quoted;
