//! Drift: the scores that operations got beside the incidents that came of them (R7).
//!
//! A score is no probability, so that it need not be as high as the rate of incidents. What it must do is to be higher
//! where incidents happen than where none do; that is what is measured, of the score and of each factor.

use super::interval::{Interval, Rate, round, rounded};
use super::recent::{FACTORS, Remembered};
use crate::audit::event::IncidentSeverity;
use crate::risk::{FactorName, Level};
use serde::Serialize;

/// With fewer incidents nothing is said about what the scores are worth.
pub const LEAST_INCIDENTS: u64 = 10;
/// Into so many bands the scores are cut, each a tenth wide.
pub(super) const BANDS: usize = 10;
/// Below this a factor calls an operation harmless, in thousandths: where medium risk begins by the published scale.
const LOW: u16 = 300;
const NAMES: [FactorName; FACTORS] = [
    FactorName::Operation,
    FactorName::Environment,
    FactorName::Sensitivity,
    FactorName::Behaviour,
    FactorName::Scope,
    FactorName::Timing,
];

/// The operations that ran, and those of which incidents came.
#[derive(Clone, Debug, Default)]
pub(super) struct Drift {
    ran: Population,
    hurt: Population,
    severities: [u64; 3],
    /// Of operations that are not remembered any more, or never were.
    unknown: u64,
    /// Of operations for which no token was minted.
    not_minted: u64,
}

/// How often each score and each value of each factor came up.
#[derive(Clone, Debug)]
struct Population {
    count: u64,
    scores: Box<[u64]>,
    factors: [Box<[u64]>; FACTORS],
    levels: [u64; 4],
}

const VALUES: usize = 1001;

impl Default for Population {
    fn default() -> Self {
        let none = || vec![0; VALUES].into_boxed_slice();
        Self { count: 0, scores: none(), factors: core::array::from_fn(|_| none()), levels: [0; 4] }
    }
}

impl Population {
    fn take(&mut self, operation: &Remembered) {
        let more = |counts: &mut [u64], value: u16| {
            if let Some(count) = counts.get_mut(usize::from(value)) {
                *count += 1;
            }
        };
        self.count += 1;
        more(&mut self.scores, operation.score);
        for (counts, value) in self.factors.iter_mut().zip(operation.factors) {
            more(counts, value);
        }
        if let Some(count) = self.levels.get_mut(operation.level as usize) {
            *count += 1;
        }
    }
}

impl Drift {
    /// A token was minted for it.
    pub(super) fn ran(&mut self, operation: &Remembered) {
        self.ran.take(operation);
    }

    /// An incident came of it; `operation` is new to that, or `None` if it was known already.
    pub(super) fn incident(&mut self, severity: IncidentSeverity, operation: Option<&Remembered>) {
        if let Some(count) = self.severities.get_mut(severity as usize) {
            *count += 1;
        }
        if let Some(operation) = operation {
            self.hurt.take(operation);
        }
    }

    pub(super) const fn unknown(&mut self) {
        self.unknown += 1;
    }

    pub(super) const fn not_minted(&mut self) {
        self.not_minted += 1;
    }

    pub(super) fn report(&self) -> DriftReport {
        let (ran, hurt) = (self.ran.count, self.hurt.count);
        let discrimination = Discrimination::of(&self.ran.scores, &self.hurt.scores);
        let factors = NAMES.iter().zip(self.ran.factors.iter().zip(&self.hurt.factors));
        let [minor, major, critical] = self.severities;
        DriftReport {
            ran,
            incidents: hurt,
            minor,
            major,
            critical,
            unknown: self.unknown,
            not_minted: self.not_minted,
            enough: hurt >= LEAST_INCIDENTS && ran > hurt,
            brier: brier(&self.ran.scores, &self.hurt.scores).map(round),
            brier_of_the_mean: Rate::new(hurt, ran).value().map(|rate| round(rate * (1.0 - rate))),
            discrimination,
            bands: bands(&self.ran.scores, &self.hurt.scores),
            levels: Level::ALL
                .iter()
                .zip(self.ran.levels.iter().zip(&self.hurt.levels))
                .map(of_level)
                .collect(),
            factors: factors.map(|(name, (ran, hurt))| FactorDrift::of(*name, ran, hurt)).collect(),
        }
    }
}

