//! Sessions that all replicas know: begun at one, used at another, ended everywhere.
//!
//! What is shared is the SHA-256 of a session's token, whose it is and what it began with. Each call asks anew whether it
//! is still there. Where that can't be asked nobody is signed in, and nobody is let in.

use super::held::{Listed, Means, Session, name};
use super::{IDLE_LIFE, MAX_SESSIONS, PREFIX, Reviewer, Sessions, SignInRefused, SignedIn};
use crate::digest::{base64url, sha256};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::presence::passkey::{CredentialId, CredentialKey, Passkey};
use crate::presence::ssh::PublicKey;
use crate::store::StoreError;
use crate::store::shared::{Ephemeral, Name};
use core::time::Duration;
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long the shared values may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How exactly replicas know when a session was last used.
const TOUCH: Duration = Duration::from_secs(60);
/// How far the clocks of two replicas may differ.
const SKEW: Duration = Duration::from_secs(10);

/// A session, by its token's SHA-256.
const SESSION: &str = "session";
/// … by its person.
const OF: &str = "session_of";
/// When it was last used.
const USED: &str = "session_used";
/// A question that was answered.
const ANSWERED: &str = "answered";

/// A session as replicas share it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    person: PersonId,
    means: SharedMeans,
    since: Moment,
    life_seconds: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SharedMeans {
    Key(String),
    Passkey { id: String, key: String, name: Option<String> },
    Provider(Box<str>),
}

impl Shared {
    fn of(session: &Session) -> Self {
        let means = match &session.means {
            Means::Key(key) => SharedMeans::Key(key.to_line()),
            Means::Passkey(passkey) => SharedMeans::Passkey {
                id: passkey.id.to_string(),
                key: passkey.key.to_string(),
                name: passkey.name.as_deref().map(str::to_owned),
            },
            Means::Provider(account) => SharedMeans::Provider(account.clone()),
        };
        let (since, life) = session.span();
        Self { person: session.person.clone(), means, since, life_seconds: life.as_secs() }
    }

    /// The session; nothing where another version of this program wrote what this one doesn't understand.
    fn read(bytes: &[u8]) -> Option<Session> {
        let Self { person, means, since, life_seconds } = serde_json::from_slice(bytes).ok()?;
        let means = match means {
            SharedMeans::Key(line) => Means::Key(Box::new(PublicKey::from_line(&line).ok()?)),
            SharedMeans::Passkey { id, key, name } => Means::Passkey(Box::new(Passkey {
                id: CredentialId::parse(&id).ok()?,
                key: CredentialKey::parse(&key).ok()?,
                name: name.map(Into::into),
            })),
            SharedMeans::Provider(account) => Means::Provider(account),
        };
        Some(Session::new(person, means, since, Duration::from_secs(life_seconds)))
    }
}

fn session(id: &str) -> Name {
    Name::new(SESSION, "", id)
}

fn index(person: &PersonId, id: &str) -> Name {
    Name::new(OF, person.as_str(), id)
}

/// What came of asking, in a limited time.
async fn asked<T>(asking: impl Future<Output = Result<T, StoreError>>) -> Result<T, SignInRefused> {
    let late = || StoreError::Unavailable("it took too long".to_owned());
    let answer = tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(late()));
    answer.map_err(|error| {
        tracing::error!(%error, "who is signed in can't be found out");
        SignInRefused::Unavailable
    })
}

impl Sessions {
    /// These sessions, known to every replica that shares this; `key` seals what one of them asks, so that each can take
    /// the answer.
    #[must_use]
    pub fn sharing(mut self, shared: Arc<dyn Ephemeral>, key: &[u8; 32]) -> Self {
        self.seal = hmac::Key::new(hmac::HMAC_SHA256, key);
        self.shared = Some(shared);
        self
    }

    /// Makes a session known that has begun: only then is it worth anything.
    ///
    /// # Errors
    /// [`SignInRefused`], also whatever kept it from beginning.
    pub async fn share(&self, began: Result<SignedIn, SignInRefused>) -> Result<SignedIn, SignInRefused> {
        let signed_in = began?;
        if let Some(shared) = &self.shared
            && let Err(refused) = asked(self.publish(shared.as_ref(), &signed_in)).await.and_then(|kept| kept)
        {
            self.sign_out(&signed_in.token);
            return Err(refused);
        }
        Ok(signed_in)
    }

