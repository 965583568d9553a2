//! The browsers that people subscribed: a small file that nobody else reads, written whole at each change.
//!
//! An endpoint is an address that a browser brings along. It is judged like any other before it is taken, and again
//! whenever something is sent there: nobody makes this service call into its own network by subscribing.

use super::http::Http;
use super::push::Keys;
use crate::digest::{base64url, from_base64url, sha256};
use crate::files;
use crate::moment::Moment;
use crate::party::PersonId;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most browsers of one person; a further one takes the place of their oldest.
pub const MAX_BROWSERS: usize = 8;
/// The longest endpoint.
const MAX_ENDPOINT: usize = 1024;
/// The longest name of a browser, in characters.
const MAX_NAME: usize = 60;
/// The most browsers of all.
const MAX_ALL: usize = 10_000;

/// A browser that somebody subscribed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// By which it is named.
    pub id: String,
    /// Whose it is.
    pub person: PersonId,
    /// Where its push service takes messages for it: whoever knows it can't read them, but could send some.
    pub endpoint: String,
    /// Its public key, in base64url.
    pub p256dh: String,
    /// The secret that it shares, in base64url.
    pub auth: String,
    /// What it calls itself.
    pub name: String,
    /// Since when.
    pub at: Moment,
}

impl Subscription {
    /// With what a message is encrypted for it.
    #[must_use]
    pub fn keys(&self) -> Option<Keys> {
        Keys::new(&from_base64url(&self.p256dh)?, &from_base64url(&self.auth)?)
    }
}

/// Why a browser is not subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSubscribed {
    /// The endpoint may not be reached.
    Endpoint(String),
    /// The keys are none.
    Keys,
    /// There are too many.
    TooMany,
    /// The file could not be written.
    File(String),
}

impl fmt::Display for NotSubscribed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(why) => write!(f, "the browser's push service is not used: {why}"),
            Self::Keys => f.write_str("the browser's keys are none"),
            Self::TooMany => f.write_str("too many browsers are subscribed already"),
            Self::File(why) => write!(f, "the subscription could not be kept: {why}"),
        }
    }
}

impl std::error::Error for NotSubscribed {}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    browsers: Vec<Subscription>,
}

/// Everyone's browsers.
pub struct Subscriptions {
    path: PathBuf,
    http: Http,
    kept: Mutex<Kept>,
}

