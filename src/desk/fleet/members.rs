//! Members: the sidecars that are enrolled, whose call it is, and how each of them stands.

use super::{Fleet, FleetError, Role, Since};
use crate::audit::event::{Credential, Diverged, Enrolled, Event, Withdrawn};
use crate::digest::{KeyId, PolicyDigest};
use crate::moment::Moment;
use crate::party::{AgentId, KeyHolder, LogOrigin};
use crate::store::{Change, Index};
use crate::token::{Call, CertifiedKey};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

/// How many sidecars are remembered since this start, beside the record.
const MOST_SEEN: usize = 200_000;
/// A sidecar that was not heard of for so long is away.
const AWAY: Duration = Duration::from_secs(60);
/// How long what was counted of all of them holds.
const COUNTED: Duration = Duration::from_secs(15);
/// How many enrolments are looked through at once.
const AT_ONCE: usize = 500;

/// A sidecar that proved with this call who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub sidecar: KeyHolder,
    /// Its log.
    pub origin: LogOrigin,
    /// The agent that it speaks for, and the people behind it, as the configuration has them now.
    pub role: Role,
    /// The enrolment on record.
    pub(super) enrolled: Box<Enrolled>,
    /// Where that is.
    pub(super) index: Index,
}

/// What is known of a sidecar since this start.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) last: Moment,
    /// How many follow with its key at once: more than one is a copy, or a connection that is not known to be dead yet.
    pub(super) following: usize,
    /// The policy that it decides under.
    pub(super) policy: Option<PolicyDigest>,
    /// How long its log is by its own account.
    pub(super) leaves: Option<u64>,
    /// How many of them were not here when it said so.
    pub(super) behind: Option<u64>,
    /// What was last told of its log coming apart.
    pub(super) diverged: Option<Diverged>,
}

/// How a sidecar stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberState {
    /// It follows.
    Connected,
    /// It was heard of lately, and does not follow.
    Heard,
    /// It was not heard of for a while, and its certificate is still good.
    Away,
    /// Its certificate has ended.
    Expired,
}

impl MemberState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connected, Self::Heard, Self::Away, Self::Expired];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Heard => "heard",
            Self::Away => "away",
            Self::Expired => "expired",
        }
    }
}

/// A sidecar at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Its name.
    pub sidecar: KeyHolder,
    /// Its log.
    pub origin: LogOrigin,
    /// Its agent.
    pub agent: AgentId,
    /// How it proved itself.
    pub by: Credential,
    /// Its version.
    pub version: String,
    /// How it stands.
    pub state: MemberState,
    /// When it was last heard of, if it was since this start.
    pub seen: Option<Moment>,
    /// When it last enrolled or renewed its keys.
    pub enrolled_at: Moment,
    /// When its certificate ends.
    pub until: Moment,
    /// How many leaves of its log are here.
    pub leaves: u64,
    /// How many more it has by its own account, if it said so.
    pub behind: Option<u64>,
    /// The policy that it decides under, if it said so.
    pub policy: Option<PolicyDigest>,
    /// How many follow with its keys.
    pub following: usize,
    /// Whether its log was found not to continue what it had handed over.
    pub diverged: bool,
}

