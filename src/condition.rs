//! What must hold when an operation is executed: a closed registry of conditions with closed schemas (TOKEN §6).
//!
//! A condition narrows what was approved; going wider needs a new operation. All conditions of a token must hold
//! together. An unknown name, an unknown member or a fact that the executor does not present is a refusal.

mod facts;
mod merge;
mod schema;
mod short;

pub use facts::{ExecutionFacts, MAX_TARGET_NAMES, Unmet, target_digest};
pub use merge::{Contradiction, holds_all, tightest};
pub use schema::ConditionError;
pub use short::ShortFormError;

use crate::digest::TargetSetDigest;
use crate::moment::Moment;
use core::fmt;

/// The largest integer that a condition may hold: the largest one that every JSON library reads exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// One condition of an authority token.
///
/// The invariants of each member are checked by [`Condition::from_value`] and by the constructors of the member
/// types, so a condition that exists is well-formed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Only a part of the targets: at most so many, or at most so many percent of them.
    Canary(Canary),
    /// Only within a window of time.
    TimeWindow(TimeWindow),
    /// These fields of what is read or written must be masked.
    Mask(Fields),
    /// At most so many rows are touched.
    RowLimit(Limit),
    /// At most this amount is spent.
    MaxAmount(Amount),
    /// Exactly the set of targets with this digest, see [`target_digest`].
    TargetSubset(TargetSetDigest),
    /// Nothing may be changed: the executor only shows what it would do.
    DryRun,
    /// The executor goes no faster than this.
    Rate(Rate),
    /// The executor can undo what it did within so many seconds, and reports that it could.
    RollbackWithin(Limit),
    /// The token must also be consumed online, at the party that issued it, before it is acted on.
    OnlineConsume,
}

/// How much of the targets a canary may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Canary {
    /// A share of all targets, rounded down to whole targets.
    MaxPercent(Percent),
    /// A number of targets.
    MaxTargets(Limit),
}

/// A whole percentage from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// A percentage; `None` unless it is from 1 to 100.
    #[must_use]
    pub fn new(percent: u64) -> Option<Self> {
        u8::try_from(percent).ok().filter(|p| (1..=100).contains(p)).map(Self)
    }

    /// The percentage.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// A positive whole number: of targets, of rows, of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(u64);

impl Limit {
    /// A limit; `None` unless it is from 1 to [`MAX_INTEGER`].
    #[must_use]
    pub fn new(limit: u64) -> Option<Self> {
        (1..=MAX_INTEGER).contains(&limit).then_some(Self(limit))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// From one moment on, until before another one; both in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    from: Moment,
    until: Moment,
}

impl TimeWindow {
    /// The window `[from, until)`; `None` if it is empty or an end is not a whole second.
    #[must_use]
    pub fn new(from: Moment, until: Moment) -> Option<Self> {
        let whole = |moment: Moment| moment.unix_millis().is_multiple_of(1000);
        (from < until && whole(from) && whole(until)).then_some(Self { from, until })
    }

    /// The first moment inside.
    #[must_use]
    pub const fn from(&self) -> Moment {
        self.from
    }

    /// The first moment that is no longer inside.
    #[must_use]
    pub const fn until(&self) -> Moment {
        self.until
    }
}

/// Names of fields: at least one, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fields(Vec<Box<str>>);

impl Fields {
    /// The longest name of a field, in bytes.
    pub const MAX_NAME: usize = 128;

    /// The named fields; `None` if there are none, one comes twice, or one is not a field's name: 1 to 128 of
    /// letters, digits and `_-./*[]$:@`.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut fields = Vec::new();
        for name in names {
            fields.push(Self::is_name(name).then(|| Box::<str>::from(name))?);
        }
        fields.sort_unstable();
        let distinct = fields.is_sorted_by(|a, b| a < b);
        (distinct && !fields.is_empty()).then_some(Self(fields))
    }

