//! A suite: scenarios with what is expected of a policy in each, and which parts of the policy they reach (P6).
//!
//! A suite is one YAML file, read as strictly as a policy (`examples/policies/starter.test.yaml` is one). It names
//! the policy that it is about; finding and reading that file is left to the caller.

mod expect;

pub use expect::Difference;

use super::Decision;
use super::scenario::{Defaults, SCENARIO, Scenario};
use crate::policy::parse::{self, Node};
use crate::policy::read::{self, Fields, list, sentence};
use crate::policy::{Fault, Policy, Problem, SourceError};
use crate::reviewer::Directory;
use crate::risk::{Floor, Level};
use expect::Expected;
use std::collections::{BTreeSet, HashMap};

const SUITE: &[&str] = &["version", "policy", "roster", "defaults", "cases"];
const DEFAULTS: &[&str] = &["agent", "on_behalf_of", "executor", "declared", "context", "at", "history"];

/// Cases for one policy.
#[derive(Clone, Debug)]
pub struct Suite {
    file: Box<str>,
    text: Box<str>,
    policy: Box<str>,
    roster: Option<Box<str>>,
    cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug)]
struct Case {
    name: Box<str>,
    line: usize,
    scenario: Scenario,
    expected: Expected,
}

/// What became of a suite.
#[derive(Clone, Debug)]
pub struct Report {
    /// The cases, in order.
    pub cases: Vec<Outcome>,
    /// What of the policy they reached.
    pub coverage: Coverage,
}

/// What became of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The line of the suite in which it begins.
    pub line: usize,
    /// What the policy decides.
    pub decision: Decision,
    /// In what this is not what was expected; nothing if the case passed.
    pub differences: Vec<Difference>,
}

/// Which parts of a policy some case reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Rules that decided.
    pub rules: Reached,
    /// The policy's own floors that applied; the standard ones are not its own.
    pub floors: Reached,
    /// Limits that something went beyond.
    pub limits: Reached,
    /// Levels that decided, because no rule matched; critical is always denied, and is not counted.
    pub levels: Reached,
}

/// Parts of a policy, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Those that some case reached.
    pub reached: Vec<String>,
    /// The others.
    pub missed: Vec<String>,
}

impl Reached {
    fn of<'a>(all: impl Iterator<Item = &'a str>, reached: &BTreeSet<&str>) -> Self {
        let (reached, missed) = all.map(str::to_owned).partition(|name| reached.contains(name.as_str()));
        Self { reached, missed }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.reached.len() + self.missed.len()
    }
}

impl Coverage {
    /// Whether every rule, floor and limit was reached. A level that no case reached is told and not asked for,
    /// because rules may leave nothing to it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        [&self.rules, &self.floors, &self.limits].iter().all(|part| part.missed.is_empty())
    }
}

impl Report {
    /// How many cases did not pass.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.differences.is_empty()).count()
    }
}

impl Suite {
    /// Reads a suite; `file_name` is what errors call it.
    ///
    /// # Errors
    /// [`SourceError`]: the first problem, with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, SourceError> {
        read_suite(text, file_name).map_err(|fault| fault.within(text, file_name))
    }

    /// The policy's file, as the suite names it: relative to the suite.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The roster's file, if the suite names one.
    #[must_use]
    pub fn roster(&self) -> Option<&str> {
        self.roster.as_deref()
    }

    /// How many cases there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is no case.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Decides every case and compares.
    ///
    /// # Errors
    /// [`SourceError`] for a case that names a rule, floor or limit which the policy does not have, or reviewers
    /// where there is no roster.
    pub fn run(&self, policy: &Policy, directory: Option<&Directory>) -> Result<Report, SourceError> {
        let run = |case| self.outcome(case, policy, directory);
        let cases: Result<Vec<Outcome>, Fault> = self.cases.iter().map(run).collect();
        let cases = cases.map_err(|fault| fault.within(&self.text, &self.file))?;
        let coverage = coverage(policy, &cases);
        Ok(Report { cases, coverage })
    }

    fn outcome(&self, case: &Case, policy: &Policy, directory: Option<&Directory>) -> Result<Outcome, Fault> {
        case.expected.fits(policy, directory)?;
        let decision = case.scenario.decided(policy)?;
        let reviewers = directory.map(|directory| case.scenario.reviewers(&decision, directory));
        let differences = case.expected.differences(&decision, reviewers.as_deref());
        Ok(Outcome { name: case.name.to_string(), line: case.line, decision, differences })
    }
}