fn of_level((level, (ran, hurt)): (&Level, (&u64, &u64))) -> LevelDrift {
    LevelDrift { level: *level, incidents: Rate::new(*hurt, *ran) }
}

/// What the scores were worth.
#[derive(Clone, Debug, Serialize)]
pub struct DriftReport {
    /// How many operations got a token.
    pub ran: u64,
    /// Of how many of them incidents came.
    pub incidents: u64,
    /// How many incidents were reported, by severity.
    pub minor: u64,
    /// See `minor`.
    pub major: u64,
    /// See `minor`.
    pub critical: u64,
    /// How many were of operations that are not known, or not any more.
    pub unknown: u64,
    /// How many were of operations for which no token was minted.
    pub not_minted: u64,
    /// Whether there are enough incidents ([`LEAST_INCIDENTS`]) for the rest to say anything.
    pub enough: bool,
    /// The mean of the squares of score minus what happened, 1 for an incident; lower is better (Brier 1950).
    pub brier: Option<f64>,
    /// … that a score would have which is always the mean rate of incidents.
    pub brier_of_the_mean: Option<f64>,
    /// How often the score is higher where an incident came of it than where none did.
    pub discrimination: Option<Discrimination>,
    /// By score.
    pub bands: Vec<Band>,
    /// By level.
    pub levels: Vec<LevelDrift>,
    /// By factor.
    pub factors: Vec<FactorDrift>,
}

impl DriftReport {
    /// The pairs of bands, the lower first, of which the lower has surely the more incidents: the score has them the wrong
    /// way round.
    #[must_use]
    pub fn inverted(&self) -> Vec<(&Band, &Band)> {
        let pairs = self.bands.iter().enumerate();
        let pairs = pairs.flat_map(|(at, low)| self.bands.iter().skip(at + 1).map(move |high| (low, high)));
        pairs.filter(|(low, high)| low.incidents.at_least() > high.incidents.at_most()).collect()
    }
}

/// Scores that are alike.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Band {
    /// From this score.
    #[serde(serialize_with = "rounded")]
    pub from: f64,
    /// To below this one; to 1.0 in the last.
    #[serde(serialize_with = "rounded")]
    pub to: f64,
    /// The mean of the scores given.
    pub score: Option<f64>,
    /// How many of them incidents came of.
    pub incidents: Rate,
}

/// One level.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LevelDrift {
    /// Which.
    pub level: Level,
    /// Of how many of those that ran incidents came.
    pub incidents: Rate,
}

/// How often a number is higher of an operation that an incident came of than of one where none did, a draw counting
/// half: 1 if it tells them apart, 0.5 if it knows nothing, less if it has them the wrong way round.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Discrimination {
    /// How often.
    #[serde(serialize_with = "rounded")]
    pub value: f64,
    /// Between which it lies with 95 % certainty (Hanley and McNeil 1982).
    #[serde(flatten)]
    pub interval: Interval,
}

/// What one factor was worth.
#[derive(Clone, Debug, Serialize)]
pub struct FactorDrift {
    /// Which.
    pub factor: FactorName,
    /// Its mean where incidents happened.
    pub mean_of_incidents: Option<f64>,
    /// Its mean where none did.
    pub mean_of_others: Option<f64>,
    /// Of how many of the incidents it said that the operation was harmless: a value below 0.3.
    pub low: Rate,
    /// How often it was higher where incidents happened.
    pub discrimination: Option<Discrimination>,
    /// What that means.
    pub verdict: Verdict,
}

/// What is to be said of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are too few incidents to say anything.
    TooFew,
    /// It is higher where incidents happen.
    Tells,
    /// It is no higher where incidents happen than elsewhere, as far as can be told.
    Silent,
    /// It is lower where incidents happen.
    Misjudges,
}

