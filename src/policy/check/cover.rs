//! What covers what: whether everything that one pattern, description or rule matches is matched by another.

use crate::policy::Rule;
use crate::policy::outcome::Outcome;
use crate::risk::Situation;
use crate::risk::floor::Case;
use crate::risk::pattern::Glob;

/// Stands for whatever a star stands for. A pattern matches it only by a star of its own.
const ANYTHING: &str = "\u{10ffff}";

/// How many patterns may still be compared.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new(comparisons: usize) -> Self {
        Self(comparisons)
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Whether everything that `narrow` matches is matched by `wide`. Where the budget is spent, nobody knows.
    fn includes(&mut self, (wide, wide_case): (&Glob, Case), (narrow, narrow_case): (&Glob, Case)) -> bool {
        let Some(rest) = self.0.checked_sub(1) else { return false };
        self.0 = rest;
        includes((wide, wide_case), (narrow, narrow_case))
    }

    fn among(&mut self, wide: (&[Glob], Case), narrow: (&[Glob], Case)) -> bool {
        let ((wide, wide_case), (narrow, narrow_case)) = (wide, narrow);
        wide.is_empty()
            || (!narrow.is_empty()
                && narrow.iter().all(|one| {
                    wide.iter().any(|other| self.includes((other, wide_case), (one, narrow_case)))
                }))
    }
}

/// A pattern holds all that another matches if it matches it with something unheard-of in place of each star: that
/// can only be matched by a star, and a star matches anything else as well.
pub(super) fn includes((wide, wide_case): (&Glob, Case), (narrow, narrow_case): (&Glob, Case)) -> bool {
    let any = |text: &str| text.replace('*', ANYTHING);
    if wide.as_str().contains(ANYTHING) {
        return false;
    }
    match (wide_case, narrow_case) {
        (Case::Any, Case::Any | Case::Exact) => {
            wide.matches_any_case(&any(&narrow.as_str().to_ascii_lowercase()))
        }
        (Case::Exact, Case::Exact) => wide.matches(&any(narrow.as_str())),
        // The other matches every spelling of its letters, and this one only the letters that it has.
        (Case::Exact, Case::Any) => {
            !wide.as_str().bytes().any(|b| b.is_ascii_alphabetic())
                && wide.matches(&any(&narrow.as_str().to_ascii_lowercase()))
        }
    }
}

/// Whether everything that `narrow` describes is described by `wide`.
pub(super) fn situation(
    budget: &mut Budget,
    (wide, wide_case): (&Situation, Case),
    (narrow, narrow_case): (&Situation, Case),
) -> bool {
    let Situation {
        action,
        resource,
        kind,
        environment,
        sensitivity,
        scope,
        irreversible,
        cost_over,
        rows_over,
        objects_over,
        critical,
        understood,
        doubt,
        new_action,
        new_resource,
        new_environment,
    } = narrow;
    set(&wide.kind, kind, crate::risk::Kind::ALL.len())
        && set(&wide.environment, environment, crate::risk::Environment::ALL.len())
        && set(&wide.sensitivity, sensitivity, crate::risk::Sensitivity::ALL.len())
        && set(&wide.scope, scope, crate::risk::Scope::ALL.len())
        && is(wide.irreversible, *irreversible)
        && is(wide.critical, *critical)
        && is(wide.understood, *understood)
        && is(wide.new_action, *new_action)
        && is(wide.new_resource, *new_resource)
        && is(wide.new_environment, *new_environment)
        && over(wide.cost_over, *cost_over)
        && over(wide.rows_over, *rows_over)
        && over(wide.objects_over, *objects_over)
        // A list of doubts says that there is one.
        && (wide.doubt.is_empty() || (!doubt.is_empty() && doubt.iter().all(|one| wide.doubt.contains(one))))
        && budget.among((&wide.action, wide_case), (action, narrow_case))
        && budget.among((&wide.resource, wide_case), (resource, narrow_case))
}

