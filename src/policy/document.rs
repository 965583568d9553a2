//! The policy document: its keys at the top, its rules, and what each level gets.

use super::blocks;
use super::expression::Expression;
use super::index::RuleIndex;
use super::keys::{DOCUMENT, ESCALATIONS, FLEET, LEVEL, LEVELS, MATCH, RULE};
use super::model;
use super::parse::{self, Node, Yaml};
use super::read::{self, Fields, expected, list, malformed, one_or_more, out_of_range, sentence, text, word};
use super::rule::{Match, Rule};
use super::source::{At, Fault, Problem};
use super::terms::{self, Defaults};
use super::{Entry, Levels, Outcome, Policy};
use crate::condition::{Condition, tightest};
use crate::escalation::requirement::RoleName;
use crate::operation::json;
use crate::operation::mask::Secrets;
use crate::risk::catalog::Catalog;
use crate::risk::memory::Thresholds;
use crate::risk::{Floor, Level, Limit, Model};
use core::time::Duration;
use std::collections::HashMap;

/// The bounds of how old the news of a sidecar may be.
const SHORTEST_STALE: Duration = Duration::from_mins(1);
const LONGEST_STALE: Duration = Duration::from_hours(7 * 24);

/// Reads and compiles a whole policy.
pub(super) fn read(text: &str, file: &str) -> Result<Policy, Fault> {
    let root = parse::parse(text)?;
    let fields = Fields::of(&root, &DOCUMENT)?;
    read::version(&fields)?;
    let name = sentence(fields.required("name")?)?;
    let roles = fields.read("roles", roles)?.unwrap_or_default();
    let defaults = fields.read("defaults", |node| terms::defaults(node, &roles))?.unwrap_or_default();
    let risk = fields.read("risk", model::risk)?.unwrap_or_default();
    let classes = fields.read("classify", blocks::classes)?.unwrap_or_default();
    let declarations = fields.read("resources", blocks::declarations)?.unwrap_or_default();
    let mut floors = if risk.standard_floors { Floor::standard() } else { Vec::new() };
    floors.extend(fields.read("floors", blocks::floors)?.unwrap_or_default());
    let limits = fields.read("limits", blocks::limits)?.unwrap_or_default();
    let secrets = fields.read("secrets", secrets)?.unwrap_or_default();
    let context = Context { defaults: &defaults, roles: &roles };
    let rules = fields.read("rules", |node| context.rules(node))?.unwrap_or_default();
    let open_per_agent = fields.read("escalations", open_per_agent)?.unwrap_or(Policy::OPEN_PER_AGENT);
    let stale_after = fields.read("fleet", stale_after)?.unwrap_or(Policy::STALE_AFTER);
    let elsewhere = fields.key("defaults").map_or(root.at, |key| key.at);
    let levels = context.levels(fields.get("levels"), elsewhere)?;
    ends_with_levels(&root)?;
    Ok(Policy {
        name: name.into(),
        file: file.into(),
        text: text.into(),
        digest: Policy::digest_of(text),
        thresholds: thresholds(&risk.model, &floors, &limits, &rules),
        model: risk.model,
        floors,
        limits,
        catalog: Catalog::new(classes, declarations),
        index: RuleIndex::new(&rules),
        roles,
        reads_request: rules.iter().filter_map(|rule| rule.when.as_ref()).any(Expression::reads_request),
        rules,
        levels,
        open_per_agent,
        stale_after,
        secrets,
    })
}

/// `secrets:`
fn secrets(node: &Node) -> Result<Secrets, Fault> {
    let nodes = list(node)?;
    let names = nodes.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    for (name, node) in names.iter().zip(nodes) {
        if Secrets::new([*name]).is_none() {
            return Err(malformed(node, name, "the name of a parameter, or with those around it: `a.b`"));
        }
    }
    Secrets::new(names).ok_or_else(|| out_of_range(node, "of at most 256 names"))
}

