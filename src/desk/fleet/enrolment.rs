//! Enrolment: whoever proves where it runs has the keys that it made certified, for the one agent that it is there.

use super::members::role_of;
use super::roles::hex;
use super::{Fleet, FleetError, Member, Role};
use crate::audit::event::{Credential, Enrolled, Event, Invited};
use crate::digest::{InvitationDigest, base64url, sha256};
use crate::moment::Moment;
use crate::party::{KeyHolder, LogOrigin, PersonId, TrustDomain};
use crate::signer::{Candidates, Chains};
use crate::store::{Change, StoreError};
use crate::token::{MAX_LIFE, Pattern, PublicKey, Scope, enrolment_message};
use core::time::Duration;

/// How a join token begins.
const JOIN: &str = "csj_";
/// How long a join token may be good for.
pub const MAX_INVITATION: Duration = Duration::from_hours(7 * 24);
/// The longest token that is looked at.
const MAX_TOKEN: usize = 16 * 1024;
/// The longest version of a program.
const MAX_VERSION: usize = 64;

/// What a sidecar shows to enrol.
pub enum Shown<'a> {
    /// A bearer token: a service account's, or a join token.
    Bearer(&'a str),
    /// The SHA-256 of the client certificate of its connection.
    Certificate([u8; 32]),
    /// A call that is signed by the key that is to be replaced.
    Renewal(Box<Member>),
}

/// The keys that are to be certified, with the proofs that whoever asks has them.
pub struct Wanted {
    /// The key that is to sign tokens.
    pub authority: PublicKey,
    /// Its signature.
    pub authority_proof: Vec<u8>,
    /// The key of the log.
    pub log: PublicKey,
    /// Its signature.
    pub log_proof: Vec<u8>,
    /// The trust domain that the sidecar believes it is in.
    pub domain: TrustDomain,
    /// The program's version.
    pub version: String,
}

/// A sidecar that was enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Its name.
    pub sidecar: KeyHolder,
    /// Its log's.
    pub origin: LogOrigin,
    /// Its agent, and the people behind it.
    pub role: Role,
    /// The certificates.
    pub chains: Chains,
}

/// A join token that was made; the record only has its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeInvitation {
    /// The token.
    pub token: String,
    /// Its SHA-256.
    pub invitation: InvitationDigest,
    /// When it ends.
    pub until: Moment,
}

/// Who it is that enrols, once that is known.
struct Claimant {
    role: Role,
    by: Credential,
    name: KeyHolder,
    origin: LogOrigin,
    /// The enrolment that this renews.
    renews: Option<Box<Enrolled>>,
}

impl Fleet {
    /// Certifies the keys of a sidecar that proves where it runs, or renews them.
    ///
    /// # Errors
    /// [`FleetError`]; then nothing is certified.
    pub async fn enrol(&self, shown: Shown<'_>, wanted: Wanted, peer: &str) -> Result<Admitted, FleetError> {
        let often = |often: super::super::limit::TooOften| FleetError::TooOften(often.wait);
        self.enrolling_each.knock(peer).map_err(often)?;
        self.enrolling.knock("").map_err(often)?;
        self.check(&wanted)?;
        let claimant = self.claimant(shown, &wanted).await?;
        let chains = self.certify(&claimant, &wanted).await?;
        self.record(&claimant, &wanted, &chains).await?;
        let Claimant { role, by, name, origin, renews } = claimant;
        let renewed = renews.is_some();
        match renews {
            Some(_) => {
                tracing::info!(sidecar = %name, until = %chains.until, "a sidecar has renewed its keys")
            }
            None => {
                tracing::info!(sidecar = %name, agent = %role.agent, by = %by, until = %chains.until, "a sidecar has enrolled")
            }
        }
        self.metrics.enrolled(if renewed { "renewed" } else { "enrolled" });
        self.note(&name, |_| {});
        Ok(Admitted { sidecar: name, origin, role, chains })
    }

    /// Whether whoever asks has both keys, and means this desk.
    fn check(&self, wanted: &Wanted) -> Result<(), FleetError> {
        if wanted.domain != self.settings.domain {
            return Err(FleetError::Malformed("this desk is of another trust domain"));
        }
        let plain = wanted.version.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || !(1..=MAX_VERSION).contains(&wanted.version.len()) {
            return Err(FleetError::Malformed("`version` is not that of a program"));
        }
        let (authority, log) = (&wanted.authority, &wanted.log);
        if authority.id() == log.id() {
            return Err(FleetError::Malformed("one key can't be both for tokens and for the log"));
        }
        let message = enrolment_message(&wanted.domain, authority.as_bytes(), log.as_bytes());
        let proven = authority.verify(&message, &wanted.authority_proof).is_ok()
            && log.verify(&message, &wanted.log_proof).is_ok();
        if !proven {
            return Err(FleetError::Malformed("the keys did not sign that they are to be enrolled"));
        }
        let revoked = self.keys.revoked();
        let is_revoked = [authority, log].iter().any(|key| revoked.contains(&key.id()));
        if is_revoked { Err(FleetError::Credential("a key of it was revoked".to_owned())) } else { Ok(()) }
    }