impl Subscriptions {
    /// Those in this file; none where there is no file yet.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn at(path: &Path, http: Http) -> Result<Self, String> {
        let failed = |error: &dyn fmt::Display| format!("`{}`: {error}", path.display());
        let kept = match std::fs::read(path) {
            Ok(text) => {
                files::refuse_exposed(path).map_err(|error| error.to_string())?;
                serde_json::from_slice(&text).map_err(|error| failed(&error))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Kept { version: 1, ..Kept::default() }
            }
            Err(error) => return Err(failed(&error)),
        };
        if kept.version != 1 {
            return Err(failed(&"it is of another version"));
        }
        Ok(Self { path: path.into(), http, kept: Mutex::new(kept) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes a browser to what concerns a person. The same browser again takes its own place, also where it was
    /// somebody else's before.
    ///
    /// # Errors
    /// [`NotSubscribed`]: why not.
    pub fn subscribe(
        &self,
        person: &PersonId,
        endpoint: &str,
        (p256dh, auth): (&str, &str),
        name: &str,
        now: Moment,
    ) -> Result<Subscription, NotSubscribed> {
        if endpoint.len() > MAX_ENDPOINT {
            return Err(NotSubscribed::Endpoint("its address is too long".to_owned()));
        }
        self.http.admits(endpoint).map_err(NotSubscribed::Endpoint)?;
        let name: String = super::text::headline(name, MAX_NAME);
        let subscription = Subscription {
            id: format!("sub_{}", base64url(sha256(&[endpoint.as_bytes()]).split_at(12).0)),
            person: person.clone(),
            endpoint: endpoint.to_owned(),
            p256dh: p256dh.to_owned(),
            auth: auth.to_owned(),
            name,
            at: now,
        };
        subscription.keys().ok_or(NotSubscribed::Keys)?;
        let mut kept = self.kept();
        let mut browsers = kept.browsers.clone();
        browsers.retain(|one| one.endpoint != subscription.endpoint);
        let theirs = browsers.iter().filter(|one| one.person == *person);
        if theirs.clone().count() >= MAX_BROWSERS
            && let Some(oldest) = theirs.min_by_key(|one| one.at).map(|one| one.id.clone())
        {
            browsers.retain(|one| one.id != oldest);
        }
        if browsers.len() >= MAX_ALL {
            return Err(NotSubscribed::TooMany);
        }
        browsers.push(subscription.clone());
        self.keep(&mut kept, browsers)?;
        Ok(subscription)
    }

    /// Sends a person's browser nothing any more.
    ///
    /// # Errors
    /// [`NotSubscribed::File`].
    pub fn unsubscribe(&self, person: &PersonId, id: &str) -> Result<(), NotSubscribed> {
        self.drop_where(|one| one.person == *person && one.id == id)
    }

    /// Forgets a browser that its push service doesn't know any more.
    ///
    /// # Errors
    /// [`NotSubscribed::File`].
    pub fn forget(&self, id: &str) -> Result<(), NotSubscribed> {
        self.drop_where(|one| one.id == id)
    }

    fn drop_where(&self, which: impl Fn(&Subscription) -> bool) -> Result<(), NotSubscribed> {
        let mut kept = self.kept();
        let mut browsers = kept.browsers.clone();
        browsers.retain(|one| !which(one));
        if browsers.len() == kept.browsers.len() {
            return Ok(());
        }
        self.keep(&mut kept, browsers)
    }

    fn keep(&self, kept: &mut Kept, browsers: Vec<Subscription>) -> Result<(), NotSubscribed> {
        let failed = |error: &dyn fmt::Display| NotSubscribed::File(error.to_string());
        let new = Kept { version: 1, browsers };
        let text = serde_json::to_vec_pretty(&new).map_err(|error| failed(&error))?;
        files::write_private(&self.path, &text).map_err(|error| failed(&error))?;
        *kept = new;
        Ok(())
    }

    /// A browser, by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Subscription> {
        self.kept().browsers.iter().find(|one| one.id == id).cloned()
    }

    /// Somebody's browsers, oldest first.
    #[must_use]
    pub fn of(&self, person: &PersonId) -> Vec<Subscription> {
        self.kept().browsers.iter().filter(|one| one.person == *person).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::http::Reach;
    use core::time::Duration;
    use p256::elliptic_curve::sec1::ToSec1Point as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn http() -> Http {
        Http::new(Reach::default(), Duration::from_secs(1), None).unwrap()
    }

    fn key() -> String {
        let secret = p256::SecretKey::from_slice(&[3; 32]).unwrap();
        base64url(secret.public_key().to_sec1_point(false).as_bytes())
    }

    #[test]
    fn browsers_are_kept_over_a_restart_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("browsers.json");
        let (ada, bob) = (PersonId::new("ada").unwrap(), PersonId::new("bob").unwrap());
        let (key, auth) = (key(), base64url(&[1; 16]));
        let open = || Subscriptions::at(&path, http()).unwrap();
        let one = "https://push.example.net/1";
        let subscribed =
            open().subscribe(&ada, one, (&key, &auth), "Phone\u{202e}", Moment::default()).unwrap();
        assert_eq!(subscribed.name, "Phone⟨U+202E⟩");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(open().of(&ada), std::slice::from_ref(&subscribed));
        assert_eq!(open().of(&bob), []);
        open().unsubscribe(&bob, &subscribed.id).unwrap();
        assert_eq!(open().find(&subscribed.id), Some(subscribed.clone()));
        // Whoever uses the browser last is told by it, nobody else.
        open().subscribe(&bob, one, (&key, &auth), "Phone", Moment::default()).unwrap();
        assert_eq!((open().of(&ada).len(), open().of(&bob).len()), (0, 1));
        open().forget(&subscribed.id).unwrap();
        assert_eq!(open().of(&bob), []);
    }

    #[test]
    fn a_person_has_so_many_browsers_and_the_oldest_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let subscriptions = Subscriptions::at(&folder.path().join("b.json"), http()).unwrap();
        let ada = PersonId::new("ada").unwrap();
        for n in 0..=MAX_BROWSERS {
            let at = Moment::from_unix_seconds(u64::try_from(n).unwrap());
            let endpoint = format!("https://push.example.net/{n}");
            subscriptions.subscribe(&ada, &endpoint, (&key(), &base64url(&[1; 16])), "x", at).unwrap();
        }
        let endpoints: Vec<String> = subscriptions.of(&ada).into_iter().map(|one| one.endpoint).collect();
        assert_eq!(endpoints.len(), MAX_BROWSERS);
        assert!(!endpoints.contains(&"https://push.example.net/0".to_owned()));
    }

    #[test]
    fn no_endpoint_leads_inside_and_no_key_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let subscriptions = Subscriptions::at(&folder.path().join("b.json"), http()).unwrap();
        let ada = PersonId::new("ada").unwrap();
        let subscribe = |endpoint: &str, key: &str| {
            subscriptions.subscribe(&ada, endpoint, (key, &base64url(&[1; 16])), "x", Moment::default())
        };
        let long = format!("https://push.example.net/{}", "x".repeat(2000));
        for endpoint in
            ["https://127.0.0.1/x", "http://push.example.net/", "https://169.254.169.254/", "", &long]
        {
            assert!(matches!(subscribe(endpoint, &key()), Err(NotSubscribed::Endpoint(_))), "{endpoint}");
        }
        for wrong in ["", "AAAA", "not base64!"] {
            assert_eq!(subscribe("https://push.example.net/1", wrong), Err(NotSubscribed::Keys));
        }
        assert_eq!(subscriptions.of(&ada), []);
    }
}
