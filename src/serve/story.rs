//! The story of a service that has its desk in the same process: what is in force, the desk, the sidecar, and the people.

use super::ground::{Ground, Signed};
use super::load::Loaded;
use super::providers::Seals;
use super::{ServeFailed, access, failed, keys};
use crate::audit::event::Event;
use crate::condition::ConditionKind;
use crate::config::{Config, PolicyChanges};
use crate::desk::LocalDesk;
use crate::desk::invitations::Invitations;
use crate::desk::sessions::{Provider, Sessions};
use crate::digest::base64url;
use crate::entropy::Entropy;
use crate::party::ExecutorId;
use crate::reviewer::Directory;
use crate::sidecar::brake::Brake;
use crate::sidecar::checkpoints::Checkpoints;
use crate::sidecar::memory::Memories;
use crate::sidecar::profiles::{self, ProfileBook};
use crate::sidecar::reload::{Changes, Files, Reloader};
use crate::sidecar::{InForce, Roles, Sidecar};
use crate::store::Change;
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Everything that the surfaces translate to.
pub(super) struct Story {
    pub(super) sidecar: Arc<Sidecar>,
    pub(super) desk: Arc<LocalDesk>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) invitations: Arc<Invitations>,
    pub(super) profiles: Arc<ProfileBook>,
    pub(super) brake: Arc<Brake>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) checkpoints: Arc<Checkpoints>,
}

/// What this process is called among the replicas: anew at each start.
fn own_name(entropy: &dyn Entropy) -> Result<String, ServeFailed> {
    Ok(base64url(&entropy.bits128().map_err(failed)?))
}

impl Story {
    /// Records that the service starts and what is in force from now on, and takes up what was left open.
    pub(super) async fn start(
        config: &Config,
        ground: &Ground,
        signed: Signed,
        loaded: Loaded,
        provider: Option<Provider>,
        others: bool,
    ) -> Result<Self, ServeFailed> {
        let Ground { store, claims, ephemeral, following, clock, entropy, metrics, .. } = ground;
        let Signed { issuance, origin, checkpoints } = signed;
        let now = clock.now();
        let changes = match config.policy_changes {
            PolicyChanges::Free => Changes::Free,
            PolicyChanges::Approved => Changes::Approved,
        };
        let events = [
            Event::Started {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                domain: Some(config.trust_domain.clone()),
                origin: Some(origin.clone()),
                changes,
            },
            // What differs from what was in force before was approved, or did not have to be.
            Event::PolicyLoaded {
                digest: loaded.policy.digest(),
                text: loaded.policy.text().to_owned(),
                approved: None,
            },
            Event::RosterLoaded { text: loaded.roster.clone(), approved: None },
        ];
        let events = events.into_iter().chain(keys::standing(&issuance, now).map_err(failed)?);
        store.commit(Change::of(now, events)).await.map_err(failed)?;

        let executors = access::executors(config)?;
        let enforced =
            config.executors.iter().map(|e| (e.id.clone(), e.condition_kinds().into_iter().collect()));
        let enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>> = enforced.collect();
        let profiles = profiles::recall(store.as_ref()).map_err(failed)?;
        let in_force = Arc::new(ArcSwap::from_pointee(InForce::new(
            Arc::new(loaded.policy),
            Arc::new(loaded.directory),
            Directory::digest_of(&loaded.roster),
            now,
            Arc::new(profiles),
        )));
        let profiles = Arc::new(ProfileBook::new(store.clone(), clock.clone(), in_force.clone()));
        let desk = match following {
            None => LocalDesk::new(store.clone(), in_force.clone(), enforced, clock.clone()),
            Some(following) => LocalDesk::replica(
                store.clone(),
                in_force.clone(),
                enforced,
                clock.clone(),
                claims.clone(),
                following.next(),
            ),
        };
        let desk = Arc::new(desk.map_err(failed)?);
        let domain = config.trust_domain.clone();
        let sessions =
            Sessions::new(domain.clone(), in_force.clone(), provider, clock.clone(), entropy.clone());
        let sessions = sessions.map_err(failed)?;
        let invitations = Invitations::open(&config.data, domain.clone(), clock.clone(), entropy.as_ref());
        let invitations = invitations.map_err(failed)?;
        let (sessions, invitations) = match following {
            None => (sessions, invitations),
            Some(_) => {
                let seals = Seals::of(config)?;
                let sessions = sessions.sharing(ephemeral.clone(), &seals.key("sessions"));
                (sessions, invitations.sealed_with(&seals.key("invitations")))
            }
        };
        let brake = Brake::start(store.clone(), issuance.clone(), clock.clone(), entropy.clone());
        let brake = Arc::new(brake.map_err(failed)?);
        if let Some(following) = following {
            following.add(&desk);
            following.add(&brake);
            following.add(&profiles);
        }
        for suspension in brake.list().await {
            tracing::warn!("{suspension}");
        }
        let operators = config.agents.iter().map(|agent| (agent.id.clone(), agent.operators.clone()));
        let sidecar = Arc::new(Sidecar {
            domain,
            origin,
            in_force,
            roles: Arc::new(ArcSwap::from_pointee(Roles { operators: operators.collect(), executors })),
            store: store.clone(),
            desk: desk.clone(),
            memories: Memories::default(),
            brake: brake.clone(),
            checkpoints: checkpoints.clone(),
            issuance,
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            tether: None,
        });
        let files = Files { policy: config.policy.clone(), roster: config.roster.clone() };
        let reloader = Reloader::new(files, changes, sidecar.clone());
        let reloader = Arc::new(match following {
            None => reloader,
            Some(_) => reloader.sharing(ephemeral.clone(), &own_name(entropy.as_ref())?, others),
        });
        if let Some(following) = following {
            following.add(&reloader);
        }
        Ok(Self {
            sidecar,
            desk,
            sessions: Arc::new(sessions),
            invitations: Arc::new(invitations),
            profiles,
            brake,
            reloader,
            checkpoints,
        })
    }
}