    /// Whether a text can name a field.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let fits = (1..=Self::MAX_NAME).contains(&text.len());
        fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./*[]$:@".contains(&b))
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    fn union(&self, other: &Self) -> Self {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).cloned().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

/// A currency's ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Takes three capital letters; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

/// An amount of money in the currency's minor unit (cents).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    currency: Currency,
    minor: u64,
}

impl Amount {
    /// So many minor units of a currency; `None` above [`MAX_INTEGER`].
    #[must_use]
    pub fn new(currency: Currency, minor: u64) -> Option<Self> {
        (minor <= MAX_INTEGER).then_some(Self { currency, minor })
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The number of minor units.
    #[must_use]
    pub const fn minor(&self) -> u64 {
        self.minor
    }
}

/// At most `max` actions in any span of `per_s` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    max: Limit,
    per_s: Limit,
}

impl Rate {
    /// At most `max` actions in any span of `per_s` seconds.
    #[must_use]
    pub const fn new(max: Limit, per_s: Limit) -> Self {
        Self { max, per_s }
    }

    /// The number of actions.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max.0
    }

    /// The length of the span in seconds.
    #[must_use]
    pub const fn per_s(&self) -> u64 {
        self.per_s.0
    }

    /// Whether whoever holds to this rate also holds to `other`: in `other`'s span fit ⌈span ÷ own span⌉ of ours.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let spans = u128::from(other.per_s().div_ceil(self.per_s()));
        u128::from(self.max()) * spans <= u128::from(other.max())
    }
}

/// When a condition is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the operation runs, from what the executor presents.
    Before,
    /// Before it runs the executor commits itself to it; afterwards it reports that it kept to it.
    After,
}

/// The name of a condition: what an executor registers that it enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionKind {
    /// `canary`
    Canary,
    /// `time_window`
    TimeWindow,
    /// `mask`
    Mask,
    /// `row_limit`
    RowLimit,
    /// `max_amount`
    MaxAmount,
    /// `target_subset`
    TargetSubset,
    /// `dry_run`
    DryRun,
    /// `rate`
    Rate,
    /// `rollback_within`
    RollbackWithin,
    /// `online_consume`
    OnlineConsume,
}

impl ConditionKind {
    /// All of them, in the order in which conditions are written.
    pub const ALL: [Self; 10] = [
        Self::Canary,
        Self::TimeWindow,
        Self::Mask,
        Self::RowLimit,
        Self::MaxAmount,
        Self::TargetSubset,
        Self::DryRun,
        Self::Rate,
        Self::RollbackWithin,
        Self::OnlineConsume,
    ];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::TimeWindow => "time_window",
            Self::Mask => "mask",
            Self::RowLimit => "row_limit",
            Self::MaxAmount => "max_amount",
            Self::TargetSubset => "target_subset",
            Self::DryRun => "dry_run",
            Self::Rate => "rate",
            Self::RollbackWithin => "rollback_within",
            Self::OnlineConsume => "online_consume",
        }
    }

    /// The condition of that name, byte for byte; `None` if the registry has none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// When it is checked.
    #[must_use]
    pub const fn when(self) -> When {
        match self {
            Self::Canary
            | Self::TimeWindow
            | Self::Mask
            | Self::RowLimit
            | Self::MaxAmount
            | Self::TargetSubset
            | Self::DryRun
            | Self::OnlineConsume => When::Before,
            Self::Rate | Self::RollbackWithin => When::After,
        }
    }
}

impl fmt::Display for ConditionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Condition {
    /// Its name.
    #[must_use]
    pub const fn kind(&self) -> ConditionKind {
        match self {
            Self::Canary(_) => ConditionKind::Canary,
            Self::TimeWindow(_) => ConditionKind::TimeWindow,
            Self::Mask(_) => ConditionKind::Mask,
            Self::RowLimit(_) => ConditionKind::RowLimit,
            Self::MaxAmount(_) => ConditionKind::MaxAmount,
            Self::TargetSubset(_) => ConditionKind::TargetSubset,
            Self::DryRun => ConditionKind::DryRun,
            Self::Rate(_) => ConditionKind::Rate,
            Self::RollbackWithin(_) => ConditionKind::RollbackWithin,
            Self::OnlineConsume => ConditionKind::OnlineConsume,
        }
    }

    /// What it asks, in words for a reviewer: `at most 10 % of the targets`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Canary(Canary::MaxPercent(percent)) => format!("at most {} % of the targets", percent.0),
            Self::Canary(Canary::MaxTargets(Limit(1))) => "at most one target".into(),
            Self::Canary(Canary::MaxTargets(limit)) => format!("at most {} targets", limit.0),
            Self::TimeWindow(window) => format!("only from {} until before {}", window.from, window.until),
            Self::Mask(fields) => format!("with masked: {}", fields.iter().collect::<Vec<_>>().join(", ")),
            Self::RowLimit(Limit(1)) => "at most one row".into(),
            Self::RowLimit(limit) => format!("at most {} rows", limit.0),
            Self::MaxAmount(amount) => {
                format!("at most {} minor units of {}", amount.minor, amount.currency)
            }
            Self::TargetSubset(digest) => format!("only the set of targets with the SHA-256 {digest}"),
            Self::DryRun => "as a dry run that changes nothing".into(),
            Self::Rate(rate) => format!("no more than {} in any {} s", rate.max(), rate.per_s()),
            Self::RollbackWithin(limit) => format!("able to roll back within {} s", limit.0),
            Self::OnlineConsume => "consumed online before it runs".into(),
        }
    }
}
