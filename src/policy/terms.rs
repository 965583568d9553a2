//! The terms of an escalation as a policy writes them: who must agree, who is asked later, and how long it takes.

mod diligence;
mod emergency;
mod party;

use super::keys::{DEFAULTS, ESCALATION, FURTHER, PARTY, STAGE};
use super::parse::{Node, Yaml};
use super::read::{Fields, list, malformed, one_or_more, out_of_range, span, text, truth, whole, word};
use super::source::{At, Fault, Problem};
use crate::escalation::requirement::{MAX_PEOPLE, Pool, Requirement, RoleName};
use crate::escalation::{Channel, Denials, Diligence, Exclusion, OnPoor, OnTimeout, Stage, Terms};
use crate::token::Assurance;
use core::time::Duration;
use std::collections::BTreeSet;

/// What an escalation has where it does not say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pool: Option<Pool>,
    min_role: Option<RoleName>,
    assurance: Assurance,
    exclude: BTreeSet<Exclusion>,
    escalation_pool: Option<Requirement>,
    diligence: Diligence,
    decide_within: Duration,
    min_review: Duration,
    claim_within: Duration,
    execute_within: Duration,
    on_timeout: OnTimeout,
    channels: Vec<Channel>,
}

impl Default for Defaults {
    /// No reviewers; votes signed by the reviewer's own key; half an hour to decide, ten minutes to collect, five
    /// to execute.
    fn default() -> Self {
        Self {
            pool: None,
            min_role: None,
            assurance: Assurance::Signed,
            exclude: BTreeSet::new(),
            escalation_pool: None,
            diligence: Diligence::default(),
            decide_within: Duration::from_secs(30 * 60),
            min_review: Duration::ZERO,
            claim_within: Duration::from_secs(10 * 60),
            execute_within: Duration::from_secs(5 * 60),
            on_timeout: OnTimeout::Deny,
            channels: Vec::new(),
        }
    }
}

/// `defaults:`
pub(super) fn defaults(node: &Node, roles: &[(RoleName, At)]) -> Result<Defaults, Fault> {
    let mut defaults = Defaults::default();
    defaults.read(&Fields::of(node, &DEFAULTS)?, roles)?;
    Ok(defaults)
}

impl Defaults {
    /// The terms of an `escalation:` block, or of none.
    pub(super) fn terms(
        &self,
        node: Option<&Node>,
        approvals: usize,
        at: At,
        roles: &[(RoleName, At)],
    ) -> Result<Terms, Fault> {
        let nothing = Node { at, value: Yaml::Map(Vec::new()) };
        let node = node.unwrap_or(&nothing);
        let fields = Fields::of(node, &ESCALATION)?;
        let mut own = self.clone();
        own.read(&fields, roles)?;
        let requirement = own.party(&fields, node.at, approvals, roles, 1)?;
        check_type(&fields, &requirement)?;
        let mut decide_within = own.decide_within;
        let mut ladder = own.delegation(&fields, roles)?;
        // Escalating further is a last stage, which begins when the time of the others is over.
        if let Some(node) = fields.get("escalate_to") {
            let further = Fields::of(node, &FURTHER)?;
            let requirement = own.other_party(&further, node.at, roles)?;
            ladder.push(Stage { after: decide_within, requirement });
            decide_within += within(further.required("timeout")?, THIRTY_DAYS, "at most `30d`")?;
        }
        own.check_size(node, &requirement, &ladder)?;
        if own.min_review >= decide_within {
            let at = fields.get("min_review").map_or(node.at, |node| node.at);
            return Err(Fault::new(
                at,
                Problem::StageAfterTimeout(shown(own.min_review), shown(decide_within)),
            ));
        }
        Ok(Terms {
            ladder,
            denials: fields.read("deny_threshold", denials)?.unwrap_or_default(),
            break_glass: fields.read("break_glass", |node| own.break_glass(node, &fields, roles))?,
            escalation_pool: own.escalation_pool,
            exclude: own.exclude,
            diligence: own.diligence,
            on_timeout: own.on_timeout,
            channels: own.channels,
            hidden_votes: fields.read("hidden_votes", truth)?.unwrap_or_default(),
            decide_within,
            min_review: own.min_review,
            claim_within: own.claim_within,
            execute_within: own.execute_within,
            ..Terms::new(requirement)
        })
    }

