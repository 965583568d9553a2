//! Who a reviewer is: signed in with a key or a passkey of theirs, or vouched for by the identity provider, and asked
//! anew at each call.
//!
//! A challenge is not kept: its seal (HMAC-SHA256 under a key of this process) tells the desk's own from any other, so
//! that whoever asks for a million of them fills nothing. Only those that a reviewer's own key answered are
//! remembered, until they end. Of a session only the SHA-256 of its token is kept.

mod held;
mod passkey;
mod provider;
mod refusal;
mod shared;

pub use held::Listed;
pub use provider::{Provider, ProviderError};
pub use refusal::SignInRefused;

use super::Roster;
use crate::clock::Clock;
use crate::digest::{base64url, sha256};
use crate::entropy::{Entropy, NoEntropy};
use crate::escalation::Attestation;
use crate::escalation::vote::Keys as _;
use crate::moment::Moment;
use crate::party::{PersonId, TrustDomain};
use crate::presence::oidc;
use crate::presence::passkey::CredentialId;
use crate::presence::sign_in::{Challenge, SIGN_IN_NAMESPACE};
use crate::presence::ssh::Signature;
use crate::reviewer::Person;
use crate::store::shared::Ephemeral;
use crate::token::Assurance;
use core::time::Duration;
use held::{Means, Session, State};
use ring::hmac;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a challenge may be answered.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(60);
/// How long a session lives that began with an SSH key or with a word of the provider.
pub const SESSION_LIFE: Duration = Duration::from_secs(3600);
/// How long a session lives at most that began with a passkey: a working day.
pub const DAY_LIFE: Duration = Duration::from_secs(10 * 3600);
/// … and how long without being used.
pub const IDLE_LIFE: Duration = Duration::from_secs(3600);
/// How long a page may wait for a new passkey.
pub const ENROL_LIFE: Duration = Duration::from_secs(600);
/// How many sessions a person can have; a further one ends their oldest.
pub const MAX_SESSIONS: usize = 16;
/// How often a person can sign in within [`CHALLENGE_LIFE`].
pub const MAX_SIGN_INS: usize = 32;

/// What a session's token begins with, so that it is taken for nothing else.
const PREFIX: &str = "ses_";

/// A person of the roster who makes a call. Only the check makes one: holding it is the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewer {
    person: PersonId,
    by: KnownBy,
    until: Moment,
}

/// What a reviewer proved themselves by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The SSH key of theirs with this fingerprint, with which they signed in.
    Key(Box<str>),
    /// A token of the identity provider, for this account of theirs.
    Provider(Box<str>),
    /// The passkey of theirs with this credential id, with which they signed in.
    Passkey(CredentialId),
}

impl Reviewer {
    /// Who.
    #[must_use]
    pub const fn person(&self) -> &PersonId {
        &self.person
    }

    /// What they proved themselves by.
    #[must_use]
    pub const fn by(&self) -> &KnownBy {
        &self.by
    }

    /// Until when that holds.
    #[must_use]
    pub const fn until(&self) -> Moment {
        self.until
    }

    /// How surely they are known.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        match self.attestation() {
            Attestation::Session => Assurance::Session,
            Attestation::Channel => Assurance::Channel,
        }
    }

    /// How surely it is they who lend their seat to somebody else. Whose SSH key began the session has shown that key
    /// within the hour; whom a provider vouches for, and who signed in at the console hours ago, lends no seat that asks
    /// for a signature.
    #[must_use]
    pub const fn lends(&self) -> Assurance {
        match self.by {
            KnownBy::Key(_) => Assurance::Signed,
            KnownBy::Passkey(_) | KnownBy::Provider(_) => Assurance::Session,
        }
    }

    /// How surely a statement that they make without signing it is theirs.
    #[must_use]
    pub const fn attestation(&self) -> Attestation {
        match self.by {
            KnownBy::Key(_) | KnownBy::Passkey(_) | KnownBy::Provider(_) => Attestation::Session,
        }
    }
}

/// A session that has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The bearer token; it is kept nowhere here.
    pub token: String,
    /// Whose it is.
    pub person: PersonId,
    /// When it ends.
    pub until: Moment,
    /// The question that was answered, and until when it could be.
    asked: ([u8; 32], Moment),
}

impl core::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SignedIn({} until {})", self.person, self.until)
    }
}

