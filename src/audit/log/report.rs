//! The report on a log: what was found, and the one word that it comes to.

use super::fault::{Fault, Proof};
use crate::audit::verify::{Finding, Severity, Summary};
use crate::tlog::Hash;

/// How many faults and how many findings are kept; further ones are counted.
const MOST_KEPT: usize = 1000;

/// What verifying a log comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing speaks against it.
    Sound,
    /// It is what its operator signed, and something in it cannot have happened or may not.
    Findings,
    /// It cannot be told.
    Undecided,
    /// It is not what was logged.
    Tampered,
}

impl Verdict {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Findings => "findings",
            Self::Undecided => "undecided",
            Self::Tampered => "tampered",
        }
    }

    /// What a command ends with.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Sound => 0,
            Self::Findings => 1,
            Self::Tampered => 2,
            Self::Undecided => 3,
        }
    }
}

/// What was found in a log.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The log's name, as its latest checkpoint says it.
    pub origin: Option<String>,
    /// How many checkpoints were checked.
    pub checkpoints: u64,
    /// How many witnesses cosigned the latest of them, of those that are known.
    pub witnesses: u64,
    /// How many entries there are.
    pub entries: u64,
    /// How many of them a checkpoint covers that was believed.
    pub covered: u64,
    /// The root of the largest of those.
    pub root: Option<Hash>,
    /// What is wrong with what is kept, at most a thousand.
    pub faults: Vec<Fault>,
    /// What is wrong with what it means, at most a thousand; findings before notes.
    pub findings: Vec<Finding>,
    /// How many faults there are.
    pub fault_count: u64,
    /// How many findings there are, and how many notes.
    pub finding_count: (u64, u64),
    /// What the record holds.
    pub summary: Summary,
    tampered: bool,
    stopped: bool,
}

impl Report {
    /// What it comes to.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match (self.tampered, self.fault_count, self.finding_count.0) {
            (true, ..) => Verdict::Tampered,
            (false, 0, 0) => Verdict::Sound,
            (false, 0, _) => Verdict::Findings,
            (false, ..) => Verdict::Undecided,
        }
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        self.tampered |= fault.proof == Proof::Tampered;
        self.stopped |= fault.code == "log.entries" || fault.code == "log.missing_entry";
        self.fault_count = self.fault_count.saturating_add(1);
        if self.faults.len() < MOST_KEPT {
            self.faults.push(fault);
        }
    }

    pub(super) fn findings(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let count = match finding.severity {
                Severity::Finding => &mut self.finding_count.0,
                Severity::Note => &mut self.finding_count.1,
            };
            *count = count.saturating_add(1);
            if self.findings.len() < MOST_KEPT {
                self.findings.push(finding);
            } else if finding.severity == Severity::Finding {
                // A flood of notes hides no finding.
                if let Some(place) = self.findings.iter().rposition(|one| one.severity == Severity::Note) {
                    self.findings.remove(place);
                    self.findings.push(finding);
                }
            }
        }
    }

    /// Whether the entries end with one that could not be had, which was said.
    pub(super) const fn stopped_early(&self) -> bool {
        self.stopped
    }
}
