//! What an executor presents about an execution, and the check of a condition against it.

use super::{Amount, Canary, Condition, ConditionKind, Rate};
use crate::digest::{TargetSetDigest, sha256};
use crate::moment::Moment;
use core::fmt;

/// The most target names that an executor can present.
pub const MAX_TARGET_NAMES: usize = 100_000;

/// What the executor says about this execution before it runs. A fact that is absent can't meet a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFacts {
    /// How many targets this execution reaches. Where names are given as well, the larger number counts.
    pub targets: Option<u64>,
    /// How many targets there are in all.
    pub all_targets: Option<u64>,
    /// The names of the targets that this execution reaches.
    pub target_names: Option<Vec<String>>,
    /// The fields that the executor masks.
    pub masked: Option<Vec<String>>,
    /// The largest number of rows that this execution can touch.
    pub rows: Option<u64>,
    /// The amount that this execution spends.
    pub amount: Option<Amount>,
    /// Whether the executor changes nothing.
    pub dry_run: Option<bool>,
    /// The rate that the executor holds itself to.
    pub rate: Option<Rate>,
    /// Within how many seconds the executor undertakes to be able to roll back.
    pub rollback_s: Option<u64>,
    /// Whether the token has been consumed online, at the party that issued it, for this execution.
    pub consumed_online: Option<bool>,
}

/// Why a condition does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The facts are there and break the condition.
    NotMet(ConditionKind),
    /// A fact that the condition needs is absent, so nobody can say whether it holds.
    MissingFact(ConditionKind),
}

impl Unmet {
    /// The condition.
    #[must_use]
    pub const fn kind(self) -> ConditionKind {
        match self {
            Self::NotMet(kind) | Self::MissingFact(kind) => kind,
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMet(kind) => write!(f, "the execution does not meet the condition `{kind}`"),
            Self::MissingFact(kind) => {
                write!(f, "the executor did not present what the condition `{kind}` is checked against")
            }
        }
    }
}

impl std::error::Error for Unmet {}

/// The digest of a set of target names: SHA-256 of `countersign/targets/v1` and a line feed, then every name once
/// in ascending byte order, each followed by a line feed.
///
/// `None` if there is no name, one is empty, or one has a line feed: such names could be cut in two ways.
#[must_use]
pub fn target_digest<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<TargetSetDigest> {
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() || names.iter().any(|name| name.is_empty() || name.contains('\n')) {
        return None;
    }
    names.sort_unstable();
    names.dedup();
    let mut bytes = String::from("countersign/targets/v1\n");
    for name in names {
        bytes.push_str(name);
        bytes.push('\n');
    }
    Some(TargetSetDigest::from_bytes(sha256(&[bytes.as_bytes()])))
}

impl Condition {
    /// Whether the condition holds for an execution with these facts, now.
    ///
    /// # Errors
    /// [`Unmet`]: the facts break it, or one that it needs is absent.
    pub fn check(&self, facts: &ExecutionFacts, now: Moment) -> Result<(), Unmet> {
        let missing = Unmet::MissingFact(self.kind());
        let holds = match self {
            Self::Canary(Canary::MaxTargets(limit)) => facts.reached().ok_or(missing)? <= limit.value(),
            Self::Canary(Canary::MaxPercent(percent)) => {
                let (reached, all) = (facts.reached().ok_or(missing)?, facts.all_targets.ok_or(missing)?);
                u128::from(reached) * 100 <= u128::from(all) * u128::from(percent.value())
            }
            Self::TimeWindow(window) => window.from() <= now && now < window.until(),
            Self::Mask(fields) => {
                let masked = facts.masked.as_ref().ok_or(missing)?;
                fields.iter().all(|field| masked.iter().any(|m| m == field))
            }
            Self::RowLimit(limit) => facts.rows.ok_or(missing)? <= limit.value(),
            Self::MaxAmount(limit) => {
                let amount = facts.amount.ok_or(missing)?;
                amount.currency() == limit.currency() && amount.minor() <= limit.minor()
            }
            Self::TargetSubset(digest) => {
                let names = facts.target_names.as_ref().ok_or(missing)?;
                let counted = facts.targets.is_none_or(|targets| u64::try_from(names.len()) == Ok(targets));
                counted
                    && names.len() <= MAX_TARGET_NAMES
                    && target_digest(names.iter().map(String::as_str)) == Some(*digest)
            }
            Self::DryRun => facts.dry_run.ok_or(missing)?,
            Self::Rate(limit) => facts.rate.ok_or(missing)?.implies(limit),
            Self::RollbackWithin(limit) => facts.rollback_s.ok_or(missing)? <= limit.value(),
            Self::OnlineConsume => facts.consumed_online.ok_or(missing)?,
        };
        if holds { Ok(()) } else { Err(Unmet::NotMet(self.kind())) }
    }
}

