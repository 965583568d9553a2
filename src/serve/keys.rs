//! The keys of a running service: which folder they are in, and that the record says what became of them.

use super::ground::Signing;
use super::{ServeFailed, failed, log};
use crate::audit::event::Event;
use crate::clock::Clock;
use crate::config::{Config, PolicyChanges};
use crate::entropy::SystemEntropy;
use crate::moment::Moment;
use crate::party::KeyHolder;
use crate::sidecar::OWN_NAME;
use crate::sidecar::issuance::{Issuance, Refreshed};
use crate::signer::directory::{KeyDirectory, Listed};
use crate::signer::{Authority, KeyringError};
use crate::store::{Change, Store};
use crate::token::{KeyUse, MAX_LIFE, Pattern, Scope};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often keys are looked after: renewed at half life, and read anew after a revocation.
const ROUNDS: Duration = Duration::from_secs(30);

/// The folder of keys that this configuration mints with.
///
/// # Errors
/// [`ServeFailed`] if the names in the configuration can't be scoped.
pub fn key_directory(config: &Config) -> Result<KeyDirectory, ServeFailed> {
    let pattern = |name: &str| {
        Pattern::parse(name).ok_or_else(|| failed(format!("`{name}` can't be in a key's scope")))
    };
    let mut agents: BTreeSet<&str> = config.agents.iter().map(|agent| agent.id.as_str()).collect();
    agents.extend(config.unsafe_anyone_on_loopback_is.as_ref().map(crate::party::AgentId::as_str));
    let mut audiences: BTreeSet<&str> =
        config.executors.iter().map(|executor| executor.id.as_str()).collect();
    if config.policy_changes == PolicyChanges::Approved {
        agents.insert(OWN_NAME);
        audiences.insert(OWN_NAME);
    }
    let scope = Scope {
        agents: agents.into_iter().map(pattern).collect::<Result<_, _>>()?,
        audiences: audiences.into_iter().map(pattern).collect::<Result<_, _>>()?,
        max_life: MAX_LIFE,
    };
    let holder = KeyHolder::new("sidecar").map_err(failed)?;
    let folder = config.data.join("keys");
    Ok(KeyDirectory::new(folder, config.trust_domain.clone(), holder, scope, Arc::new(SystemEntropy)))
}

/// Whose log is kept beside these keys, and who signs for it.
pub(super) fn signing(config: &Config) -> Result<Signing, ServeFailed> {
    let keys = key_directory(config)?;
    let of_the_log = |listed: &Listed| listed.usage == KeyUse::Log.as_str();
    let log_keys = keys.list().map_err(failed)?.into_iter().filter(of_the_log).map(|listed| listed.key);
    Ok(Signing {
        origin: keys.log_origin().map_err(failed)?,
        log_keys: log_keys.collect(),
        whereabouts: format!("`{}`", config.data.join("keys").display()),
        witnesses: log::witnesses(&config.witnesses)?,
        data: config.data.clone(),
        keyring: Box::new(keys),
    })
}

/// What the record says of the keys at every start: which sign from now on, and which never again.
pub(super) fn standing(issuance: &Issuance, now: Moment) -> Result<Vec<Event>, KeyringError> {
    let minting = issuance.current(now)?;
    let revoked = issuance.revoked();
    let certified = [Some(certified_event(&minting)), issuance.log().map(|log| certified_event(&log))];
    let revoked = revoked.iter().map(|kid| Event::KeyRevoked { kid: *kid });
    Ok(certified.into_iter().flatten().chain(revoked).collect())
}

pub(super) fn certified_event(key: &Authority) -> Event {
    Event::KeyCertified { kid: key.key_id(), certificate: key.chain().join("\n") }
}

/// Looks after them again and again, and records what became of them.
pub(super) async fn look_after(issuance: Arc<Issuance>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(ROUNDS).await;
        look(&issuance, &store, &clock).await;
    }
}

/// Looks after them once.
pub(super) async fn look(issuance: &Arc<Issuance>, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) {
    let now = clock.now();
    let ring = issuance.clone();
    // It reads and writes files.
    match tokio::task::spawn_blocking(move || ring.refresh(now)).await {
        Ok(Ok(Refreshed { certified, revoked, log })) => {
            if let Err(error) = log {
                tracing::error!(%error, "the log's key can't be used");
            }
            let revoked = revoked.into_iter().map(|kid| Event::KeyRevoked { kid });
            let events: Vec<Event> = certified.iter().map(certified_event).chain(revoked).collect();
            if events.is_empty() {
                return;
            }
            // What the record does not know signs nothing; it is tried again in the next round.
            match store.commit(Change::of(now, events)).await {
                Ok(_) => issuance.admit(certified),
                Err(error) => tracing::error!(%error, "what became of the keys could not be recorded"),
            }
        }
        Ok(Err(error)) => tracing::error!(%error, "the keys could not be looked after"),
        Err(error) => tracing::error!(%error, "the keys could not be looked after"),
    }
}
