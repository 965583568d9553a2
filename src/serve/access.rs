//! Who is who at the listeners, by the configuration: agents, operators, auditors, reviewers, and the executors.

use super::{ServeFailed, failed};
use crate::config::{Access, Config, PolicyChanges};
use crate::console::Rights;
use crate::grpc::identity::{Agents, Operators, Proof};
use crate::party::ExecutorId;
use crate::sidecar::{Caller, OWN_NAME};
use crate::token::Executor;
use std::collections::HashMap;

/// The executors, and the service itself where it carries out changes that were approved.
pub(super) fn executors(config: &Config) -> Result<HashMap<ExecutorId, Executor>, ServeFailed> {
    let register = |executor: &crate::config::Executor| {
        let registered = match executor.plain {
            true => Executor::plain(executor.id.clone()),
            false => Executor::new(executor.id.clone(), executor.condition_kinds()),
        };
        Ok((executor.id.clone(), registered.map_err(failed)?))
    };
    let mut executors: HashMap<_, _> = config.executors.iter().map(register).collect::<Result<_, _>>()?;
    if config.policy_changes == PolicyChanges::Approved {
        let own = ExecutorId::new(OWN_NAME).map_err(failed)?;
        executors.insert(own.clone(), Executor::new(own, []).map_err(failed)?);
    }
    Ok(executors)
}

pub(super) fn agents(config: &Config) -> Result<Agents, ServeFailed> {
    let mut known = HashMap::new();
    for agent in &config.agents {
        let caller = Caller { agent: agent.id.clone(), on_behalf_of: agent.on_behalf_of.clone() };
        known.extend(proof(&agent.by)?.map(|proof| (proof, caller)));
    }
    let anyone = config.unsafe_anyone_on_loopback_is.as_ref();
    let anyone_on_loopback = anyone.map(|agent| Caller { agent: agent.clone(), on_behalf_of: None });
    Ok(Agents { known, anyone_on_loopback, anyone_on_the_socket: None })
}

/// What a connection has to prove; nothing that one could where it is a person who signs in.
pub(super) fn proof(access: &Access) -> Result<Option<Proof>, ServeFailed> {
    let hex = |text: &String| from_hex(text).ok_or_else(|| failed("a SHA-256 is 64 hexadecimal digits"));
    match (access.uid, &access.token_sha256, &access.certificate_sha256, &access.person) {
        (Some(uid), None, None, None) => Ok(Some(Proof::Uid(uid))),
        (None, Some(token), None, None) => hex(token).map(Proof::Bearer).map(Some),
        (None, None, Some(certificate), None) => hex(certificate).map(Proof::Certificate).map(Some),
        (None, None, None, Some(_)) => Ok(None),
        _ => Err(failed(
            "a credential is exactly one of `uid`, `token_sha256`, `certificate_sha256` and `person`",
        )),
    }
}

/// What the connections of all these have to prove.
pub(super) fn proofs(accesses: &[Access]) -> Result<Vec<Proof>, ServeFailed> {
    accesses.iter().filter_map(|access| proof(access).transpose()).collect()
}

/// What people who are signed in at the console may do besides reviewing.
pub(super) fn rights(config: &Config) -> Rights {
    let operators = config.operators.iter();
    let operators = operators.filter_map(|one| Some((one.person.clone()?, one.title().into()))).collect();
    let auditors = config.auditors.iter().filter_map(|one| one.person.clone()).collect();
    Rights { operators, auditors }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks_exact(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect();
    bytes.try_into().ok()
}

/// Who may stop agents.
pub(super) fn operators(config: &Config) -> Result<Operators, ServeFailed> {
    let operators = config.operators.iter();
    let operators = operators.filter_map(|one| {
        let proof = proof(&one.access()).transpose()?;
        Some(proof.map(|proof| (proof, one.title())))
    });
    operators.collect::<Result<_, _>>().map(Operators)
}