/// Who is signed in. A restart ends every session, unless [replicas share](Self::sharing) them.
pub struct Sessions {
    domain: TrustDomain,
    roster: Arc<dyn Roster>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    provider: Option<Provider>,
    seal: hmac::Key,
    state: Mutex<State>,
    /// What all replicas know, where there are several.
    shared: Option<Arc<dyn Ephemeral>>,
}

impl Sessions {
    /// Nobody is signed in yet.
    ///
    /// # Errors
    /// [`NoEntropy`] if there is no key to seal challenges with.
    pub fn new(
        domain: TrustDomain,
        roster: Arc<dyn Roster>,
        provider: Option<Provider>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, NoEntropy> {
        let mut key = [0; 32];
        entropy.fill(&mut key)?;
        let seal = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Ok(Self { domain, roster, clock, entropy, provider, seal, state: Mutex::default(), shared: None })
    }

    /// The identity provider, if there is one.
    #[must_use]
    pub const fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `person` has to sign. A stranger gets one too: whether there is such a person is nobody's business.
    ///
    /// # Errors
    /// [`SignInRefused::NoEntropy`].
    pub fn challenge(&self, person: PersonId) -> Result<Challenge, SignInRefused> {
        let mut nonce = [0; 32];
        self.entropy.fill(&mut nonce).map_err(|NoEntropy| SignInRefused::NoEntropy)?;
        let until = self.clock.now().plus(CHALLENGE_LIFE);
        let mut challenge = Challenge { domain: self.domain.clone(), person, until, nonce, seal: [0; 32] };
        let seal = hmac::sign(&self.seal, challenge.sealed().as_bytes());
        challenge.seal = seal.as_ref().try_into().map_err(|_| SignInRefused::Challenge)?;
        Ok(challenge)
    }

    /// Takes a challenge that was answered with a key of the person whom it names, once.
    ///
    /// # Errors
    /// [`SignInRefused`]: what is wrong with it.
    pub fn sign_in(&self, challenge: &str, signature: &str) -> Result<SignedIn, SignInRefused> {
        let text = challenge;
        let challenge = Challenge::parse(text).ok_or(SignInRefused::Challenge)?;
        let sealed = challenge.sealed();
        hmac::verify(&self.seal, sealed.as_bytes(), &challenge.seal).map_err(|_| SignInRefused::Foreign)?;
        let now = self.clock.now();
        if now >= challenge.until || challenge.domain != self.domain {
            return Err(SignInRefused::ChallengeOver);
        }
        let signature = Signature::from_armored(signature).map_err(SignInRefused::Signature)?;
        let key = signature.public_key();
        if !self.roster.directory().holds(&challenge.person, key) {
            return Err(SignInRefused::UnknownKey);
        }
        signature.verify(key, SIGN_IN_NAMESPACE, text.as_bytes()).map_err(SignInRefused::Signature)?;
        let Challenge { person, until, nonce, .. } = challenge;
        self.begin(&person, (nonce, until), Means::Key(Box::new(key.clone())), SESSION_LIFE)
    }

    /// Begins a session with a token that was never there before, if the question was not answered before.
    fn begin(
        &self,
        person: &PersonId,
        (nonce, asked_until): ([u8; 32], Moment),
        means: Means,
        life: Duration,
    ) -> Result<SignedIn, SignInRefused> {
        let mut token = [0; 32];
        self.entropy.fill(&mut token).map_err(|NoEntropy| SignInRefused::NoEntropy)?;
        let token = format!("{PREFIX}{}", base64url(&token));
        let now = self.clock.now();
        let mut state = self.state();
        state.forget(now);
        state.answer(person, nonce, asked_until)?;
        let session = Session::new(person.clone(), means, now, life);
        let until = session.until();
        state.begin(sha256(&[token.as_bytes()]), session);
        Ok(SignedIn { token, person: person.clone(), until, asked: (nonce, asked_until) })
    }

    /// Takes an identity token of the provider that was asked for as this client and with this nonce, and begins a
    /// session with it.
    ///
    /// # Errors
    /// [`SignInRefused`]: what is wrong with it.
    pub fn sign_in_by_provider(
        &self,
        token: &str,
        nonce: &str,
        client_id: &str,
    ) -> Result<SignedIn, SignInRefused> {
        let now = self.clock.now();
        let provider = self.provider.as_ref().ok_or(SignInRefused::UnknownBearer)?;
        let identity = provider.verify_for(token, nonce, client_id, now).map_err(SignInRefused::Token)?;
        let person = self.person_of(identity.account()).ok_or(SignInRefused::UnknownAccount)?;
        let means = Means::Provider(identity.account().into());
        // Its nonce makes it unlike any other; it counts once, for as long as it counts at all.
        let nonce = sha256(&[nonce.as_bytes()]);
        let until = identity.until().plus(oidc::SKEW);
        self.begin(&person, (nonce, until), means, SESSION_LIFE)
    }

    /// What a form of this session has to bring back: another page can't know it.
    #[must_use]
    pub fn form_token(&self, bearer: &str) -> String {
        base64url(hmac::sign(&self.seal, format!("form {bearer}").as_bytes()).as_ref())
    }

    /// Ends a session. One that has ended already is as good.
    pub fn sign_out(&self, token: &str) {
        self.state().sessions.remove(&sha256(&[token.as_bytes()]));
    }

    /// Ends every session of a person, however it began.
    pub fn sign_out_everywhere(&self, person: &PersonId) {
        self.state().sessions.retain(|_, session| session.person != *person);
    }

    /// Ends the session of this person that [`list`](Self::list) calls so.
    pub fn sign_out_there(&self, person: &PersonId, id: &str) {
        self.state().sessions.retain(|token, session| session.person != *person || held::name(token) != id);
    }

    /// The sessions of a person, the latest first; the one of this token is marked.
    #[must_use]
    pub fn list(&self, person: &PersonId, own: &str) -> Vec<Listed> {
        self.state().list(person, &sha256(&[own.as_bytes()]), self.clock.now())
    }

    /// Whether a session lasts, asked without using it: what a browser does by itself keeps nobody signed in.
    #[must_use]
    pub fn lasts(&self, bearer: &str) -> bool {
        let token = sha256(&[bearer.as_bytes()]);
        let (state, directory, now) = (self.state(), self.roster.directory(), self.clock.now());
        state.sessions.get(&token).is_some_and(|session| !session.over(now) && session.holds(&directory))
    }

    /// Whose bearer token this is, by the roster of this moment.
    ///
    /// # Errors
    /// [`SignInRefused`] if it is nobody's.
    pub fn reviewer(&self, bearer: &str) -> Result<Reviewer, SignInRefused> {
        if bearer.starts_with(PREFIX) {
            return self.signed_in(sha256(&[bearer.as_bytes()]));
        }
        let provider = self.provider.as_ref().ok_or(SignInRefused::UnknownBearer)?;
        if bearer.split('.').count() != 3 {
            return Err(SignInRefused::UnknownBearer);
        }
        let identity = provider.verify(bearer, self.clock.now()).map_err(SignInRefused::Token)?;
        let person = self.person_of(identity.account()).ok_or(SignInRefused::UnknownAccount)?;
        Ok(Reviewer { person, by: KnownBy::Provider(identity.account().into()), until: identity.until() })
    }

    /// Whose account this is. A person is known by their id and by aliases too, which keeps one from passing for two. A
    /// provider vouches for none of these: only for the account itself.
    fn person_of(&self, account: &str) -> Option<PersonId> {
        let directory = self.roster.directory();
        let person = directory.person_known_as(account)?;
        has_account(person, account).then(|| person.id.clone())
    }

    fn signed_in(&self, token: [u8; 32]) -> Result<Reviewer, SignInRefused> {
        let mut state = self.state();
        let session = state.sessions.get_mut(&token).ok_or(SignInRefused::UnknownSession)?;
        let now = self.clock.now();
        let over = session.over(now);
        if over || !session.holds(&self.roster.directory()) {
            state.sessions.remove(&token);
            return Err(if over { SignInRefused::SessionOver } else { SignInRefused::SessionRevoked });
        }
        session.used = now;
        Ok(Reviewer { person: session.person.clone(), by: session.means.known_by(), until: session.until() })
    }
}

/// Whether the roster gives this person the account, by itself and not by an alias.
fn has_account(person: &Person, account: &str) -> bool {
    person.accounts.iter().any(|own| own.eq_ignore_ascii_case(account))
}

#[cfg(test)]
mod tests;
