//! A simulation: what a roster makes of a stream of escalations, with a clock of its own and the same state machine,
//! routing, attendance and workload as in earnest.
//!
//! It is deterministic: the same roster, mix and seed make the same month. People answer after a while that grows with
//! what waits for them, sometimes never, and only while they are at work; now and then somebody is ill.

mod chance;
mod report;
mod world;

pub use report::{Part, Report};

use super::Directory;
use crate::escalation::Terms;
use crate::moment::Moment;
use core::time::Duration;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of which everything follows that is left to chance.
    pub seed: u64,
    /// When it begins.
    pub from: Moment,
    /// How long escalations are opened.
    pub lasts: Duration,
    /// How many are opened.
    pub escalations: u32,
    /// How many agents open them.
    pub agents: u32,
    /// What they are about.
    pub mix: Vec<Kind>,
    /// How people behave.
    pub people: Habits,
}

/// A kind of escalation.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What part of all it is, by weight.
    pub weight: u32,
    /// What is to be done.
    pub action: Box<str>,
    /// To what; a number is put behind it.
    pub resource: Box<str>,
    /// Who must agree, and until when.
    pub terms: Terms,
}

/// How people and agents behave. Chances are in thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How often somebody never answers what they were asked.
    pub overlooks: u32,
    /// How often an answer is no.
    pub denies: u32,
    /// How often somebody who is asked outside of their working hours answers before they are back.
    pub answers_off_hours: u32,
    /// How often somebody falls ill for a day or two, each day.
    pub falls_ill: u32,
    /// How often an agent asks for the like of what it has just asked for.
    pub repeats: u32,
    /// How long the slowest take for what they were asked first; most are much quicker.
    pub slowest: Duration,
    /// How much longer everything takes for each thing that waits.
    pub per_pending: Duration,
}

impl Default for Habits {
    /// One in twelve overlooked, one in fourteen denied, up to 40 minutes and one more for each thing that waits.
    fn default() -> Self {
        Self {
            overlooks: 80,
            denies: 70,
            answers_off_hours: 250,
            falls_ill: 10,
            repeats: 400,
            slowest: Duration::from_secs(40 * 60),
            per_pending: Duration::from_secs(60),
        }
    }
}

/// Simulates it with the people of this roster.
#[must_use]
pub fn simulate(directory: &Directory, plan: &Plan) -> Report {
    world::World::new(directory, plan).run()
}