    /// `delegation:`, who may agree instead after a while.
    fn delegation(&self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<Vec<Stage>, Fault> {
        let Some(node) = fields.get("delegation") else { return Ok(Vec::new()) };
        let mut stages: Vec<Stage> = Vec::new();
        for node in list(node)? {
            let stage = Fields::of(node, &STAGE)?;
            let begins = stage.required("after")?;
            let after = within(begins, THIRTY_DAYS, "at most `30d`")?;
            if stages.last().is_some_and(|before| before.after >= after) {
                return Err(Fault::new(begins.at, Problem::NotRising("after", "the stage before it")));
            }
            if after >= self.decide_within {
                return Err(Fault::new(
                    begins.at,
                    Problem::StageAfterTimeout(shown(after), shown(self.decide_within)),
                ));
            }
            let requirement = self.other_party(&stage, node.at, roles)?;
            stages.push(Stage { after, requirement });
        }
        Ok(stages)
    }

    /// All stages together are one requirement, and with the seat that a poor vote adds it is one, too; that has its
    /// bounds.
    fn check_size(&self, node: &Node, requirement: &Requirement, ladder: &[Stage]) -> Result<(), Fault> {
        let later = ladder.iter().map(|stage| &stage.requirement).chain(&self.escalation_pool);
        let any = Requirement::any(1, core::iter::once(requirement).chain(later).cloned().collect());
        let whole = match &self.diligence.on_poor {
            OnPoor::AddSeat(more) => any.and_then(|any| Requirement::all(vec![any, more.clone()])),
            OnPoor::Flag | OnPoor::AskAgain | OnPoor::NotCount => any,
        };
        whole.map(drop).map_err(|error| Fault::new(node.at, Problem::Requirement(error)))
    }

    fn read(&mut self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<(), Fault> {
        self.seat_fields(fields, roles)?;
        fields.set("exclude", &mut self.exclude, exclude)?;
        if let Some(node) = fields.get("escalation_pool") {
            self.escalation_pool = match is_none(node) {
                true => None,
                false => Some(self.other_party(&Fields::of(node, &PARTY)?, node.at, roles)?),
            };
        }
        if let Some(node) = fields.get("diligence") {
            self.read_diligence(node, roles)?;
        }
        fields.set("timeout", &mut self.decide_within, |node| within(node, THIRTY_DAYS, "at most `30d`"))?;
        fields.set("min_review", &mut self.min_review, |node| within(node, A_DAY, "at most `1d`"))?;
        fields.set("claim_within", &mut self.claim_within, |node| within(node, A_DAY, "at most `1d`"))?;
        fields
            .set("execute_within", &mut self.execute_within, |node| within(node, AN_HOUR, "at most `1h`"))?;
        fields.set("channels", &mut self.channels, |node| one_or_more(node, channel))?;
        let Some(node) = fields.get("timeout_action") else {
            return match fields.key("escalate_to") {
                Some(key) => {
                    Err(Fault::new(key.at, Problem::NeedsBeside("escalate_to", "timeout_action: escalate")))
                }
                None => Ok(()),
            };
        };
        let words = || ["deny", "escalate", "allow"].map(str::to_owned).to_vec();
        match (word(node, TimeoutAction::parse, words)?, fields.key("escalate_to")) {
            (TimeoutAction::Escalate, None) => {
                Err(Fault::new(node.at, Problem::NeedsBeside("timeout_action: escalate", "escalate_to")))
            }
            (TimeoutAction::Deny | TimeoutAction::Allow, Some(key)) => {
                Err(Fault::new(key.at, Problem::NeedsBeside("escalate_to", "timeout_action: escalate")))
            }
            (TimeoutAction::Deny, None) | (TimeoutAction::Escalate, Some(_)) => {
                self.on_timeout = OnTimeout::Deny;
                Ok(())
            }
            (TimeoutAction::Allow, None) => {
                self.on_timeout = OnTimeout::Allow;
                Ok(())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum TimeoutAction {
    Deny,
    Escalate,
    Allow,
}

impl TimeoutAction {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "deny" => Some(Self::Deny),
            "escalate" => Some(Self::Escalate),
            "allow" => Some(Self::Allow),
            _ => None,
        }
    }
}

/// `type:`, which says again what the rest says, so that a slip is noticed: a `multi_party` of one is none.
fn check_type(fields: &Fields<'_>, requirement: &Requirement) -> Result<(), Fault> {
    let Some(node) = fields.get("type") else { return Ok(()) };
    const NAMES: [&str; 5] = ["single", "multi_party", "all_of", "any_of", "min_role"];
    let name = word(
        node,
        |text| NAMES.into_iter().find(|name| *name == text.replace('-', "_")),
        || NAMES.map(str::to_owned).to_vec(),
    )?;
    let holds = match name {
        "single" => requirement.people() == 1 && fields.get("all_of").is_none(),
        "multi_party" => requirement.people() > 1,
        key => fields.get(key).is_some(),
    };
    if holds { Ok(()) } else { Err(Fault::new(node.at, Problem::OtherType(name))) }
}

/// Where people are told.
/// How many denials end it.
fn denials(node: &Node) -> Result<Denials, Fault> {
    let range = "from 1 to 32 denials";
    let denials = Denials::new(whole::<u8>(node)?).filter(|denials| denials.get() <= MAX_PEOPLE);
    denials.ok_or_else(|| out_of_range(node, range))
}

/// `exclude:`, one or more, or `none`, where the defaults exclude somebody.
fn exclude(node: &Node) -> Result<BTreeSet<Exclusion>, Fault> {
    if is_none(node) {
        return Ok(BTreeSet::new());
    }
    let names = || Exclusion::ALL.iter().map(ToString::to_string).collect();
    let excluded = one_or_more(node, |node| word(node, Exclusion::parse, names))?;
    Ok(excluded.into_iter().collect())
}

fn is_none(node: &Node) -> bool {
    matches!(&node.value, Yaml::Text(text) if text == "none")
}

pub(crate) fn channel(node: &Node) -> Result<Channel, Fault> {
    let text = text(node)?;
    const FORM: &str =
        "`slack`, `email`, `sms`, `push`, `webhook` or `console`, with or without `:` and which one";
    Channel::parse(text).ok_or_else(|| malformed(node, text, FORM))
}

fn shown(span: Duration) -> String {
    crate::risk::span::Span::of(span).to_string()
}

const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;
const A_DAY: u64 = 24 * 60 * 60;
/// TOKEN §3: a token lives an hour at most.
const AN_HOUR: u64 = 60 * 60;

fn within(node: &Node, longest: u64, range: &'static str) -> Result<Duration, Fault> {
    let span = span(node)?;
    if span.as_seconds() > longest { Err(out_of_range(node, range)) } else { Ok(span.duration()) }
}