impl Fleet {
    pub(super) fn seen(&self) -> MutexGuard<'_, std::collections::HashMap<KeyHolder, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, sidecar: &KeyHolder, note: impl FnOnce(&mut Seen)) {
        let now = self.clock.now();
        let mut seen = self.seen();
        if seen.len() >= MOST_SEEN && !seen.contains_key(sidecar) {
            seen.retain(|_, one| one.following > 0 || one.last.plus(AWAY) > now);
        }
        let one = seen.entry(sidecar.clone()).or_default();
        one.last = now;
        note(one);
    }

    /// Whose call this is.
    ///
    /// # Errors
    /// [`FleetError`] if its statement proves nothing, or it is not enrolled any more.
    pub fn member(&self, statement: &str, certificates: &[&str], method: &str) -> Result<Member, FleetError> {
        let revoked = self.keys.revoked();
        let is_revoked = |id: &KeyId| revoked.contains(id);
        let (call, key) =
            Call::read(statement, certificates, method, self.keys.anchor(), is_revoked, self.clock.now())?;
        let member = self.called(&call, &key)?;
        self.calling.knock(call.sidecar.as_str()).map_err(|often| FleetError::TooOften(often.wait))?;
        self.note(&call.sidecar, |_| {});
        Ok(member)
    }

    /// Whose call this is, whose statement was checked.
    fn called(&self, call: &Call, key: &CertifiedKey) -> Result<Member, FleetError> {
        let stranger = |why: &str| FleetError::Stranger(format!("sidecar `{}` {why}", call.sidecar));
        let Some((index, enrolled)) = self.enrolled(&call.sidecar)? else {
            return Err(stranger("is not enrolled"));
        };
        let kid = key.key.id();
        if enrolled.authority != kid && enrolled.replaces != Some(kid) {
            return Err(stranger("calls with a key that is not its own"));
        }
        if enrolled.agent != call.agent {
            return Err(stranger("speaks for another agent"));
        }
        let role = role_of(&enrolled);
        let role = self.roles.of(&enrolled.by, &role).filter(|role| role.agent == enrolled.agent);
        let role = role.ok_or_else(|| stranger("is none of that agent by the configuration any more"))?;
        let (sidecar, origin) = (enrolled.sidecar.clone(), enrolled.origin.clone());
        Ok(Member { sidecar, origin, role, enrolled, index })
    }

    /// The enrolment of a sidecar that was not withdrawn.
    pub(super) fn enrolled(&self, sidecar: &KeyHolder) -> Result<Option<(Index, Box<Enrolled>)>, FleetError> {
        let Some(index) = self.store.enrolled(sidecar)? else { return Ok(None) };
        let Event::Enrolled(enrolled) = self.store.record(index)?.event else { return Ok(None) };
        // Names are looked up by a part of their hashes.
        Ok((enrolled.sidecar == *sidecar).then_some((index, enrolled)))
    }

    /// Every sidecar whose certificate is good or ended within `past`, the latest enrolled first.
    ///
    /// # Errors
    /// [`FleetError::Store`] if they can't be read.
    pub fn overviews(&self, past: Duration) -> Result<Vec<Overview>, FleetError> {
        let now = self.clock.now();
        // Whoever enrolled before that has no certificate that is good.
        let since = now.minus(self.settings.life).minus(past);
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let indices = self.store.enrolments(before, AT_ONCE)?;
            for index in &indices {
                let record = self.store.record(*index)?;
                if record.at < since {
                    return Ok(found);
                }
                if let Event::Enrolled(enrolled) = record.event {
                    found.push(self.overview(*enrolled, record.at, now)?);
                }
            }
            match indices.last() {
                Some(last) if indices.len() == AT_ONCE => before = Some(*last),
                Some(_) | None => return Ok(found),
            }
        }
    }

    /// How many sidecars there are in each state. What is on record is read once in a while: there may be thousands.
    ///
    /// # Errors
    /// [`FleetError::Store`] if they can't be read.
    pub fn states(&self) -> Result<Vec<(MemberState, usize)>, FleetError> {
        let now = self.clock.now();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.as_ref().is_none_or(|(at, _)| at.plus(COUNTED) <= now) {
            let overviews = self.overviews(Duration::from_hours(24))?;
            let of = |state| overviews.iter().filter(|one| one.state == state).count();
            *counted = Some((now, MemberState::ALL.map(|state| (state, of(state))).to_vec()));
        }
        Ok(counted.as_ref().map(|(_, states)| states.clone()).unwrap_or_default())
    }

    /// How many leaves of the sidecars' logs are not here, by their own account.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.seen().values().filter_map(|seen| seen.behind).sum()
    }

    fn overview(&self, enrolled: Enrolled, at: Moment, now: Moment) -> Result<Overview, FleetError> {
        let leaves = self.known(&enrolled.origin)?.map_or(0, |(_, shipped)| shipped.size);
        let seen = self.seen().get(&enrolled.sidecar).cloned();
        let heard = seen.as_ref().is_some_and(|seen| seen.last.plus(AWAY) > now);
        let following = seen.as_ref().map_or(0, |seen| seen.following);
        let state = match (following, heard) {
            _ if enrolled.expires_at <= now => MemberState::Expired,
            (1.., _) => MemberState::Connected,
            (0, true) => MemberState::Heard,
            (0, false) => MemberState::Away,
        };
        let said = seen.as_ref().and_then(|seen| seen.leaves);
        Ok(Overview {
            sidecar: enrolled.sidecar,
            origin: enrolled.origin,
            agent: enrolled.agent,
            by: enrolled.by,
            version: enrolled.version,
            state,
            seen: seen.as_ref().map(|seen| seen.last),
            enrolled_at: at,
            until: enrolled.expires_at,
            leaves,
            behind: said.map(|said| said.saturating_sub(leaves)),
            policy: seen.as_ref().and_then(|seen| seen.policy),
            following,
            diverged: seen.is_some_and(|seen| seen.diverged.is_some()),
        })
    }

    /// Revokes a sidecar: its keys, and where it runs; it does not come back by renewing, nor from the same pod or with
    /// the same client certificate.
    ///
    /// # Errors
    /// [`FleetError::Stranger`] if it is not enrolled; otherwise why it could not be revoked, or not wholly.
    pub async fn withdraw(&self, sidecar: &KeyHolder, by: String, why: String) -> Result<(), FleetError> {
        let missing = || FleetError::Stranger(format!("there is no sidecar `{sidecar}`"));
        let (_, enrolled) = self.enrolled(sidecar)?.ok_or_else(missing)?;
        let keys: BTreeSet<KeyId> =
            [Some(enrolled.authority), Some(enrolled.log), enrolled.replaces].into_iter().flatten().collect();
        let withdrawn = |name: KeyHolder| {
            let (by, why) = (by.clone(), why.clone());
            Event::Withdrawn(Box::new(Withdrawn { sidecar: name, by, why }))
        };
        let mut events = vec![withdrawn(sidecar.clone())];
        events.extend(place_of(sidecar).map(withdrawn));
        events.extend(keys.iter().map(|kid| Event::KeyRevoked { kid: *kid }));
        // The record first: by that alone its calls are refused from here on, at every replica.
        self.store.commit(Change::of(self.clock.now(), events)).await?;
        tracing::warn!(%sidecar, agent = %enrolled.agent, by, "a sidecar was revoked");
        let (ring, now) = (self.keys.clone(), self.clock.now());
        let revoking = tokio::task::spawn_blocking(move || ring.revoke_keys(&keys, now)).await;
        let revoked = revoking.map_err(|error| FleetError::Keys(error.to_string()))?;
        revoked.map_err(|error| {
            FleetError::Keys(format!(
                "the sidecar is refused from now on, but executors are not told of its keys: {error}"
            ))
        })
    }

    /// Takes note that a sidecar follows, until what this returns is dropped.
    pub(super) fn follows(self: &std::sync::Arc<Self>, member: &Member, since: &Since) -> Follows {
        let policy = since.policy;
        self.note(&member.sidecar, |seen| {
            seen.following += 1;
            seen.policy = policy.or(seen.policy);
        });
        let following = self.seen().get(&member.sidecar).map_or(0, |seen| seen.following);
        if following > 1 {
            // A connection that broke is noticed late; a copy of the data folder looks the same for so long.
            tracing::warn!(sidecar = %member.sidecar, following, "more than one follows with the keys of one sidecar");
        }
        Follows { fleet: self.clone(), sidecar: member.sidecar.clone() }
    }
}

/// A sidecar follows.
pub(super) struct Follows {
    fleet: std::sync::Arc<Fleet>,
    sidecar: KeyHolder,
}

impl Drop for Follows {
    fn drop(&mut self) {
        self.fleet.note(&self.sidecar, |seen| seen.following = seen.following.saturating_sub(1));
    }
}

/// The role that an enrolment was for.
pub(super) fn role_of(enrolled: &Enrolled) -> Role {
    Role {
        agent: enrolled.agent.clone(),
        on_behalf_of: enrolled.on_behalf_of.clone(),
        operators: enrolled.operators.iter().cloned().collect(),
    }
}

/// Where a sidecar runs: its name without that of its key.
pub(super) fn place_of(sidecar: &KeyHolder) -> Option<KeyHolder> {
    KeyHolder::new(sidecar.as_str().rsplit_once('/')?.0).ok()
}
