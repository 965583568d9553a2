//! The risk model: weights, tables, words and thresholds, with the published ones as its default (R1–R3).

use super::calendar::Calendar;
use super::facts::{Environment, Kind, Scope, Sensitivity, Weigh};
use super::score::{Level, Score};
use super::words::Phrase;
use core::time::Duration;

/// Everything that the score depends on beside the operation, the history and the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// How much each factor counts.
    pub weights: Weights,
    /// What each kind of operation weighs.
    pub operation: OperationTable,
    /// What each environment weighs, and the words that tell it.
    pub environment: EnvironmentTable,
    /// What each sensitivity weighs, and the words that tell it.
    pub sensitivity: SensitivityTable,
    /// What recent anomalies weigh.
    pub behaviour: BehaviourTable,
    /// What each scope weighs, and the parameters that tell it.
    pub scope: ScopeTable,
    /// What the time of day weighs.
    pub timing: TimingTable,
    /// How operations of one kind add up, and what looks like evasion.
    pub evasion: EvasionTable,
    /// Where the levels begin.
    pub thresholds: Thresholds,
    /// The lowest level that never runs, whatever anyone approves (D3): `critical`, or lower.
    pub blocked_from: Level,
}

/// How much each factor counts; together exactly 1.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The kind of operation.
    pub operation: Score,
    /// Where it is done.
    pub environment: Score,
    /// How sensitive the data is.
    pub sensitivity: Score,
    /// How the agent behaved lately.
    pub behaviour: Score,
    /// How much is touched.
    pub scope: Score,
    /// When.
    pub timing: Score,
}

impl Weights {
    /// The sum in thousandths, which is 1000 in a checked model.
    #[must_use]
    pub fn total(&self) -> u32 {
        [self.operation, self.environment, self.sensitivity, self.behaviour, self.scope, self.timing]
            .into_iter()
            .map(|weight| u32::from(weight.thousandths()))
            .sum()
    }
}

/// What each kind of operation weighs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationTable {
    /// [`Kind::Read`]
    pub read: Score,
    /// [`Kind::Write`]
    pub write: Score,
    /// [`Kind::Update`]
    pub update: Score,
    /// [`Kind::ExternalCall`]
    pub external_call: Score,
    /// [`Kind::Delete`]
    pub delete: Score,
    /// [`Kind::Admin`]
    pub admin: Score,
    /// [`Kind::Unknown`]
    pub unknown: Score,
}

/// What each environment weighs, and the words of a resource that tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentTable {
    /// [`Environment::Test`]
    pub test: Score,
    /// [`Environment::Staging`]
    pub staging: Score,
    /// [`Environment::Production`]
    pub production: Score,
    /// What a resource is taken for that says nothing.
    pub unknown: Environment,
    /// The words of a test environment.
    pub test_words: Vec<Phrase>,
    /// The words of a staging environment.
    pub staging_words: Vec<Phrase>,
    /// The words of a production environment.
    pub production_words: Vec<Phrase>,
}

/// What each sensitivity weighs, and what tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensitivityTable {
    /// [`Sensitivity::Ordinary`]
    pub ordinary: Score,
    /// [`Sensitivity::Bulk`]
    pub bulk: Score,
    /// [`Sensitivity::Sensitive`]
    pub sensitive: Score,
    /// A limit above this is bulk.
    pub bulk_over: u64,
    /// The words of a resource that make it sensitive.
    pub words: Vec<Phrase>,
}

/// What recent anomalies weigh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BehaviourTable {
    /// Few or none.
    pub usual: Score,
    /// More than `concerning_over`.
    pub concerning: Score,
    /// See `concerning`.
    pub concerning_over: u32,
    /// More than `anomalous_over`.
    pub anomalous: Score,
    /// See `anomalous`.
    pub anomalous_over: u32,
    /// How long an anomaly counts; it fades all the while.
    pub window: Duration,
}