/// A file that was cut off can still be YAML, and a policy without its later rules could allow more. So the last key
/// is one that every policy has.
fn ends_with_levels(root: &Node) -> Result<(), Fault> {
    let Yaml::Map(entries) = &root.value else { return Ok(()) };
    let is_levels = |key: &Node| matches!(&key.value, Yaml::Text(text) if text == "levels");
    match entries.last() {
        Some((last, _)) if is_levels(last) => Ok(()),
        Some((last, _)) if entries.iter().any(|(key, _)| is_levels(key)) => {
            Err(Fault::new(last.at, Problem::BehindLevels(text(last)?.to_owned())))
        }
        Some((last, _)) => Err(Fault::new(last.at, Problem::NoLevels)),
        None => Err(Fault::new(root.at, Problem::NoLevels)),
    }
}

/// Every amount at which this policy says something else.
fn thresholds(model: &Model, floors: &[Floor], limits: &[Limit], rules: &[Rule]) -> Thresholds {
    let mut found = Thresholds {
        rows: vec![model.scope.wide_over, model.scope.huge_over],
        objects: vec![model.scope.wide_over, model.scope.huge_over],
        cost: Vec::new(),
    };
    let situations = floors.iter().map(|floor| &floor.situation);
    for situation in situations.chain(rules.iter().map(|rule| &rule.matches.situation)) {
        found.rows.extend(situation.rows_over);
        found.objects.extend(situation.objects_over);
        found.cost.extend(situation.cost_over);
    }
    for limit in limits {
        found.rows.extend(limit.at_most.rows);
        found.objects.extend(limit.at_most.objects);
        found.cost.extend(limit.at_most.cost);
    }
    for amounts in [&mut found.rows, &mut found.objects, &mut found.cost] {
        amounts.sort_unstable();
        amounts.dedup();
        // An amount of one or two is just below anything.
        amounts.retain(|amount| *amount >= 5);
    }
    found
}

/// How many witnesses must have cosigned the log before a token is handed out; none, where nothing is said.
fn witnesses(fields: &Fields<'_>) -> Result<u32, Fault> {
    let read = |node| match read::whole::<u32>(node)? {
        witnesses @ 1..=16 => Ok(witnesses),
        _ => Err(read::out_of_range(node, "from 1 to 16 witnesses")),
    };
    Ok(fields.read("witnesses", read)?.unwrap_or(0))
}

/// `escalations:`
fn open_per_agent(node: &Node) -> Result<usize, Fault> {
    let fields = Fields::of(node, &ESCALATIONS)?;
    let read = |node| match read::whole::<usize>(node)? {
        open @ 1..=1000 => Ok(open),
        _ => Err(read::out_of_range(node, "from 1 to 1000 escalations")),
    };
    Ok(fields.read("open_per_agent", read)?.unwrap_or(Policy::OPEN_PER_AGENT))
}

/// `fleet:`
fn stale_after(node: &Node) -> Result<Duration, Fault> {
    let fields = Fields::of(node, &FLEET)?;
    fields.read("when_stale", |node| {
        word(node, |text| (text == "deny").then_some(()), || vec!["deny".to_owned()])
    })?;
    let read = |node| match read::span(node)?.duration() {
        span if (SHORTEST_STALE..=LONGEST_STALE).contains(&span) => Ok(span),
        _ => Err(read::out_of_range(node, "from one minute to seven days")),
    };
    Ok(fields.read("stale_after", read)?.unwrap_or(Policy::STALE_AFTER))
}

fn roles(node: &Node) -> Result<Vec<(RoleName, At)>, Fault> {
    let mut roles: Vec<(RoleName, At)> = Vec::new();
    for node in list(node)? {
        let role = blocks::name::<RoleName>(node, text(node)?)?;
        if let Some((_, first)) = roles.iter().find(|(other, _)| *other == role) {
            return Err(Fault::new(node.at, Problem::Duplicate(role.to_string(), first.line)));
        }
        roles.push((role, node.at));
    }
    Ok(roles)
}

/// The names of a level, for hints.
fn level_names() -> Vec<String> {
    Level::ALL.iter().map(ToString::to_string).collect()
}

/// One level.
pub(super) fn level(node: &Node) -> Result<Level, Fault> {
    word(node, |text| Level::ALL.into_iter().find(|level| level.as_str() == text), level_names)
}