    async fn publish(
        &self,
        shared: &dyn Ephemeral,
        signed_in: &SignedIn,
    ) -> Result<Result<(), SignInRefused>, StoreError> {
        let now = self.clock.now();
        let (nonce, until) = &signed_in.asked;
        let answered = Name::new(ANSWERED, "", &base64url(&sha256(&[nonce])));
        if !shared.put_new(answered, Vec::new(), until.since(now).saturating_add(SKEW)).await? {
            return Ok(Err(SignInRefused::Answered));
        }
        let token = sha256(&[signed_in.token.as_bytes()]);
        let (id, person) = (base64url(&token), &signed_in.person);
        let kept = self.state().sessions.get(&token).map(|session| (Shared::of(session), session.span().1));
        let Some((value, life)) = kept else { return Ok(Err(SignInRefused::UnknownSession)) };
        let value = serde_json::to_vec(&value).map_err(|error| StoreError::Damaged(error.to_string()))?;
        // Found by its person before it is there at all: whoever ends all of theirs ends this one.
        shared.put(index(person, &id), Vec::new(), life).await?;
        shared.put(session(&id), value, life).await?;
        if shared.get(index(person, &id)).await?.is_none() {
            shared.take(session(&id)).await?;
            return Ok(Err(SignInRefused::UnknownSession));
        }
        self.end_oldest(shared, person).await?;
        Ok(Ok(()))
    }

    /// Ends the oldest sessions of somebody who has too many.
    async fn end_oldest(&self, shared: &dyn Ephemeral, person: &PersonId) -> Result<(), StoreError> {
        let named = shared.list(OF, person.as_str()).await?;
        if named.len() <= MAX_SESSIONS {
            return Ok(());
        }
        let mut all = Vec::with_capacity(named.len());
        for (name, _) in named {
            let value = shared.get(session(&name.id)).await?;
            let since = value.and_then(|value| Shared::read(&value)).map(|session| session.span().0);
            all.push((since, name));
        }
        all.sort();
        let excess = all.len().saturating_sub(MAX_SESSIONS);
        for (_, name) in all.into_iter().take(excess) {
            shared.take(session(&name.id)).await?;
            shared.take(name).await?;
        }
        Ok(())
    }

    /// Whose bearer token this is, by the roster and by what all replicas know at this moment.
    ///
    /// # Errors
    /// [`SignInRefused`] if it is nobody's, or if that can't be found out.
    pub async fn known(&self, bearer: &str) -> Result<Reviewer, SignInRefused> {
        self.bring_in(bearer).await?;
        let reviewer = self.reviewer(bearer)?;
        self.mark_used(bearer).await;
        Ok(reviewer)
    }

    /// Whether a session lasts, asked without using it.
    pub async fn still_lasts(&self, bearer: &str) -> bool {
        self.bring_in(bearer).await.is_ok() && self.lasts(bearer)
    }

    /// Brings what is known here of a session to what all replicas know.
    async fn bring_in(&self, bearer: &str) -> Result<(), SignInRefused> {
        let Some(shared) = self.shared.as_ref().filter(|_| bearer.starts_with(PREFIX)) else { return Ok(()) };
        let token = sha256(&[bearer.as_bytes()]);
        let id = base64url(&token);
        let value = asked(shared.get(session(&id))).await?;
        let Some(mut found) = value.and_then(|value| Shared::read(&value)) else {
            self.state().sessions.remove(&token);
            return Ok(());
        };
        let now = self.clock.now();
        let known = self.state().sessions.get(&token).map(|session| session.used);
        if known.is_some_and(|used| now.since(used) < TOUCH) {
            return Ok(());
        }
        let used = asked(shared.get(Name::new(USED, "", &id))).await?.and_then(|bytes| moment(&bytes));
        found.used = found.used.max(used.unwrap_or_default()).max(known.unwrap_or_default());
        self.state().sessions.insert(token, found);
        Ok(())
    }

