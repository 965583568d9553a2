//! What the tests share: everything that a condition can look at.

use countersign::classify::{Act, Kind};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::operation::context::Context;
use countersign::operation::json::Value;
use countersign::party::{AgentId, ExecutorId, PersonId};
use countersign::policy::expression::{EvaluationFault, Expression, Inputs};
use countersign::risk::assessment::Basis;
use countersign::risk::calendar::LocalTime;
use countersign::risk::floor::Subject;
use countersign::risk::{
    Assessment, Environment, Fact, Facts, History, Level, Model, Novelty, Scope, Sensitivity, Source, Totals,
    Touched, assess,
};

/// A delete in production, with everything set.
pub(crate) struct World {
    pub(crate) operation: Operation,
    pub(crate) parameters: Option<Value>,
    pub(crate) assessment: Assessment,
    pub(crate) history: History,
    pub(crate) agent: AgentId,
    pub(crate) on_behalf_of: Option<PersonId>,
    pub(crate) context: Context,
    pub(crate) executor: ExecutorId,
    pub(crate) now: LocalTime,
}

pub(crate) const PARAMETERS: &str = r#"{
    "table": "users", "count": 3, "ratio": 2.5, "force": true, "nothing": null, "text": "17",
    "tags": ["a", "b", "c"], "numbers": [1, 2.5, 3], "nested": {"deep": {"deeper": "x"}}, "a-b": "dash", "empty": []
}"#;

impl World {
    pub(crate) fn new() -> Self {
        Self::with(PARAMETERS)
    }

    pub(crate) fn with(parameters: &str) -> Self {
        let operation = Operation::from_json("db.delete", "prod/Orders", parameters.as_bytes()).unwrap();
        let said = || "because".to_owned();
        let act = |what: &str, kind, targets: &[&str], places: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Act { targets: names(targets), places: names(places), ..Act::new(what, kind) }
        };
        let facts = Facts {
            kind: Fact::new(Kind::Delete, Source::Policy, said()),
            environment: Fact::new(Environment::Production, Source::Policy, said()),
            sensitivity: Fact::new(Sensitivity::Sensitive, Source::Policy, said()),
            scope: Fact::new(Scope::Wide, Source::Payload, said()),
            irreversible: Fact::new(true, Source::Policy, said()),
            cost: Fact::new(Some(250), Source::Payload, said()),
            touched: Touched { rows: 1200, objects: 4 },
            critical: None,
            doubts: Vec::new(),
            recent: Totals::default(),
            new: Novelty::default(),
            acts: vec![
                act("DELETE", Kind::Delete, &["orders", "users"], &["db-prod"]),
                act("SELECT", Kind::Read, &["audit"], &["db-test"]),
            ],
        };
        let subject = Subject::new("db.delete", "prod/Orders");
        let now = Moment::from_unix_seconds(1_795_521_600);
        let model = Model::default();
        let basis = Basis { model: &model, floors: &[], limits: &[] };
        let mut assessment = assess(&basis, &subject, facts, &History::default(), now);
        assessment.level = Level::High;
        Self {
            parameters: operation.parameters(),
            operation,
            assessment,
            history: History {
                anomalies: 2,
                recent: Totals { requests: 9, rows: 5000, ..Totals::default() },
                new: Novelty { action: true, ..Novelty::default() },
                ..History::default()
            },
            agent: AgentId::new("agent-7").unwrap(),
            on_behalf_of: Some(PersonId::new("alice@acme.example").unwrap()),
            context: Context {
                reason: "clean up".to_owned(),
                alternatives: vec!["wait".to_owned()],
                ..Context::default()
            },
            executor: ExecutorId::new("exec:db").unwrap(),
            now: LocalTime {
                unix: 1_795_521_600,
                minute: 12 * 60 + 5,
                weekday: 1,
                date: (2026, 11, 24),
                at_work: true,
            },
        }
    }

    pub(crate) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            operation: &self.operation,
            parameters: self.parameters.as_ref(),
            facts: &self.assessment.facts,
            score: self.assessment.score,
            level: self.assessment.level,
            factors: &self.assessment.factors,
            agent: &self.agent,
            on_behalf_of: self.on_behalf_of.as_ref(),
            history: &self.history,
            context: &self.context,
            executor: Some(&self.executor),
            now: self.now,
        }
    }

    pub(crate) fn holds(&self, source: &str) -> Result<bool, EvaluationFault> {
        compiled(source).holds(&self.inputs())
    }
}

pub(crate) fn compiled(source: &str) -> Expression {
    Expression::compile(source).unwrap_or_else(|fault| panic!("{source}\n{fault}"))
}