/// How operations of one kind add up, and what looks like evasion (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvasionTable {
    /// How far back operations of one agent, kind, environment and family of resources add up.
    pub window: Duration,
    /// An amount above this share of a threshold, and not beyond it, is just below it.
    pub just_below: Score,
    /// So many operations just below a threshold within the window are an anomaly.
    pub just_below_count: u32,
    /// So many small operations after a large one that was not simply allowed are an anomaly.
    pub pieces_count: u32,
    /// How long a reviewer's denial stands against what may be the denied operation in another form.
    pub denial_stands: Duration,
}

/// What each scope weighs, and the parameters that tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeTable {
    /// [`Scope::Narrow`]
    pub narrow: Score,
    /// [`Scope::Wide`]: more rows than `wide_over`.
    pub wide: Score,
    /// See `wide`.
    pub wide_over: u64,
    /// [`Scope::Huge`]: more rows than `huge_over`.
    pub huge: Score,
    /// See `huge`.
    pub huge_over: u64,
    /// [`Scope::Everything`]
    pub everything: Score,
    /// [`Scope::Unknown`]
    pub unknown: Score,
    /// Parameters that hold a filter.
    pub filter_fields: Vec<Field>,
    /// Parameters that hold a number of rows.
    pub rows_fields: Vec<Field>,
    /// Parameters that hold a limit.
    pub limit_fields: Vec<Field>,
    /// Parameters that hold what it costs, in whole units of the currency that the policy counts in.
    pub cost_fields: Vec<Field>,
}

/// The name of a parameter, compared without case, `_` and `-`: `where_clause` is also `whereClause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(Box<str>);

impl Field {
    /// The field that is called so.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.chars().filter_map(plain).collect::<String>().into())
    }

    /// Whether `name` is this field.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        name.chars().filter_map(plain).eq(self.0.chars())
    }
}

fn plain(character: char) -> Option<char> {
    (!matches!(character, '_' | '-')).then(|| character.to_ascii_lowercase())
}

/// What the time of day weighs, on the policy's own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingTable {
    /// Within the quiet hours.
    pub quiet: Score,
    /// At other times.
    pub otherwise: Score,
    /// The minute of the day at which the quiet hours begin.
    pub from: u16,
    /// The minute of the day at which they end; before `from` if they go over midnight.
    pub to: u16,
    /// The policy's clock, and its hours of work.
    pub calendar: Calendar,
}

/// The score at which each level begins; rising.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// [`Level::Medium`] begins here.
    pub medium: Score,
    /// [`Level::High`] begins here.
    pub high: Score,
    /// [`Level::Critical`] begins here.
    pub critical: Score,
}

impl Thresholds {
    /// The level of a score.
    #[must_use]
    pub fn level(&self, score: Score) -> Level {
        if score >= self.critical {
            Level::Critical
        } else if score >= self.high {
            Level::High
        } else if score >= self.medium {
            Level::Medium
        } else {
            Level::Low
        }
    }
}