    /// Tells the other replicas that a session is being used. They hear of it once in a while.
    async fn mark_used(&self, bearer: &str) {
        let Some(shared) = self.shared.as_ref().filter(|_| bearer.starts_with(PREFIX)) else { return };
        let token = sha256(&[bearer.as_bytes()]);
        let now = self.clock.now();
        {
            let mut state = self.state();
            let Some(session) = state.sessions.get_mut(&token) else { return };
            if session.marked.is_some_and(|marked| now.since(marked) < TOUCH) {
                return;
            }
            session.marked = Some(now);
        }
        let millis = now.unix_millis().to_be_bytes().to_vec();
        // Where that can't be told, the session ends sooner at the others.
        let _ = asked(shared.put(Name::new(USED, "", &base64url(&token)), millis, IDLE_LIFE)).await;
    }

    /// Ends a session, everywhere. One that has ended already is as good.
    ///
    /// # Errors
    /// [`SignInRefused::Unavailable`]: it may still be known to other replicas.
    pub async fn end(&self, token: &str) -> Result<(), SignInRefused> {
        self.sign_out(token);
        let Some(shared) = self.shared.as_ref().filter(|_| token.starts_with(PREFIX)) else { return Ok(()) };
        let id = base64url(&sha256(&[token.as_bytes()]));
        let taken = asked(shared.take(session(&id))).await?;
        if let Some(ended) = taken.and_then(|value| Shared::read(&value)) {
            asked(shared.take(index(&ended.person, &id))).await?;
        }
        Ok(())
    }

    /// Ends every session of a person, wherever it began.
    ///
    /// # Errors
    /// [`SignInRefused::Unavailable`]: some may still be known.
    pub async fn end_everywhere(&self, person: &PersonId) -> Result<(), SignInRefused> {
        self.sign_out_everywhere(person);
        self.end_those(person, |_| true).await
    }

    /// Ends the session of this person that is listed as this.
    ///
    /// # Errors
    /// [`SignInRefused::Unavailable`]: it may still be known.
    pub async fn end_there(&self, person: &PersonId, listed: &str) -> Result<(), SignInRefused> {
        self.sign_out_there(person, listed);
        self.end_those(person, |id| !listed.is_empty() && short(id) == listed).await
    }

    async fn end_those(&self, person: &PersonId, which: impl Fn(&str) -> bool) -> Result<(), SignInRefused> {
        let Some(shared) = &self.shared else { return Ok(()) };
        for (name, _) in asked(shared.list(OF, person.as_str())).await? {
            if which(&name.id) {
                // What finds it goes first: a session that is just being made known looks for that last of all.
                asked(shared.take(name.clone())).await?;
                asked(shared.take(session(&name.id))).await?;
            }
        }
        Ok(())
    }

    /// The sessions of a person, the latest first; the one of this token is marked.
    ///
    /// # Errors
    /// [`SignInRefused::Unavailable`] if they can't be found out.
    pub async fn listed(&self, person: &PersonId, own: &str) -> Result<Vec<Listed>, SignInRefused> {
        let Some(shared) = &self.shared else { return Ok(self.list(person, own)) };
        let (own, now) = (base64url(&sha256(&[own.as_bytes()])), self.clock.now());
        let mut listed = Vec::new();
        for (named, _) in asked(shared.list(OF, person.as_str())).await? {
            let value = asked(shared.get(session(&named.id))).await?;
            let Some(mut found) = value.and_then(|value| Shared::read(&value)) else { continue };
            let used = asked(shared.get(Name::new(USED, "", &named.id))).await?;
            found.used = found.used.max(used.and_then(|bytes| moment(&bytes)).unwrap_or_default());
            if !found.over(now) {
                listed.push(found.listed(short(&named.id).to_owned(), *named.id == *own));
            }
        }
        listed.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.id.cmp(&b.id)));
        Ok(listed)
    }
}

/// What a session is called in a list, by the name that replicas share it under.
fn short(id: &str) -> &str {
    id.get(..name(&[0; 32]).len()).unwrap_or_default()
}

fn moment(bytes: &[u8]) -> Option<Moment> {
    Some(Moment::from_unix_millis(u64::from_be_bytes(bytes.try_into().ok()?)))
}
