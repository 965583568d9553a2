//! What a service starts with: the policy and the roster, read and checked before anything else is touched.

use super::{ServeFailed, failed, key_directory};
use crate::audit::event::Event;
use crate::clock::Clock;
use crate::config::{Access, Config, Oidc, Operator, PolicyChanges};
use crate::console::provider::CALLBACK;
use crate::desk::code_flow::{Client, CodeFlow};
use crate::desk::sessions::Provider;
use crate::entropy::Entropy;
use crate::escalation::Channel;
use crate::exchange::http::TokenEndpoint;
use crate::policy::Policy;
use crate::presence::oidc::Issuer;
use crate::reviewer::Directory;
use crate::store::{Document, Store};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Claims that no provider vouches for (OpenID Connect Core §5.7).
const SELF_CHOSEN: [&str; 3] = ["preferred_username", "nickname", "name"];

/// A policy and a roster with its text.
pub(super) struct Loaded {
    pub(super) policy: Policy,
    pub(super) directory: Directory,
    pub(super) roster: String,
}

/// Reads both files.
pub(super) fn load(config: &Config) -> Result<Loaded, ServeFailed> {
    let read = |path: &Path| {
        let bytes = std::fs::read(path)
            .map_err(|error| failed(format!("cannot read `{}`: {error}", path.display())))?;
        Ok::<_, ServeFailed>((bytes, path.display().to_string()))
    };
    let (policy, name) = read(&config.policy)?;
    let policy = Policy::from_bytes(&policy, &name).map_err(failed)?;
    let (roster, name) = read(&config.roster)?;
    let directory = Directory::from_bytes(&roster, &name).map_err(failed)?;
    Ok(Loaded { policy, directory, roster: String::from_utf8_lossy(&roster).into_owned() })
}

impl Loaded {
    /// Where changes must be approved, a restart is no way around that: what was in force stays so, and files that
    /// differ are proposed like any other change.
    ///
    /// Nor is the start of one replica a way back to older files while `others` have what is in force.
    pub(super) fn approved(
        mut self,
        config: &Config,
        store: &dyn Store,
        others: bool,
    ) -> Result<Self, ServeFailed> {
        if config.policy_changes == PolicyChanges::Free && !others {
            return Ok(self);
        }
        let recorded = |document| {
            let index = store.in_force(document).map_err(failed)?;
            index.map(|index| store.record(index).map_err(failed)).transpose()
        };
        let unreadable = |what: &str, error: &dyn core::fmt::Display| {
            failed(format!(
                "the {what} that was in force can't be read by this version, so a change of it can't be approved: \
                 {error}; start once with `policy_changes: free`"
            ))
        };
        if let Some(Event::PolicyLoaded { text, .. }) = recorded(Document::Policy)?.map(|record| record.event)
            && text != self.policy.text()
        {
            self.policy = Policy::parse(&text, "(in force)").map_err(|error| unreadable("policy", &error))?;
        }
        if let Some(Event::RosterLoaded { text, .. }) = recorded(Document::Roster)?.map(|record| record.event)
            && text != self.roster
        {
            self.directory =
                Directory::parse(&text, "(in force)").map_err(|error| unreadable("roster", &error))?;
            self.roster = text;
        }
        Ok(self)
    }
}

/// Checks everything that `start` would read, and says what is questionable about it.
///
/// # Errors
/// [`ServeFailed`] for what would keep it from starting.
pub fn check(config: &Config) -> Result<Vec<String>, ServeFailed> {
    let loaded = load(config)?;
    key_directory(config)?.list().map_err(failed)?;
    provider(config)?;
    Ok(findings(config, &loaded))
}

/// The identity provider with its keys.
pub(super) fn provider(config: &Config) -> Result<Option<Provider>, ServeFailed> {
    let Some(Oidc { issuer, audience, jwks, claim, .. }) = config.oidc.clone() else { return Ok(None) };
    let issuer = Issuer { issuer: issuer.into(), audience: audience.into(), claim: claim.into() };
    Provider::open(issuer, jwks).map(Some).map_err(failed)
}

