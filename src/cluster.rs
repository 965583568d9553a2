//! The cluster: a promise of what is asked of the Kubernetes API, and by which answers it is known.

#[cfg(feature = "server")]
pub mod http;

use core::fmt;
use core::pin::Pin;

/// Why the API did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterError {
    /// There is no such object.
    Missing,
    /// It was changed, or made, by somebody else in the meantime: read it again.
    Conflict,
    /// We are not who we should be, or may not do this.
    Forbidden(String),
    /// The API took what we said for wrong.
    Refused(String),
    /// It could not be asked, or did not answer in time.
    Unavailable(String),
    /// It answered something that is not what its contract says.
    Answer(&'static str),
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the Kubernetes API knows no such object"),
            Self::Conflict => f.write_str("the object was changed by somebody else in the meantime"),
            Self::Forbidden(why) => write!(f, "the Kubernetes API does not let us: {why}"),
            Self::Refused(why) => write!(f, "the Kubernetes API took it for wrong: {why}"),
            Self::Unavailable(why) => write!(f, "the Kubernetes API does not answer: {why}"),
            Self::Answer(what) => write!(f, "the Kubernetes API answered without {what}"),
        }
    }
}

impl std::error::Error for ClusterError {}

/// An answer that is on its way.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, ClusterError>> + Send + 'a>>;

/// The version of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// `1`
    pub major: u32,
    /// `34`, of which providers also write `34+`.
    pub minor: u32,
}

/// What the API says of a service-account token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good, for the audience that was asked about.
    Good(Holder),
    /// It is not, or not for that audience, or not a service account's.
    Refused(String),
}

/// Whose service-account token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The namespace of the service account.
    pub namespace: Box<str>,
    /// The name of the service account.
    pub service_account: Box<str>,
    /// The service account's uid: another one after it was deleted and made again.
    pub uid: Box<str>,
    /// The pod that the token is bound to, where it is bound to one.
    pub pod: Option<BoundPod>,
}

/// The pod that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundPod {
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
}

/// One value of a Secret, with what it takes to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretValue {
    /// What is there; nothing if the Secret has no such key.
    pub value: Option<Vec<u8>>,
    /// The version that a change has to name.
    pub version: Box<str>,
}

/// Where a Secret is, and the key of the value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    /// The namespace.
    pub namespace: Box<str>,
    /// The name.
    pub name: Box<str>,
    /// The key.
    pub key: Box<str>,
}

/// The webhooks of a MutatingWebhookConfiguration that call one service: which authorities the API server trusts there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The authorities of each of these webhooks, PEM; nothing where it has none.
    pub authorities: Vec<Vec<u8>>,
}

/// Which webhooks are meant: those of a configuration that call a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookPlace {
    /// The MutatingWebhookConfiguration.
    pub configuration: Box<str>,
    /// The namespace of the service.
    pub namespace: Box<str>,
    /// The name of the service.
    pub service: Box<str>,
}

/// Something that people should see among an object's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The namespace that it is written in, which is the object's.
    pub namespace: Box<str>,
    /// What it is about.
    pub about: ObjectReference,
    /// Whether somebody ought to do something.
    pub warning: bool,
    /// The reason, in one word: `Injected`.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
    /// When.
    pub at: crate::moment::Moment,
    /// What makes the event's name its own.
    pub unique: [u8; 8],
}

/// An object, as events name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObjectReference {
    /// `apps/v1`
    pub api_version: Box<str>,
    /// `ReplicaSet`
    pub kind: Box<str>,
    /// The name.
    pub name: Box<str>,
    /// The uid; empty where it is not known.
    pub uid: Box<str>,
}

/// What we might do, to ask whether we may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `get`, `update`, `create` …
    pub verb: Box<str>,
    /// The API group; empty for the oldest.
    pub group: Box<str>,
    /// `secrets`
    pub resource: Box<str>,
    /// The namespace; empty for what has none.
    pub namespace: Box<str>,
    /// The name; empty for all of them.
    pub name: Box<str>,
}

/// The Kubernetes API, as far as we need it.
pub trait Cluster: Send + Sync {
    /// The version of the API server.
    fn version(&self) -> Asking<'_, Version>;

    /// Whether a service-account token is good for this audience (TokenReview). An answer that does not name the
    /// audience is a refusal, whatever else it says.
    fn review_token<'a>(&'a self, token: &'a str, audience: &'a str) -> Asking<'a, Standing>;

    /// The keys that sign service-account tokens, as a JWK set.
    fn token_keys(&self) -> Asking<'_, Vec<u8>>;

    /// A value of a Secret; [`ClusterError::Missing`] where there is no such Secret.
    fn secret<'a>(&'a self, place: &'a SecretPlace) -> Asking<'a, SecretValue>;

    /// Puts a value into a Secret, if it still has this version; without one the Secret is made.
    /// [`ClusterError::Conflict`] says that somebody else was faster.
    fn put_secret<'a>(
        &'a self,
        place: &'a SecretPlace,
        value: &'a [u8],
        version: Option<&'a str>,
    ) -> Asking<'a, ()>;

    /// The authorities by which the API server knows a webhook's service.
    fn bundle<'a>(&'a self, place: &'a WebhookPlace) -> Asking<'a, Bundle>;

    /// Puts these authorities into each of the webhooks that call the service, and nothing else.
    /// [`ClusterError::Conflict`] says that somebody else changed the configuration at the same time.
    fn put_bundle<'a>(&'a self, place: &'a WebhookPlace, authorities: &'a [u8]) -> Asking<'a, ()>;

    /// Writes an event.
    fn announce<'a>(&'a self, announcement: &'a Announcement) -> Asking<'a, ()>;

    /// Whether we may do this (SelfSubjectAccessReview).
    fn may<'a>(&'a self, access: &'a Access) -> Asking<'a, bool>;
}