impl ExecutionFacts {
    /// How many targets the execution reaches, by number or by names; the larger if they disagree.
    fn reached(&self) -> Option<u64> {
        let named = self.target_names.as_ref().map(|names| u64::try_from(names.len()).unwrap_or(u64::MAX));
        self.targets.max(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Currency, Fields, Limit, Percent, TimeWindow};

    fn at(second: u64) -> Moment {
        Moment::from_unix_seconds(second)
    }

    fn names(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_condition_holds_breaks_and_misses_its_fact() {
        let limit = |n| Limit::new(n).unwrap();
        let euro = Currency::parse("EUR").unwrap();
        let none = ExecutionFacts::default;
        let (held, broken): (Vec<_>, Vec<_>) = [
            (
                Condition::Canary(Canary::MaxPercent(Percent::new(10).unwrap())),
                ExecutionFacts { targets: Some(2), all_targets: Some(20), ..none() },
                ExecutionFacts { targets: Some(2), all_targets: Some(19), ..none() },
            ),
            (
                Condition::Canary(Canary::MaxTargets(limit(2))),
                ExecutionFacts { target_names: names(&["a", "b"]), ..none() },
                ExecutionFacts { target_names: names(&["a", "b", "c"]), targets: Some(1), ..none() },
            ),
            (
                Condition::Mask(Fields::new(["ssn", "email"]).unwrap()),
                ExecutionFacts { masked: names(&["email", "name", "ssn"]), ..none() },
                ExecutionFacts { masked: names(&["email"]), ..none() },
            ),
            (
                Condition::RowLimit(limit(100)),
                ExecutionFacts { rows: Some(100), ..none() },
                ExecutionFacts { rows: Some(101), ..none() },
            ),
            (
                Condition::MaxAmount(Amount::new(euro, 5000).unwrap()),
                ExecutionFacts { amount: Amount::new(euro, 5000), ..none() },
                ExecutionFacts { amount: Amount::new(Currency::parse("USD").unwrap(), 1), ..none() },
            ),
            (
                Condition::TargetSubset(target_digest(["b", "a"]).unwrap()),
                ExecutionFacts { target_names: names(&["a", "b"]), ..none() },
                ExecutionFacts { target_names: names(&["a"]), ..none() },
            ),
            (
                Condition::DryRun,
                ExecutionFacts { dry_run: Some(true), ..none() },
                ExecutionFacts { dry_run: Some(false), ..none() },
            ),
            (
                Condition::Rate(Rate::new(limit(10), limit(60))),
                ExecutionFacts { rate: Some(Rate::new(limit(10), limit(60))), ..none() },
                ExecutionFacts { rate: Some(Rate::new(limit(1), limit(5))), ..none() },
            ),
            (
                Condition::RollbackWithin(limit(300)),
                ExecutionFacts { rollback_s: Some(300), ..none() },
                ExecutionFacts { rollback_s: Some(301), ..none() },
            ),
            (
                Condition::OnlineConsume,
                ExecutionFacts { consumed_online: Some(true), ..none() },
                ExecutionFacts { consumed_online: Some(false), ..none() },
            ),
        ]
        .into_iter()
        .map(|(condition, held, broken)| ((condition.clone(), held), (condition, broken)))
        .unzip();
        for (condition, facts) in held {
            assert_eq!(condition.check(&facts, at(0)), Ok(()), "{condition:?}");
            let kind = condition.kind();
            assert_eq!(condition.check(&none(), at(0)), Err(Unmet::MissingFact(kind)), "{condition:?}");
        }
        for (condition, facts) in broken {
            assert_eq!(condition.check(&facts, at(0)), Err(Unmet::NotMet(condition.kind())), "{condition:?}");
        }
    }

    #[test]
    fn a_window_includes_its_start_and_not_its_end() {
        let window = Condition::TimeWindow(TimeWindow::new(at(100), at(200)).unwrap());
        let facts = ExecutionFacts::default();
        let broken = Err(Unmet::NotMet(ConditionKind::TimeWindow));
        assert_eq!(window.check(&facts, Moment::from_unix_millis(99_999)), broken);
        assert_eq!(window.check(&facts, at(100)), Ok(()));
        assert_eq!(window.check(&facts, Moment::from_unix_millis(199_999)), Ok(()));
        assert_eq!(window.check(&facts, at(200)), broken);
        assert_eq!(TimeWindow::new(at(100), at(100)), None);
    }

    #[test]
    fn a_set_of_targets_has_one_digest_whatever_its_order() {
        assert_eq!(target_digest(["a", "b", "a"]), target_digest(["b", "a"]));
        assert_ne!(target_digest(["ab"]), target_digest(["a", "b"]));
        assert_eq!(target_digest(["a\nb"]), None);
        assert_eq!(target_digest([""]), None);
        assert_eq!(target_digest([]), None);
    }

    #[test]
    fn a_number_of_targets_that_contradicts_the_names_meets_nothing() {
        let subset = Condition::TargetSubset(target_digest(["a", "b"]).unwrap());
        let facts =
            ExecutionFacts { targets: Some(3), target_names: names(&["a", "b"]), ..Default::default() };
        assert_eq!(subset.check(&facts, at(0)), Err(Unmet::NotMet(ConditionKind::TargetSubset)));
    }
}
