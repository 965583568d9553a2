//! Between protobuf messages and the words: what is wrong on the wire is named, and goes no further.

use crate::audit::event::Record;
use crate::condition::ConditionKind;
use crate::digest::KeyId;
use crate::escalation;
use crate::party::{AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, PersonId, TrustDomain};
use crate::proto;
use crate::sidecar::Roles;
use crate::signer::Published;
use crate::signer::enrolled::{EnrolledExecutor, Enrolment};
use crate::suspension::Suspension;
use crate::token::Executor;
use core::fmt::Display;
use std::collections::{BTreeSet, HashMap};

/// How many steps an escalation can have; the state machine bounds each kind of them far below.
const MAX_STEPS: usize = 4096;
/// How many executors an agent has at most.
const MAX_EXECUTORS: usize = 1024;

fn wrong(what: &str, error: &dyn Display) -> String {
    format!("`{what}`: {error}")
}

/// The steps of an escalation, in the form in which the record has them.
pub(super) fn steps(bytes: &[Vec<u8>]) -> Result<Vec<escalation::Event>, String> {
    if bytes.len() > MAX_STEPS {
        return Err(format!("there are more than {MAX_STEPS} steps"));
    }
    let read = |one: &Vec<u8>| serde_json::from_slice(one).map_err(|error| wrong("steps", &error));
    bytes.iter().map(read).collect()
}

pub(super) fn records(bytes: &[Vec<u8>]) -> Result<Vec<Record>, String> {
    bytes.iter().map(|one| Record::from_bytes(one).map_err(|error| wrong("records", &error))).collect()
}

pub(super) fn suspensions(bytes: &[Vec<u8>]) -> Result<Vec<Suspension>, String> {
    let read = |one: &Vec<u8>| serde_json::from_slice(one).map_err(|error| wrong("suspensions", &error));
    bytes.iter().map(read).collect()
}

pub(super) fn escalation_id(text: &str) -> Result<EscalationId, String> {
    EscalationId::parse(text).ok_or_else(|| "an escalation's id is none".to_owned())
}

/// What the desk publishes of keys, and which are revoked.
pub(super) fn trust(news: proto::TrustNews) -> Result<(Published, BTreeSet<KeyId>), String> {
    let proto::TrustNews { bundle, certificates, jwks, revocations, revoked } = news;
    let read = |id: &String| KeyId::parse(id).ok_or_else(|| "a revoked key's id is none".to_owned());
    let revoked = revoked.iter().map(read).collect::<Result<_, _>>()?;
    Ok((Published { bundle, certificates, jwks, revocations }, revoked))
}

/// Who a sidecar was enrolled as.
pub(super) fn enrolment(domain: &TrustDomain, answer: &proto::EnrolResponse) -> Result<Enrolment, String> {
    let roles = roles(answer.agent.as_ref(), &answer.executors)?;
    Ok(Enrolment {
        domain: domain.clone(),
        sidecar: KeyHolder::new(&answer.sidecar).map_err(|error| wrong("sidecar", &error))?,
        origin: LogOrigin::new(&answer.origin).map_err(|error| wrong("origin", &error))?,
        agent: roles.agent,
        on_behalf_of: roles.on_behalf_of,
        operators: roles.operators,
        executors: roles.executors,
        cosigner: answer.cosigner.clone(),
    })
}

/// The agent and its executors, as the desk has them.
pub(super) struct Told {
    pub(super) agent: AgentId,
    pub(super) on_behalf_of: Option<PersonId>,
    pub(super) operators: BTreeSet<PersonId>,
    pub(super) executors: Vec<EnrolledExecutor>,
}

pub(super) fn roles(
    agent: Option<&proto::FleetAgent>,
    executors: &[proto::FleetExecutor],
) -> Result<Told, String> {
    let agent = agent.ok_or("`agent` is missing")?;
    if executors.len() > MAX_EXECUTORS {
        return Err(format!("there are more than {MAX_EXECUTORS} executors"));
    }
    let person = |name: &str| PersonId::new(name).map_err(|error| wrong("agent", &error));
    let on_behalf_of = Some(agent.on_behalf_of.as_str()).filter(|name| !name.is_empty());
    let told = Told {
        agent: AgentId::new(&agent.id).map_err(|error| wrong("agent.id", &error))?,
        on_behalf_of: on_behalf_of.map(person).transpose()?,
        operators: agent.operators.iter().map(|name| person(name)).collect::<Result<_, _>>()?,
        executors: executors.iter().map(executor).collect::<Result<_, _>>()?,
    };
    // Whether each can be minted for is found out here, not at the first token.
    told.executors.iter().try_for_each(|one| registered(one).map(drop))?;
    Ok(told)
}

fn executor(wire: &proto::FleetExecutor) -> Result<EnrolledExecutor, String> {
    let id = ExecutorId::new(&wire.id).map_err(|error| wrong("executors", &error))?;
    Ok(EnrolledExecutor { id, conditions: wire.conditions.clone(), plain: wire.plain })
}

/// An executor as tokens are minted for it. A condition that this version does not know is one that it never mints.
fn registered(one: &EnrolledExecutor) -> Result<Executor, String> {
    let kinds: Vec<ConditionKind> =
        one.conditions.iter().filter_map(|name| ConditionKind::parse(name)).collect();
    let registered = match one.plain {
        true => Executor::plain(one.id.clone()),
        false => Executor::new(one.id.clone(), kinds),
    };
    registered.map_err(|error| wrong("executors", &error))
}

/// Who runs the agent and for whom tokens may be minted, as the sidecar takes it.
#[must_use]
pub fn roles_of(enrolment: &Enrolment) -> Roles {
    let executors = enrolment.executors.iter();
    let executors = executors.filter_map(|one| Some((one.id.clone(), registered(one).ok()?)));
    Roles {
        operators: HashMap::from([(enrolment.agent.clone(), enrolment.operators.clone())]),
        executors: executors.collect(),
    }
}
