//! Diligence: what tells a vote that was thought about from one that was not, and what becomes of a poor one (V3).

use super::ladder::seconds;
use super::requirement::Requirement;
use crate::moment::Moment;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What makes an approval a poor one, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Diligence {
    /// What becomes of a poor approval.
    pub on_poor: OnPoor,
    /// The reviewer must have opened it before.
    pub opened: bool,
    /// The reviewer must have opened the evidence before: the raw payload and what argues for it.
    pub evidence: bool,
    /// How many characters per second nobody can read; 0 if any speed will do.
    pub reading_speed: u32,
    /// So many approvals …
    pub burst: u32,
    /// … within so many seconds are a burst; 0 approvals if there is no such thing.
    #[serde(with = "seconds")]
    pub burst_within: Duration,
    /// So many approvals one after the other without any denial are a streak; 0 if there is no such thing.
    pub streak: u32,
    /// An approval in the reviewer's night is a poor one.
    pub nights: bool,
}

impl Default for Diligence {
    /// Poor votes are flagged: 120 characters a second, 10 approvals within a minute, 100 without a denial, nights.
    fn default() -> Self {
        Self {
            on_poor: OnPoor::Flag,
            opened: false,
            evidence: false,
            reading_speed: 120,
            burst: 10,
            burst_within: Duration::from_secs(60),
            streak: 100,
            nights: true,
        }
    }
}

impl Diligence {
    /// Whether it is the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is as strict as both: a vote that is poor by either is poor.
    pub(crate) fn strictest(&self, other: &Self) -> Self {
        // Zero is no bound at all.
        let lower = |a: u32, b: u32| if a == 0 || b == 0 { a.max(b) } else { a.min(b) };
        Self {
            on_poor: self.on_poor.strictest(&other.on_poor),
            opened: self.opened || other.opened,
            evidence: self.evidence || other.evidence,
            reading_speed: lower(self.reading_speed, other.reading_speed),
            burst: lower(self.burst, other.burst),
            burst_within: self.burst_within.max(other.burst_within),
            streak: lower(self.streak, other.streak),
            nights: self.nights || other.nights,
        }
    }
}

/// What becomes of a poor approval. A denial always counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPoor {
    /// It counts, and says so.
    #[default]
    Flag,
    /// It is refused once, with why; the same person's next one counts.
    AskAgain,
    /// It is recorded and fills no seat.
    NotCount,
    /// It counts, and somebody else has to agree besides.
    AddSeat(Requirement),
}

impl OnPoor {
    /// Every name, the mildest first.
    pub const NAMES: [&str; 4] = ["flag", "ask_again", "not_count", "add_seat"];

    /// The name, as policies write it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::AskAgain => "ask_again",
            Self::NotCount => "not_count",
            Self::AddSeat(_) => "add_seat",
        }
    }

    fn strictest(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::AddSeat(one), Self::AddSeat(two)) if one == two => self.clone(),
            // Where no poor vote fills a seat, everyone who is seated voted well: no other seat could add to that.
            (Self::NotCount, _) | (_, Self::NotCount) | (Self::AddSeat(_), Self::AddSeat(_)) => {
                Self::NotCount
            }
            (Self::AddSeat(_), Self::Flag | Self::AskAgain) => self.clone(),
            (Self::Flag | Self::AskAgain, Self::AddSeat(_)) => other.clone(),
            (Self::AskAgain, _) | (_, Self::AskAgain) => Self::AskAgain,
            (Self::Flag, Self::Flag) => Self::Flag,
        }
    }
}

/// Why an approval is a poor one, with the figures that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "flag")]
pub enum Flag {
    /// The reviewer never opened it.
    NotOpened,
    /// The reviewer never opened the evidence.
    EvidenceNotOpened,
    /// Nobody can have read so much in so little time.
    Hasty {
        /// How long the reviewer had it before them, in milliseconds.
        took: u64,
        /// How long reading it takes at the least, in milliseconds.
        least: u64,
    },
    /// One of so many approvals in a row within a short time.
    Burst {
        /// How many, this one included.
        votes: u32,
        /// Within how many milliseconds.
        within: u64,
    },
    /// One of so many approvals without a denial.
    Streak {
        /// How many, this one included.
        votes: u32,
    },
    /// In the reviewer's night.
    Night {
        /// The hour of the reviewer's clock.
        hour: u8,
    },
}

impl Flag {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotOpened => "diligence.not_opened",
            Self::EvidenceNotOpened => "diligence.evidence_not_opened",
            Self::Hasty { .. } => "diligence.hasty",
            Self::Burst { .. } => "diligence.burst",
            Self::Streak { .. } => "diligence.streak",
            Self::Night { .. } => "diligence.night",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |millis: &u64| (millis / 1000, millis % 1000 / 100);
        match self {
            Self::NotOpened => f.write_str("the reviewer had not opened it"),
            Self::EvidenceNotOpened => f.write_str("the reviewer had not opened the evidence"),
            Self::Hasty { took, least } => {
                let ((took, took_rest), (least, least_rest)) = (tenths(took), tenths(least));
                write!(
                    f,
                    "decided after {took}.{took_rest} s, where reading takes {least}.{least_rest} s at the least"
                )
            }
            Self::Burst { votes, within } => {
                let (seconds, rest) = tenths(within);
                write!(f, "one of {votes} approvals within {seconds}.{rest} s")
            }
            Self::Streak { votes } => write!(f, "approval number {votes} without a denial"),
            Self::Night { hour } => write!(f, "decided at {hour} o'clock of the reviewer's night"),
        }
    }
}

/// What a reviewer did with an escalation before voting; each is the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// They were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Moment>,
    /// It reached a program of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Moment>,
    /// They opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Moment>,
    /// They opened the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_opened_at: Option<Moment>,
}

/// Something that a reviewer did with an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// It reached a program of theirs.
    Delivered,
    /// They opened it.
    Opened,
    /// They opened the evidence.
    Evidence,
}

impl Attention {
    /// Whether this was already known.
    #[must_use]
    pub const fn has(&self, sight: Sight) -> bool {
        match sight {
            Sight::Delivered => self.delivered_at.is_some(),
            Sight::Opened => self.opened_at.is_some(),
            Sight::Evidence => self.evidence_opened_at.is_some(),
        }
    }

    /// … and this at this moment, if it is the first time.
    pub fn note(&mut self, sight: Sight, at: Moment) {
        let first = match sight {
            Sight::Delivered => &mut self.delivered_at,
            Sight::Opened => &mut self.opened_at,
            Sight::Evidence => &mut self.evidence_opened_at,
        };
        first.get_or_insert(at);
    }
}