/// Whether a rule decides everything that a later one matches, so that the later one never does.
pub(super) fn rule(budget: &mut Budget, earlier: &Rule, later: &Rule) -> bool {
    let (wide, narrow) = (&earlier.matches, &later.matches);
    let (wide_case, narrow_case) = (earlier.case(), later.case());
    same_condition(earlier, later)
        && set(&wide.level, &narrow.level, crate::risk::Level::ALL.len())
        && situation(budget, (&wide.situation, wide_case), (&narrow.situation, narrow_case))
        && budget.among((&wide.agent, wide_case), (&narrow.agent, narrow_case))
        && budget.among((&wide.on_behalf_of, wide_case), (&narrow.on_behalf_of, narrow_case))
}

/// Whether the later rule says nothing wherever the earlier's condition allows it to. Where nobody can say whether
/// that condition holds, the earlier rule still decides if it denies, and the later one if it narrows authority.
fn same_condition(earlier: &Rule, later: &Rule) -> bool {
    match &earlier.when {
        None => true,
        condition => {
            let allows = matches!(later.outcome, Outcome::Allow { .. });
            *condition == later.when && (earlier.outcome == Outcome::Deny || allows)
        }
    }
}

fn set<T: PartialEq>(wide: &[T], narrow: &[T], all: usize) -> bool {
    let covers_all = |set: &[T]| {
        let different =
            set.iter().enumerate().filter(|(at, one)| !set.iter().take(*at).any(|two| two == *one));
        different.count() == all
    };
    wide.is_empty()
        || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
        || (narrow.is_empty() && covers_all(wide))
}

fn is(wide: Option<bool>, narrow: Option<bool>) -> bool {
    wide.is_none() || wide == narrow
}

fn over(wide: Option<u64>, narrow: Option<u64>) -> bool {
    wide.is_none_or(|wide| narrow.is_some_and(|narrow| narrow >= wide))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::pattern::Named;
    use proptest::prelude::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text).unwrap()
    }

    #[test]
    fn a_pattern_holds_another_or_does_not() {
        let exact =
            |wide: &str, narrow: &str| includes((&glob(wide), Case::Exact), (&glob(narrow), Case::Exact));
        for (wide, narrow) in
            [("*", "*"), ("*", "a"), ("db.*", "db.*.x"), ("db.*", "db.read"), ("*a*", "*ba*"), ("a**", "a*")]
        {
            assert!(exact(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in
            [("a", "*"), ("db.*", "db*"), ("a*b", "a*"), ("db.*", "DB.*"), ("*a*b*", "*b*a*")]
        {
            assert!(!exact(wide, narrow), "{wide} {narrow}");
        }
        assert!(includes((&glob("DB.*"), Case::Any), (&glob("db.read"), Case::Any)));
        assert!(includes((&glob("DB.*"), Case::Any), (&glob("Db.read"), Case::Exact)));
        assert!(!includes((&glob("db.*"), Case::Exact), (&glob("db.read"), Case::Any)));
        assert!(includes((&glob("*.*"), Case::Exact), (&glob("db.read"), Case::Any)));
    }

    proptest! {
        #[test]
        fn what_a_pattern_holds_it_matches(
            wide in "[aA.*]{1,5}",
            narrow in "[aA.*]{1,5}",
            (wide_case, narrow_case) in prop::sample::select(vec![
                (Case::Any, Case::Any), (Case::Any, Case::Exact), (Case::Exact, Case::Any), (Case::Exact, Case::Exact),
            ]),
            names in prop::collection::vec("[aA.b]{0,6}", 40),
        ) {
            let (wide, narrow) = (glob(&wide), glob(&narrow));
            let matches = |glob: &Glob, case: Case, name: &str| match case {
                Case::Exact => glob.matches(name),
                Case::Any => glob.matches_any_case(&Named::new(name).lower),
            };
            if includes((&wide, wide_case), (&narrow, narrow_case)) {
                for name in &names {
                    prop_assert!(
                        !matches(&narrow, narrow_case, name) || matches(&wide, wide_case, name),
                        "{wide} {narrow} {name}"
                    );
                }
            }
        }
    }
}
