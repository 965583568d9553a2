//! The range of scores that operations of one description can have (R4).

use super::facts::{Environment, Kind, Scope, Sensitivity, Weigh};
use super::floor::Situation;
use super::model::Model;
use super::score::{Contribution, Score};

/// The lowest and the highest score of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest.
    pub lowest: Score,
    /// The highest.
    pub highest: Score,
}

impl Model {
    /// The range of the weighted sum; 0.08 to 0.705 by default (R4).
    #[must_use]
    pub fn range(&self) -> Range {
        self.range_of(&Situation::default())
    }

    /// The range of the weighted sum for operations of this description, whatever the agent did and whenever.
    #[must_use]
    pub fn range_of(&self, situation: &Situation) -> Range {
        let weights = &self.weights;
        let behaviour = [self.behaviour.usual, self.behaviour.concerning, self.behaviour.anomalous];
        let parts = [
            (ends(&situation.kind, Kind::ALL, |kind| self.kind(kind)), weights.operation),
            (
                ends(&situation.environment, Environment::ALL, |place| Weigh::environment(self, place)),
                weights.environment,
            ),
            (
                ends(&situation.sensitivity, Sensitivity::ALL, |data| Weigh::sensitivity(self, data)),
                weights.sensitivity,
            ),
            (ends(&[], &behaviour, |value| value), weights.behaviour),
            (ends(&situation.scope, Scope::ALL, |scope| Weigh::scope(self, scope)), weights.scope),
            (ends(&[], &[self.timing.quiet, self.timing.otherwise], |value| value), weights.timing),
        ];
        Range {
            lowest: Contribution::total(parts.iter().map(|((lowest, _), weight)| lowest.weighted(*weight))),
            highest: Contribution::total(
                parts.iter().map(|((_, highest), weight)| highest.weighted(*weight)),
            ),
        }
    }
}

/// The lowest and the highest that those who are wanted weigh; all if none is.
fn ends<T: Copy>(wanted: &[T], all: &[T], weigh: impl Fn(T) -> Score) -> (Score, Score) {
    let which = if wanted.is_empty() { all } else { wanted };
    let values = || which.iter().map(|one| weigh(*one));
    (values().min().unwrap_or_default(), values().max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_model_goes_from_its_least_to_its_most() {
        let range = Model::default().range();
        assert_eq!((range.lowest.to_string(), range.highest.to_string()), ("0.09".into(), "0.705".into()));
        let deletes = Situation {
            kind: vec![Kind::Delete],
            environment: vec![Environment::Production],
            ..Situation::default()
        };
        let range = Model::default().range_of(&deletes);
        assert_eq!((range.lowest.to_string(), range.highest.to_string()), ("0.39".into(), "0.68".into()));
    }
}