/// The channels that the policy or the roster names and this service does not have, each once.
fn unheard(config: &Config, loaded: &Loaded) -> Vec<String> {
    let kinds = config.channels.kinds();
    let webhook = |name: &str| config.channels.webhooks.iter().any(|one| one.name == name);
    let has = |channel: &Channel| {
        kinds.contains(&channel.kind())
            && (channel.kind() != "webhook" || channel.which().is_some_and(webhook))
    };
    let people = loaded.directory.people().flat_map(|person| &person.channels);
    let named = loaded.policy.channels().map(|channel| ("policy", channel));
    let named = named.chain(people.map(|channel| ("roster", channel)));
    let missing: BTreeSet<(&str, &str)> =
        named.filter(|(_, channel)| !has(channel)).map(|(by, channel)| (by, channel.as_str())).collect();
    let words = |(by, channel)| {
        format!(
            "the {by} names `{channel}`, and `channels` of the configuration has none such: nobody is told there"
        )
    };
    missing.into_iter().map(words).collect()
}

pub(super) fn findings(config: &Config, loaded: &Loaded) -> Vec<String> {
    let mut findings: Vec<String> =
        loaded.policy.check(&loaded.directory).iter().map(ToString::to_string).collect();
    for agent in config.agents.iter().filter(|agent| config.reviewers.contains(&agent.by)) {
        findings.push(format!(
            "agent `{}` proves itself like a reviewer: it can read everybody's escalations (it still can't vote)",
            agent.id
        ));
    }
    for agent in config.agents.iter().filter(|agent| config.auditors.contains(&agent.by)) {
        findings.push(format!(
            "agent `{}` proves itself like an auditor: it can read the whole record",
            agent.id
        ));
    }
    let operators: Vec<Access> = config.operators.iter().map(Operator::access).collect();
    for agent in config.agents.iter().filter(|agent| operators.contains(&agent.by)) {
        findings.push(format!(
            "agent `{}` proves itself like an operator: it can lift a suspension of itself",
            agent.id
        ));
    }
    let people = config.operators.iter().filter_map(|one| one.person.as_ref());
    for person in people.chain(config.auditors.iter().filter_map(|one| one.person.as_ref())) {
        if loaded.directory.person(person).is_none() {
            findings.push(format!(
                "`person: {person}` under `operators` or `auditors` is not in the roster, so nobody signs in as them"
            ));
        }
    }
    findings.extend(unheard(config, loaded));
    let (demanded, known) = (loaded.policy.most_witnesses(), config.witnesses.len());
    if usize::try_from(demanded).is_ok_and(|demanded| demanded > known) {
        findings.push(format!(
            "the policy demands {demanded} witnesses and the configuration has {known}: such tokens are never handed out"
        ));
    }
    if let Some(oidc) = config.oidc.as_ref().filter(|oidc| SELF_CHOSEN.contains(&oidc.claim.as_str())) {
        findings.push(format!(
            "`oidc.claim: {}` is a claim that people can often choose themselves: who takes another's account name \
             passes for them",
            oidc.claim
        ));
    }
    if let Some(agent) = &config.unsafe_anyone_on_loopback_is {
        findings.push(format!("UNSAFE: anyone on this machine who reaches the TCP port passes as `{agent}`"));
    }
    findings
}

/// Signing in at the provider on the way to the console, where that is configured; `origin` is the console's.
pub(super) fn code_flow(
    config: &Config,
    origin: &str,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<CodeFlow>, ServeFailed> {
    let Some(oidc) = &config.oidc else { return Ok(None) };
    let (Some(client_id), Some(authorize_url), Some(token_url)) =
        (&oidc.client_id, &oidc.authorize_url, &oidc.token_url)
    else {
        return Ok(None);
    };
    let secret = oidc.client_secret_file.as_ref().map(|file| {
        crate::files::refuse_exposed(file).map_err(failed)?;
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| failed(format!("cannot read `{}`: {error}", file.display())))?;
        Ok::<_, ServeFailed>(text.trim().to_owned())
    });
    let endpoint = TokenEndpoint::new(token_url, client_id, secret.transpose()?);
    let endpoint = endpoint.map_err(|what| failed(format!("`oidc.token_url: {token_url}`: {what}")))?;
    let client = Client {
        issuer: oidc.issuer.as_str().into(),
        client_id: client_id.as_str().into(),
        authorize_url: authorize_url.as_str().into(),
        redirect_uri: format!("{origin}{CALLBACK}").into(),
    };
    CodeFlow::new(client, Arc::new(endpoint), clock.clone(), entropy.clone()).map(Some).map_err(failed)
}