fn read_suite(text: &str, file: &str) -> Result<Suite, Fault> {
    let root = parse::parse(text)?;
    let fields = Fields::of(&root, SUITE)?;
    read::version(&fields)?;
    let policy = sentence(fields.required("policy")?)?;
    let roster = fields.read("roster", sentence)?;
    let defaults = fields.read("defaults", |node| Defaults::read(&Fields::of(node, DEFAULTS)?))?;
    let defaults = defaults.unwrap_or_default();
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut cases = Vec::new();
    for node in list(fields.required("cases")?)? {
        let (case, name) = read_case(node, &defaults)?;
        if let Some(first) = names.insert(name, node.at.line) {
            let at = Fields::of(node, CASE.as_slice())?.required("name")?.at;
            return Err(Fault::new(at, Problem::Duplicate(name.to_owned(), first)));
        }
        cases.push(case);
    }
    Ok(Suite {
        file: file.into(),
        text: text.into(),
        policy: policy.into(),
        roster: roster.map(Into::into),
        cases,
    })
}

/// The keys of a case: those of a scenario, its name, and what is expected.
const CASE: [&str; SCENARIO.len() + 2] = {
    let mut keys = ["name"; SCENARIO.len() + 2];
    let mut at = 0;
    while at < SCENARIO.len() {
        #[expect(clippy::indexing_slicing, reason = "it is as long as the loop, and evaluated when compiled")]
        {
            keys[at + 2] = SCENARIO[at];
        }
        at += 1;
    }
    keys[1] = "expect";
    keys
};

fn read_case<'n>(node: &'n Node, defaults: &Defaults) -> Result<(Case, &'n str), Fault> {
    let fields = Fields::of(node, CASE.as_slice())?;
    let name = sentence(fields.required("name")?)?;
    let case = Case {
        name: name.into(),
        line: node.at.line,
        scenario: Scenario::read(node, &fields, defaults)?,
        expected: Expected::read(fields.required("expect")?)?,
    };
    Ok((case, name))
}

fn coverage(policy: &Policy, cases: &[Outcome]) -> Coverage {
    let decisions = || cases.iter().map(|case| &case.decision);
    let rules: BTreeSet<&str> = decisions().filter_map(|decision| decision.rule.as_deref()).collect();
    let lifted = |beyond: bool| -> BTreeSet<&str> {
        let all = decisions().flat_map(|decision| &decision.assessment.floors);
        all.filter(|one| one.beyond.is_some() == beyond).map(|one| one.floor.as_str()).collect()
    };
    let by_level = decisions().filter(|decision| decision.rule.is_none());
    let levels: BTreeSet<&str> = by_level.map(|decision| decision.assessment.level.as_str()).collect();
    let standard = Floor::standard();
    let own = policy.floors().iter().filter(|floor| !standard.contains(floor));
    let mut own: Vec<&str> = own.map(|floor| &*floor.name).collect();
    own.dedup();
    let counted = [Level::Low, Level::Medium, Level::High];
    Coverage {
        rules: Reached::of(policy.rules().iter().map(|rule| &*rule.name), &rules),
        floors: Reached::of(own.into_iter(), &lifted(false)),
        limits: Reached::of(policy.limits().iter().map(|limit| &*limit.name), &lifted(true)),
        levels: Reached::of(counted.iter().map(|level| level.as_str()), &levels),
    }
}
