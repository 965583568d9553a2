//! Telling people: a promise to bring a message to an address, kept by one adapter for each kind of channel.
//!
//! An adapter tries once and says what came of it. When to try again, whom else to tell, and what is recorded is the
//! desk's affair. A message may be brought twice (its notice's id tells the receiver so), never by halves.

pub mod chat;
pub mod email;
pub mod http;
pub mod push;
pub mod slack;
pub mod sms;
pub mod subscriptions;
mod text;
pub mod webhook;

use crate::notice::Message;
use core::fmt;
use core::pin::Pin;
use core::time::Duration;

/// Where a message goes. Each adapter takes the kinds of address that it knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A mailbox.
    Email(Box<str>),
    /// A person in a Slack workspace, by the ids of both.
    SlackUser {
        /// The workspace (`T…`).
        team: Box<str>,
        /// The person in it (`U…`).
        user: Box<str>,
    },
    /// A Slack channel, by its id or `#name`.
    SlackChannel(Box<str>),
    /// A telephone, in E.164 form: `+15550100`.
    Phone(Box<str>),
    /// A browser that a person subscribed, by the id of the subscription.
    Browser(Box<str>),
    /// A webhook, by its name in the configuration.
    Webhook(Box<str>),
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it goes.
    pub to: Address,
    /// What it says.
    pub message: Message,
    /// The message that it takes the place of, by the handle with which that was delivered.
    pub replaces: Option<String>,
}

/// What the provider said when it took a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// By which it knows the message, where it can be changed afterwards; at most
    /// [`MAX_HANDLE`](crate::notice::MAX_HANDLE) bytes.
    pub handle: Option<String>,
}

/// Why a message was not brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// Perhaps later; not before that time, where the provider says so. The text is for the operator.
    Later(String, Option<Duration>),
    /// Never, as it is.
    Never(String),
    /// The address is gone: nothing should be sent to it again.
    Gone(String),
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(why, _) | Self::Never(why) | Self::Gone(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NotSent {}

/// What comes of a try.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Accepted, NotSent>> + Send + 'a>>;

/// A channel.
pub trait Messenger: Send + Sync {
    /// Its kind, as policies name it: `slack`, `email`, `sms`, `push`, `webhook`.
    fn kind(&self) -> &'static str;

    /// Whether a message of its can be changed after it was sent.
    fn can_change(&self) -> bool {
        false
    }

    /// Tries once, for half a minute at most.
    fn send(&self, letter: Letter) -> Sending<'_>;
}
