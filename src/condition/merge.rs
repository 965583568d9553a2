//! The tightest of several people's conditions, and where they contradict each other.

use super::{Canary, Condition, ConditionKind, TimeWindow};
use core::fmt;

/// Two conditions of this kind that no execution could meet together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction(pub ConditionKind);

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the conditions `{}` contradict each other", self.0)
    }
}

impl std::error::Error for Contradiction {}

/// How two conditions of one kind go together.
enum Merged {
    /// This one says all that both say.
    One(Condition),
    /// Neither says what the other says: both are kept.
    Both,
}

/// The fewest conditions that say all that the given ones say, sorted; the same for every order of its input.
///
/// A canary by percentage and one by number are both kept, since which is tighter depends on how many targets there
/// are; so are two rates over different spans unless one implies the other. Masked fields add up, windows of time
/// intersect, of other limits the smallest holds.
///
/// # Errors
/// [`Contradiction`] for windows that don't meet, different sets of targets and amounts in different currencies.
pub fn tightest(conditions: &[Condition]) -> Result<Vec<Condition>, Contradiction> {
    let mut sorted: Vec<&Condition> = conditions.iter().collect();
    sorted.sort_unstable();
    let mut kept: Vec<Condition> = Vec::new();
    for condition in sorted {
        let mut condition = condition.clone();
        let mut others = Vec::with_capacity(kept.len() + 1);
        for other in kept {
            match merge(&other, &condition)? {
                Merged::One(one) => condition = one,
                Merged::Both => others.push(other),
            }
        }
        others.push(condition);
        kept = others;
    }
    kept.sort_unstable();
    Ok(kept)
}

/// Whether `held` is at least as tight as `asked`: adding what is asked to it changes nothing.
#[must_use]
pub fn holds_all(held: &[Condition], asked: &[Condition]) -> bool {
    match (tightest(held), tightest(&[held, asked].concat())) {
        (Ok(alone), Ok(together)) => alone == together,
        _ => false,
    }
}