impl Default for Model {
    /// The published model (R1–R3). What a resource does not tell is taken for production.
    fn default() -> Self {
        Self {
            weights: Weights {
                operation: Score::of(250),
                environment: Score::of(250),
                sensitivity: Score::of(200),
                behaviour: Score::of(150),
                scope: Score::of(100),
                timing: Score::of(50),
            },
            operation: OperationTable {
                read: Score::of(100),
                write: Score::of(300),
                update: Score::of(400),
                external_call: Score::of(500),
                delete: Score::of(700),
                admin: Score::of(800),
                unknown: Score::of(500),
            },
            environment: EnvironmentTable {
                test: Score::ZERO,
                staging: Score::of(300),
                production: Score::of(600),
                unknown: Environment::Production,
                test_words: phrases(&["test", "testing", "dev", "development", "sandbox", "qa", "local"]),
                staging_words: phrases(&["staging"]),
                production_words: phrases(&["prod", "production", "prd", "live"]),
            },
            sensitivity: SensitivityTable {
                ordinary: Score::of(200),
                bulk: Score::of(500),
                sensitive: Score::of(700),
                bulk_over: 1000,
                words: phrases(&[
                    "customer",
                    "user",
                    "payment",
                    "credential",
                    "password",
                    "token",
                    "api_key",
                    "ssn",
                ]),
            },
            behaviour: BehaviourTable {
                usual: Score::of(100),
                concerning: Score::of(500),
                concerning_over: 2,
                anomalous: Score::of(800),
                anomalous_over: 5,
                window: Duration::from_secs(24 * 60 * 60),
            },
            scope: ScopeTable {
                narrow: Score::of(100),
                wide: Score::of(400),
                wide_over: 1000,
                huge: Score::of(700),
                huge_over: 10_000,
                everything: Score::of(800),
                unknown: Score::of(800),
                filter_fields: fields(&["filter", "where", "where_clause"]),
                rows_fields: fields(&["affected_rows_estimate"]),
                limit_fields: fields(&["limit"]),
                cost_fields: fields(&["amount", "cost", "price"]),
            },
            timing: TimingTable {
                quiet: Score::of(300),
                otherwise: Score::ZERO,
                from: 22 * 60,
                to: 6 * 60,
                calendar: Calendar::default(),
            },
            evasion: EvasionTable {
                window: Duration::from_secs(60 * 60),
                just_below: Score::of(800),
                just_below_count: 3,
                pieces_count: 5,
                denial_stands: Duration::from_secs(60 * 60),
            },
            thresholds: Thresholds { medium: Score::of(300), high: Score::of(600), critical: Score::of(800) },
            blocked_from: Level::Critical,
        }
    }
}

fn phrases(words: &[&str]) -> Vec<Phrase> {
    words.iter().filter_map(|word| Phrase::new(word)).collect()
}

fn fields(names: &[&str]) -> Vec<Field> {
    names.iter().map(|name| Field::new(name)).collect()
}

impl Weigh for Model {
    fn kind(&self, kind: Kind) -> Score {
        let table = &self.operation;
        match kind {
            Kind::Read => table.read,
            Kind::Write => table.write,
            Kind::Update => table.update,
            Kind::ExternalCall => table.external_call,
            Kind::Delete => table.delete,
            Kind::Admin => table.admin,
            Kind::Unknown => table.unknown,
        }
    }

    fn environment(&self, environment: Environment) -> Score {
        match environment {
            Environment::Test => self.environment.test,
            Environment::Staging => self.environment.staging,
            Environment::Production => self.environment.production,
        }
    }

    fn sensitivity(&self, sensitivity: Sensitivity) -> Score {
        match sensitivity {
            Sensitivity::Ordinary => self.sensitivity.ordinary,
            Sensitivity::Bulk => self.sensitivity.bulk,
            Sensitivity::Sensitive => self.sensitivity.sensitive,
        }
    }

    fn scope(&self, scope: Scope) -> Score {
        match scope {
            Scope::Narrow => self.scope.narrow,
            Scope::Wide => self.scope.wide,
            Scope::Huge => self.scope.huge,
            Scope::Everything => self.scope.everything,
            Scope::Unknown => self.scope.unknown,
        }
    }

    fn rows(&self, rows: u64) -> Scope {
        if rows > self.scope.huge_over {
            Scope::Huge
        } else if rows > self.scope.wide_over {
            Scope::Wide
        } else {
            Scope::Narrow
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_begins_at_its_threshold() {
        let thresholds = Model::default().thresholds;
        for (thousandths, level) in [
            (0, Level::Low),
            (299, Level::Low),
            (300, Level::Medium),
            (599, Level::Medium),
            (600, Level::High),
            (799, Level::High),
            (800, Level::Critical),
            (1000, Level::Critical),
        ] {
            assert_eq!(thresholds.level(Score::of(thousandths)), level, "{thousandths}");
        }
    }

    #[test]
    fn the_published_model_is_whole() {
        let model = Model::default();
        assert_eq!(model.weights.total(), 1000);
        // No default word or field was dropped for not being one.
        assert_eq!(model.sensitivity.words.len(), 8);
        assert_eq!(model.scope.filter_fields.len(), 3);
        assert!(model.scope.filter_fields.iter().any(|field| field.is("whereClause")));
    }
}