impl Verdict {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooFew => "too_few",
            Self::Tells => "tells",
            Self::Silent => "silent",
            Self::Misjudges => "misjudges",
        }
    }
}

impl FactorDrift {
    fn of(factor: FactorName, ran: &[u64], hurt: &[u64]) -> Self {
        let others = without(ran, hurt);
        let incidents: u64 = hurt.iter().sum();
        let low = hurt.iter().take(usize::from(LOW)).sum();
        let discrimination = Discrimination::of(ran, hurt);
        let verdict = match discrimination {
            Some(found) if incidents >= LEAST_INCIDENTS => match (found.interval.low, found.interval.high) {
                (low, _) if low > 0.5 => Verdict::Tells,
                (_, high) if high < 0.5 => Verdict::Misjudges,
                _ => Verdict::Silent,
            },
            Some(_) | None => Verdict::TooFew,
        };
        Self {
            factor,
            mean_of_incidents: mean(hurt),
            mean_of_others: mean(&others),
            low: Rate::new(low, incidents),
            discrimination,
            verdict,
        }
    }
}

impl Discrimination {
    fn of(ran: &[u64], hurt: &[u64]) -> Option<Self> {
        let others = without(ran, hurt);
        let (incidents, rest): (u64, u64) = (hurt.iter().sum(), others.iter().sum());
        if incidents == 0 || rest == 0 {
            return None;
        }
        let (mut below, mut won) = (0_u64, 0.0);
        for (hurt, other) in hurt.iter().zip(&others) {
            won += *hurt as f64 * (below as f64 + *other as f64 / 2.0);
            below += other;
        }
        let (incidents, rest) = (incidents as f64, rest as f64);
        let value = won / (incidents * rest);
        let (one, other) = (value / (2.0 - value), 2.0 * value * value / (1.0 + value));
        let square = value * value;
        let variance =
            (value * (1.0 - value) + (incidents - 1.0) * (one - square) + (rest - 1.0) * (other - square))
                / (incidents * rest);
        let half = 1.96 * variance.max(0.0).sqrt();
        Some(Self {
            value,
            interval: Interval { low: (value - half).max(0.0), high: (value + half).min(1.0) },
        })
    }
}

fn without(ran: &[u64], hurt: &[u64]) -> Vec<u64> {
    ran.iter().zip(hurt).map(|(all, some)| all.saturating_sub(*some)).collect()
}

/// The mean of values in thousandths, as a part of one.
fn mean(counts: &[u64]) -> Option<f64> {
    let count: u64 = counts.iter().sum();
    let sum: u64 = counts.iter().zip(0_u64..).map(|(count, value)| count * value).sum();
    (count > 0).then(|| round(sum as f64 / 1000.0 / count as f64))
}

fn brier(ran: &[u64], hurt: &[u64]) -> Option<f64> {
    let count: u64 = ran.iter().sum();
    let each = ran.iter().zip(hurt).zip(0_u32..).map(|((ran, hurt), value)| {
        let score = f64::from(value) / 1000.0;
        let others = ran.saturating_sub(*hurt);
        *hurt as f64 * (1.0 - score).powi(2) + others as f64 * score.powi(2)
    });
    (count > 0).then(|| each.sum::<f64>() / count as f64)
}

fn bands(ran: &[u64], hurt: &[u64]) -> Vec<Band> {
    let band = |number: usize| {
        let width = 1000 / BANDS;
        let last = number + 1 == BANDS;
        let (skip, take) = (number * width, if last { width + 1 } else { width });
        let part = |counts: &[u64]| -> Vec<u64> { counts.iter().skip(skip).take(take).copied().collect() };
        let (ran, hurt) = (part(ran), part(hurt));
        let from = number as f64 / BANDS as f64;
        Band {
            from,
            to: from + 1.0 / BANDS as f64,
            score: mean(&ran).map(|above| round(above + from)),
            incidents: Rate::new(hurt.iter().sum(), ran.iter().sum()),
        }
    };
    (0..BANDS).map(band).collect()
}