fn merge(a: &Condition, b: &Condition) -> Result<Merged, Contradiction> {
    use Condition as C;
    let one = |condition| Ok(Merged::One(condition));
    match (a, b) {
        (C::Canary(Canary::MaxPercent(a)), C::Canary(Canary::MaxPercent(b))) => {
            one(C::Canary(Canary::MaxPercent(*a.min(b))))
        }
        (C::Canary(Canary::MaxTargets(a)), C::Canary(Canary::MaxTargets(b))) => {
            one(C::Canary(Canary::MaxTargets(*a.min(b))))
        }
        (C::TimeWindow(a), C::TimeWindow(b)) => {
            let both = TimeWindow::new(a.from().max(b.from()), a.until().min(b.until()));
            one(C::TimeWindow(both.ok_or(Contradiction(ConditionKind::TimeWindow))?))
        }
        (C::Mask(a), C::Mask(b)) => one(C::Mask(a.union(b))),
        (C::RowLimit(a), C::RowLimit(b)) => one(C::RowLimit(*a.min(b))),
        (C::MaxAmount(a), C::MaxAmount(b)) if a.currency() == b.currency() => one(C::MaxAmount(*a.min(b))),
        (C::MaxAmount(_), C::MaxAmount(_)) => Err(Contradiction(ConditionKind::MaxAmount)),
        (C::TargetSubset(a), C::TargetSubset(b)) if a == b => one(C::TargetSubset(*a)),
        (C::TargetSubset(_), C::TargetSubset(_)) => Err(Contradiction(ConditionKind::TargetSubset)),
        (C::Rate(a), C::Rate(b)) if a.implies(b) => one(C::Rate(*a)),
        (C::Rate(a), C::Rate(b)) if b.implies(a) => one(C::Rate(*b)),
        (C::RollbackWithin(a), C::RollbackWithin(b)) => one(C::RollbackWithin(*a.min(b))),
        (C::DryRun, C::DryRun) | (C::OnlineConsume, C::OnlineConsume) => one(a.clone()),
        _ => Ok(Merged::Both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Amount, Currency, ExecutionFacts, Fields, Limit, Percent, Rate, target_digest};
    use crate::moment::Moment;
    use proptest::prelude::*;

    fn limit(n: u64) -> Limit {
        Limit::new(n).unwrap()
    }

    fn rate(max: u64, per_s: u64) -> Condition {
        Condition::Rate(Rate::new(limit(max), limit(per_s)))
    }

    #[test]
    fn the_smaller_limit_holds_and_fields_add_up() {
        let percent = |p| Condition::Canary(Canary::MaxPercent(Percent::new(p).unwrap()));
        let mask = |fields: &[&str]| Condition::Mask(Fields::new(fields.iter().copied()).unwrap());
        let merged = tightest(&[
            percent(20),
            mask(&["ssn"]),
            percent(10),
            Condition::Canary(Canary::MaxTargets(limit(3))),
            Condition::DryRun,
            mask(&["email", "ssn"]),
            Condition::DryRun,
            rate(10, 60),
            rate(1, 60),
        ]);
        let expected = vec![
            percent(10),
            Condition::Canary(Canary::MaxTargets(limit(3))),
            mask(&["email", "ssn"]),
            Condition::DryRun,
            rate(1, 60),
        ];
        assert_eq!(merged, Ok(expected));
    }

    #[test]
    fn rates_over_different_spans_are_both_kept_unless_one_implies_the_other() {
        assert_eq!(tightest(&[rate(10, 1), rate(100, 60)]), Ok(vec![rate(10, 1), rate(100, 60)]));
        assert_eq!(tightest(&[rate(10, 60), rate(100, 1)]), Ok(vec![rate(10, 60)]));
    }

    #[test]
    fn what_nobody_could_meet_is_a_contradiction() {
        let at = Moment::from_unix_seconds;
        let window = |a, b| Condition::TimeWindow(TimeWindow::new(at(a), at(b)).unwrap());
        let amount = |code| Condition::MaxAmount(Amount::new(Currency::parse(code).unwrap(), 1).unwrap());
        let subset = |name| Condition::TargetSubset(target_digest([name]).unwrap());
        for (a, b, kind) in [
            (window(0, 10), window(10, 20), ConditionKind::TimeWindow),
            (amount("EUR"), amount("USD"), ConditionKind::MaxAmount),
            (subset("a"), subset("b"), ConditionKind::TargetSubset),
        ] {
            assert_eq!(tightest(&[a, b]), Err(Contradiction(kind)));
        }
        assert_eq!(tightest(&[window(0, 10), window(5, 20)]), Ok(vec![window(5, 10)]));
    }

    fn some_condition() -> impl Strategy<Value = Condition> {
        let small = || (1u64..6).prop_map(limit);
        prop_oneof![
            (1u64..6).prop_map(|p| Condition::Canary(Canary::MaxPercent(Percent::new(p * 20).unwrap()))),
            small().prop_map(|n| Condition::Canary(Canary::MaxTargets(n))),
            (0u64..6, 1u64..6).prop_map(|(from, long)| {
                let at = Moment::from_unix_seconds;
                Condition::TimeWindow(TimeWindow::new(at(from), at(from + long)).unwrap())
            }),
            (1usize..4)
                .prop_map(|n| Condition::Mask(Fields::new(["a", "b", "c"].into_iter().take(n)).unwrap())),
            small().prop_map(Condition::RowLimit),
            Just(Condition::DryRun),
            (small(), small()).prop_map(|(max, per)| Condition::Rate(Rate::new(max, per))),
            small().prop_map(Condition::RollbackWithin),
        ]
    }

    fn some_facts() -> impl Strategy<Value = ExecutionFacts> {
        let small = || prop::option::of(0u64..6);
        let masked = prop::option::of(Just(vec!["a".to_owned(), "b".to_owned()]));
        let rate = prop::option::of((1u64..6, 1u64..6).prop_map(|(m, p)| Rate::new(limit(m), limit(p))));
        (small(), small(), masked, small(), prop::option::of(any::<bool>()), rate, small()).prop_map(
            |(targets, all_targets, masked, rows, dry_run, rate, rollback_s)| ExecutionFacts {
                targets,
                all_targets,
                masked,
                rows,
                dry_run,
                rate,
                rollback_s,
                ..ExecutionFacts::default()
            },
        )
    }

    proptest! {
        /// The merged conditions hold for exactly the executions for which all the given ones hold.
        #[test]
        fn merging_changes_nothing_about_what_is_allowed(
            conditions in prop::collection::vec(some_condition(), 0..6),
            facts in some_facts(),
            second in 0u64..12,
        ) {
            let now = Moment::from_unix_seconds(second);
            let each = conditions.iter().all(|c| c.check(&facts, now).is_ok());
            match tightest(&conditions) {
                Ok(merged) => {
                    let together = merged.iter().all(|c| c.check(&facts, now).is_ok());
                    prop_assert_eq!(each, together, "{:?}", merged);
                    prop_assert_eq!(tightest(&merged), Ok(merged.clone()));
                    let mut turned = conditions.clone();
                    turned.reverse();
                    prop_assert_eq!(tightest(&turned), Ok(merged));
                }
                Err(_) => prop_assert!(!each),
            }
        }
    }
}