    async fn claimant(&self, shown: Shown<'_>, wanted: &Wanted) -> Result<Claimant, FleetError> {
        let now = self.clock.now();
        let (role, by) = match shown {
            Shown::Renewal(member) => return renewal(*member, wanted),
            Shown::Bearer(token) if token.len() > MAX_TOKEN => {
                return Err(FleetError::Credential("the token is longer than any is".to_owned()));
            }
            Shown::Bearer(token) if token.starts_with(JOIN) => self.invited(token, now)?,
            Shown::Bearer(token) => self.roles.of_token(token, now).await?,
            Shown::Certificate(sha256) => self.roles.of_certificate(&sha256)?,
        };
        let place = place(&by)?;
        if let Some(index) = self.store.enrolled(&place)?
            && let Event::Withdrawn(withdrawn) = self.store.record(index)?.event
            && withdrawn.sidecar == place
        {
            return Err(FleetError::Credential(format!("`{place}` was revoked by {}", withdrawn.by)));
        }
        // A sidecar that lost its data has another log, and never one that goes on from an older state.
        let id = wanted.log.id().to_string();
        let short: String = id.chars().take(16).collect();
        let unnameable = |_| FleetError::Malformed("its name would be too long");
        let name = KeyHolder::new(&format!("{place}/{short}")).map_err(unnameable)?;
        let origin = LogOrigin::new(&format!("{}/{name}", self.settings.domain)).map_err(unnameable)?;
        if let Some(index) = self.store.enrolled(&name)?
            && let Event::Withdrawn(_) = self.store.record(index)?.event
        {
            return Err(FleetError::Credential(format!("sidecar `{name}` was revoked")));
        }
        Ok(Claimant { role, by, name, origin, renews: None })
    }

    /// Whom a join token is for.
    fn invited(&self, token: &str, now: Moment) -> Result<(Role, Credential), FleetError> {
        let refused = |why: &str| FleetError::Credential(format!("the join token {why}"));
        let invitation = digest(token);
        let found = self.store.invitation(invitation)?.ok_or_else(|| refused("is not known"))?;
        let Event::Invited(invited) = self.store.record(found.made)?.event else {
            return Err(refused("is not known"));
        };
        if invited.invitation != invitation {
            return Err(refused("is not known"));
        }
        if let Some(used) = found.used {
            return Err(refused(&format!("was used before, in record {used}")));
        }
        if now >= invited.until {
            return Err(refused(&format!("was good until {}", invited.until)));
        }
        let Invited { agent, on_behalf_of, operators, .. } = *invited;
        let role = Role { agent, on_behalf_of, operators: operators.into_iter().collect() };
        Ok((role, Credential::Invitation { invitation }))
    }

    async fn certify(&self, claimant: &Claimant, wanted: &Wanted) -> Result<Chains, FleetError> {
        let unscoped = || FleetError::Malformed("its agent or an executor can't be in a key's scope");
        let agent = Pattern::exactly(claimant.role.agent.as_str()).ok_or_else(unscoped)?;
        let executors = self.settings.executors.iter().map(|executor| Pattern::exactly(executor.id.as_str()));
        let audiences: Vec<Pattern> = executors.collect::<Option<_>>().ok_or_else(unscoped)?;
        let scope = Scope { agents: vec![agent], audiences, max_life: MAX_LIFE };
        let (ring, now, life) = (self.keys.clone(), self.clock.now(), self.settings.life);
        let (sidecar, origin) = (claimant.name.clone(), claimant.origin.clone());
        let (authority, log) = (wanted.authority.clone(), wanted.log.clone());
        // It reads files.
        let certifying = tokio::task::spawn_blocking(move || {
            let candidates = Candidates {
                sidecar: &sidecar,
                authority: &authority,
                scope,
                log: &log,
                origin: &origin,
                life,
            };
            ring.certify(&candidates, now)
        });
        let stopping = |error: tokio::task::JoinError| FleetError::Keys(error.to_string());
        certifying.await.map_err(stopping)?.map_err(|error| FleetError::Keys(error.to_string()))
    }