/// What rules and levels fall back on.
struct Context<'a> {
    defaults: &'a Defaults,
    roles: &'a [(RoleName, At)],
}

impl Context<'_> {
    fn rules(&self, node: &Node) -> Result<Vec<Rule>, Fault> {
        let mut rules = Vec::new();
        let mut compiled = HashMap::new();
        let mut names: HashMap<Box<str>, usize> = HashMap::new();
        for node in list(node)? {
            let rule = self.rule(node, &mut compiled)?;
            if let Some(first) = names.insert(rule.name.clone(), node.at.line) {
                return Err(Fault::new(rule.at, Problem::Duplicate(rule.name.into(), first)));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    /// One rule; conditions that were compiled before are not compiled again.
    fn rule<'n>(&self, node: &'n Node, compiled: &mut HashMap<&'n str, Expression>) -> Result<Rule, Fault> {
        let fields = Fields::of(node, &RULE)?;
        let name = fields.required("name")?;
        Ok(Rule {
            name: sentence(name)?.into(),
            matches: fields.read("match", matching)?.unwrap_or_default(),
            when: fields.read("when", |node| when(node, compiled))?,
            outcome: self.outcome(&fields, fields.required("decision")?, 1)?,
            witnesses: witnesses(&fields)?,
            reason: fields.read("reason", sentence)?.map(Into::into),
            at: name.at,
        })
    }

    /// `levels:`, or what the defaults make of it; `elsewhere` is where these are written.
    fn levels(&self, node: Option<&Node>, elsewhere: At) -> Result<Levels, Fault> {
        let fields = node.map(|node| Fields::of(node, &LEVELS)).transpose()?;
        let at = node.map_or(elsewhere, |node| node.at);
        let entry = |key: &str, approvals, absent: &dyn Fn() -> Result<Outcome, Fault>| match fields
            .and_then(|fields| fields.get(key))
        {
            Some(node) => {
                let (outcome, witnesses) = self.level(node, approvals)?;
                Ok(Entry { outcome, witnesses, at: node.at })
            }
            None => Ok(Entry { outcome: absent()?, witnesses: 0, at }),
        };
        let asking = |approvals| self.defaults.terms(None, approvals, at, self.roles).map(Outcome::Escalate);
        let low = entry("low", 1, &|| Ok(Outcome::Allow { conditions: Vec::new() }))?;
        let medium = entry("medium", 1, &|| asking(1))?;
        let high = entry("high", 2, &|| asking(2))?;
        if let Some(node) = fields.and_then(|fields| fields.get("critical"))
            && self.level(node, 1)?.0 != Outcome::Deny
        {
            return Err(Fault::new(node.at, Problem::CriticalIsDenied));
        }
        if rank(&medium.outcome) < rank(&low.outcome) {
            return Err(Fault::new(medium.at, Problem::NotRising("medium", "low")));
        }
        if rank(&high.outcome) < rank(&medium.outcome) {
            return Err(Fault::new(high.at, Problem::NotRising("high", "medium")));
        }
        Ok(Levels { low, medium, high })
    }

    /// What a level gets: a word, or a mapping as in a rule.
    fn level(&self, node: &Node, approvals: usize) -> Result<(Outcome, u32), Fault> {
        match &node.value {
            Yaml::Text(_) => {
                let nothing = Node { at: node.at, value: Yaml::Map(Vec::new()) };
                Ok((self.outcome(&Fields::of(&nothing, &LEVEL)?, node, approvals)?, 0))
            }
            Yaml::Map(_) => {
                let fields = Fields::of(node, &LEVEL)?;
                let outcome = self.outcome(&fields, fields.required("decision")?, approvals)?;
                Ok((outcome, witnesses(&fields)?))
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
                Err(expected(node, "a decision or a mapping"))
            }
        }
    }

    fn outcome(&self, fields: &Fields<'_>, decision: &Node, approvals: usize) -> Result<Outcome, Fault> {
        let conditions = fields.read("conditions", conditions)?.unwrap_or_default();
        let escalation = fields.get("escalation");
        let effect =
            word(decision, Effect::parse, || ["allow", "deny", "escalate"].map(str::to_owned).to_vec())?;
        if effect != Effect::Escalate
            && let Some(key) = fields.key("escalation")
        {
            return Err(Fault::new(key.at, Problem::EscalationWithoutEscalate));
        }
        match effect {
            Effect::Allow => Ok(Outcome::Allow { conditions }),
            Effect::Deny => match fields.key("conditions") {
                Some(key) => Err(Fault::new(key.at, Problem::ConditionsOnDeny)),
                None => Ok(Outcome::Deny),
            },
            Effect::Escalate => {
                let mut terms = self.defaults.terms(escalation, approvals, decision.at, self.roles)?;
                terms.conditions = conditions;
                Ok(Outcome::Escalate(terms))
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
    Escalate,
}

impl Effect {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "deny" => Some(Self::Deny),
            "escalate" => Some(Self::Escalate),
            _ => None,
        }
    }
}

/// How strict an outcome is: by its effect, then by how many people it takes.
fn rank(outcome: &Outcome) -> (u8, usize) {
    match outcome {
        Outcome::Allow { .. } => (0, 0),
        Outcome::Escalate(terms) => (1, terms.requirement.people()),
        Outcome::Deny => (2, 0),
    }
}

fn matching(node: &Node) -> Result<Match, Fault> {
    let fields = Fields::of(node, &MATCH)?;
    Ok(Match {
        situation: blocks::situation(&fields)?,
        agent: fields.read("agent", |node| one_or_more(node, blocks::glob))?.unwrap_or_default(),
        on_behalf_of: fields
            .read("on_behalf_of", |node| one_or_more(node, blocks::glob))?
            .unwrap_or_default(),
        level: fields.read("level", |node| one_or_more(node, level))?.unwrap_or_default(),
    })
}

/// What must hold besides, in CEL.
fn when<'n>(node: &'n Node, compiled: &mut HashMap<&'n str, Expression>) -> Result<Expression, Fault> {
    let source = text(node).map_err(|_| expected(node, "a condition such as `facts.rows > 1000`"))?;
    if let Some(expression) = compiled.get(source) {
        return Ok(expression.clone());
    }
    let expression = Expression::compile(source).map_err(|fault| {
        Fault::new(node.at, Problem::Expression { source: source.into(), fault: Box::new(fault) })
    })?;
    compiled.insert(source, expression.clone());
    Ok(expression)
}

/// The most conditions of one rule.
const MAX_CONDITIONS: usize = 16;

fn conditions(node: &Node) -> Result<Vec<Condition>, Fault> {
    if let Yaml::List(list) = &node.value
        && list.len() > MAX_CONDITIONS
    {
        return Err(Fault::new(node.at, Problem::TooMany(MAX_CONDITIONS)));
    }
    let conditions = one_or_more(node, condition)?;
    tightest(&conditions)
        .map_err(|contradiction| Fault::new(node.at, Problem::Contradiction(contradiction.0.to_string())))
}

/// A condition in its short form, or as a mapping with its `type`.
fn condition(node: &Node) -> Result<Condition, Fault> {
    let wrong = |why: String| Fault::new(node.at, Problem::Condition(why));
    match &node.value {
        Yaml::Text(text) => Condition::parse_short(text).map_err(|error| wrong(error.to_string())),
        Yaml::Map(_) => Condition::from_value(&value(node)?).map_err(|error| wrong(error.to_string())),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
            Err(expected(node, "a condition such as `canary:max_percent=10`"))
        }
    }
}

fn value(node: &Node) -> Result<json::Value, Fault> {
    Ok(match &node.value {
        Yaml::Null => json::Value::Null,
        Yaml::Bool(truth) => json::Value::from(*truth),
        Yaml::Number(_) => json::Value::from(read::whole::<u64>(node)?),
        Yaml::Text(text) => json::Value::from(text.as_str()),
        Yaml::List(list) => json::Value::from(list.iter().map(value).collect::<Result<Vec<_>, _>>()?),
        Yaml::Map(entries) => {
            let mut object = json::Object::new();
            for (key, node) in entries {
                object.set(text(key)?, value(node)?);
            }
            json::Value::from(object)
        }
    })
}