    async fn record(&self, claimant: &Claimant, wanted: &Wanted, chains: &Chains) -> Result<(), FleetError> {
        let certified = |key: &PublicKey, chain: &[String]| Event::KeyCertified {
            kid: key.id(),
            certificate: chain.join("\n"),
        };
        let Role { agent, on_behalf_of, operators } = claimant.role.clone();
        let enrolled = Enrolled {
            sidecar: claimant.name.clone(),
            origin: claimant.origin.clone(),
            agent,
            on_behalf_of,
            operators: operators.into_iter().collect(),
            by: claimant.by.clone(),
            authority: wanted.authority.id(),
            log: wanted.log.id(),
            expires_at: chains.until,
            replaces: claimant.renews.as_ref().map(|renews| renews.authority),
            version: wanted.version.clone(),
        };
        let events = [
            certified(&wanted.authority, &chains.authority),
            certified(&wanted.log, &chains.log),
            Event::Enrolled(Box::new(enrolled)),
        ];
        match self.store.commit(Change::of(self.clock.now(), events)).await {
            Ok(_) => Ok(()),
            // Of two who bring one token at the same instant, one is first.
            Err(StoreError::Answered(index)) => {
                Err(FleetError::Credential(format!("the join token was used before, in record {index}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a join token: whoever brings it first, within this time, enrols as this agent.
    ///
    /// # Errors
    /// [`FleetError`]; then there is none.
    pub async fn invite(
        &self,
        role: Role,
        lasts: Duration,
        by: String,
    ) -> Result<MadeInvitation, FleetError> {
        if lasts.is_zero() || lasts > MAX_INVITATION {
            return Err(FleetError::Malformed("a join token is good for a week at most, and for some time"));
        }
        if role.agent.as_str().eq_ignore_ascii_case(crate::audit::event::OWN_NAME) {
            return Err(FleetError::Malformed("that name is the service's own"));
        }
        let mut secret = [0; 32];
        self.entropy.fill(&mut secret).map_err(|error| FleetError::Keys(error.to_string()))?;
        let token = format!("{JOIN}{}", base64url(&secret));
        let (invitation, now) = (digest(&token), self.clock.now());
        let until = now.plus(lasts);
        let Role { agent, on_behalf_of, operators } = role;
        let operators: Vec<PersonId> = operators.into_iter().collect();
        let invited = Invited { invitation, agent, on_behalf_of, operators, until, by };
        self.store.commit(Change::of(now, [Event::Invited(Box::new(invited))])).await?;
        Ok(MadeInvitation { token, invitation, until })
    }
}

/// Whoever renews stays who it is.
fn renewal(member: Member, wanted: &Wanted) -> Result<Claimant, FleetError> {
    let Member { sidecar, origin, role, enrolled, .. } = member;
    if wanted.log.id() != enrolled.log {
        return Err(FleetError::Malformed("a log keeps its key; whoever has another is another sidecar"));
    }
    debug_assert_eq!(role_of(&enrolled).agent, role.agent);
    Ok(Claimant { role, by: enrolled.by.clone(), name: sidecar, origin, renews: Some(enrolled) })
}

/// Where whoever proved itself so runs.
fn place(by: &Credential) -> Result<KeyHolder, FleetError> {
    let short = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let place = match by {
        Credential::ServiceAccount { namespace, pod: Some(pod), pod_uid: Some(uid), .. } => {
            // A name alone is that of the next pod as well.
            format!("ns/{namespace}/pod/{}/{}", short(pod, 100), short(uid, 36))
        }
        Credential::ServiceAccount { namespace, service_account, .. } => {
            format!("ns/{namespace}/sa/{}", short(service_account, 100))
        }
        Credential::Certificate { sha256 } => format!("certificate/{}", short(sha256, 16)),
        Credential::Invitation { invitation } => {
            format!("invited/{}", short(&hex(invitation.as_bytes()), 16))
        }
    };
    KeyHolder::new(&place).map_err(|_| FleetError::Malformed("its name would be too long"))
}

fn digest(token: &str) -> InvitationDigest {
    InvitationDigest::from_bytes(sha256(&[b"countersign-join-v1\0", token.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::super::members::place_of;
    use super::*;

    #[test]
    fn a_sidecar_is_named_by_where_it_runs_and_a_pod_by_its_uid() {
        let account = |pod: Option<&str>| Credential::ServiceAccount {
            namespace: "shop".to_owned(),
            service_account: "builder".to_owned(),
            pod: pod.map(str::to_owned),
            pod_uid: pod.map(|_| "0b8fd2a2-1111-2222-3333-444455556666".to_owned()),
        };
        let name = |by: &Credential| place(by).unwrap().to_string();
        assert_eq!(
            name(&account(Some("builder-7"))),
            "ns/shop/pod/builder-7/0b8fd2a2-1111-2222-3333-444455556666"
        );
        assert_eq!(name(&account(None)), "ns/shop/sa/builder");
        let invitation = Credential::Invitation { invitation: digest("csj_x") };
        assert!(name(&invitation).starts_with("invited/"));
        let sidecar = KeyHolder::new(&format!("{}/AbCd", name(&invitation))).unwrap();
        assert_eq!(place_of(&sidecar), Some(place(&invitation).unwrap()));
    }
}
