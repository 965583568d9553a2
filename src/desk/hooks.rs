//! Votes that a program of one's own sends in, each program in the name of one person.

use super::answer::{Answer, NotAnswered};
use super::links::Offered;
use super::local::LocalDesk;
use super::once::{Again, Once};
use super::{Docket, VoteRefused};
use crate::clock::Clock;
use crate::digest::RenderingDigest;
use crate::entropy::Entropy;
use crate::escalation::vote::{Reason, ReasonError};
use crate::operation::json::{self, Limits, Object, Value};
use crate::party::{EscalationId, PersonId};
use crate::presence::webhook::{Delivery, Headers, MAX_BODY, Sender, WINDOW, WebhookError};
use crate::store::shared::Ephemeral;
use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

const LIMITS: Limits = Limits { bytes: MAX_BODY, depth: 8, members: 64 };

/// A program, and whose votes it sends.
pub struct Hook {
    /// Whose.
    pub person: PersonId,
    /// What it signs with.
    pub sender: Sender,
}

/// The programs that send votes in.
pub struct Hooks {
    desk: Arc<LocalDesk>,
    hooks: BTreeMap<String, Hook>,
    once: Once,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Why a delivery is no vote.
#[derive(Clone, Debug, PartialEq)]
pub enum HookRefused {
    /// No program of this name is known.
    Unknown,
    /// It is not the program's.
    Delivery(WebhookError),
    /// It came before.
    Again,
    /// Too much came.
    TooMuch,
    /// What it says is not a vote: this is wrong with it.
    Message(&'static str),
    /// The reason is none.
    Reason(ReasonError),
    /// Whose votes it sends is not in the roster.
    Stranger,
    /// The vote does not count.
    NotAnswered(NotAnswered),
}

impl fmt::Display for HookRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no program of this name is known"),
            Self::Delivery(error) => error.fmt(f),
            Self::Again => f.write_str("this delivery came before"),
            Self::TooMuch => f.write_str("too much comes at once; try again"),
            Self::Message(what) => f.write_str(what),
            Self::Reason(error) => write!(f, "`reason`: {error}"),
            Self::Stranger => f.write_str("the roster does not know whose votes this program sends"),
            Self::NotAnswered(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for HookRefused {}

impl Hooks {
    /// Takes votes of these programs.
    #[must_use]
    pub fn new(
        desk: Arc<LocalDesk>,
        hooks: BTreeMap<String, Hook>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        // Signed up to five minutes ago or ahead.
        let once = Once::new(clock.clone(), WINDOW.saturating_mul(2));
        Self { desk, hooks, once, clock, entropy }
    }

    /// … of which each delivery counts once at whichever replica of this desk it comes.
    #[must_use]
    pub fn sharing(mut self, shared: Arc<dyn Ephemeral>) -> Self {
        self.once = self.once.sharing("delivery", shared);
        self
    }

    /// Takes a delivery for the program of this name.
    ///
    /// # Errors
    /// [`HookRefused`]: why it is no vote.
    pub async fn take(&self, name: &str, headers: Headers<'_>, body: &[u8]) -> Result<Docket, HookRefused> {
        let hook = self.hooks.get(name).ok_or(HookRefused::Unknown)?;
        let delivery = hook.sender.verify(headers, body, self.clock.now()).map_err(HookRefused::Delivery)?;
        let (offered, reason) = read(&delivery)?;
        if self.desk.directory().person(&hook.person).is_none() {
            return Err(HookRefused::Stranger);
        }
        // A delivery that says nothing sensible may be mended and come again under its id.
        self.once.came(&[name, delivery.id()]).await.map_err(|again| match again {
            Again::Before => HookRefused::Again,
            Again::TooMuch => HookRefused::TooMuch,
        })?;
        let answer = Answer { person: hook.person.clone(), offered, reason };
        let docket = self.desk.answer(answer, &*self.entropy).await.map_err(HookRefused::NotAnswered)?;
        tracing::info!(hook = name, person = %hook.person, escalation = %docket.id, "a program sent a vote");
        Ok(docket)
    }
}

/// `{"type": "vote", "timestamp": …, "data": {"escalation", "shown", "decision", "reason"}}`, and nothing else.
fn read(delivery: &Delivery<'_>) -> Result<(Offered, Reason), HookRefused> {
    let message = HookRefused::Message;
    let body = json::read(delivery.body(), &LIMITS).map_err(|_| message("the body is not strict JSON"))?;
    let body = body.as_object().ok_or(message("the body is not an object"))?;
    only(body, &["data", "timestamp", "type"])?;
    if body.get("type").and_then(Value::as_str) != Some("vote") {
        return Err(message("`type` is not `vote`"));
    }
    let data = body.get("data").and_then(Value::as_object).ok_or(message("`data` is not an object"))?;
    only(data, &["decision", "escalation", "reason", "shown"])?;
    let text = |name| data.get(name).and_then(Value::as_str);
    let escalation = text("escalation").and_then(EscalationId::parse);
    let escalation = escalation.ok_or(message("`escalation` is not an id, `esc_…`"))?;
    let shown = text("shown").and_then(RenderingDigest::parse);
    let shown = shown.ok_or(message("`shown` is not the digest of a rendering"))?;
    let approves = match text("decision") {
        Some("approve") => true,
        Some("deny") => false,
        Some(_) | None => return Err(message("`decision` is neither `approve` nor `deny`")),
    };
    let reason = Reason::new(text("reason").unwrap_or_default()).map_err(HookRefused::Reason)?;
    Ok((Offered { escalation, shown, approves }, reason))
}

/// What isn't understood might change what was meant.
fn only(object: &Object, names: &[&str]) -> Result<(), HookRefused> {
    match object.names().all(|name| names.contains(&name)) {
        true => Ok(()),
        false => Err(HookRefused::Message("a member is not known: see docs/channels.md")),
    }
}

impl HookRefused {
    /// The reason why a vote was refused, where that is what happened.
    #[must_use]
    pub const fn vote(&self) -> Option<&VoteRefused> {
        match self {
            Self::NotAnswered(NotAnswered::Refused(refused)) => Some(refused),
            Self::Unknown
            | Self::Delivery(_)
            | Self::Again
            | Self::TooMuch
            | Self::Message(_)
            | Self::Reason(_)
            | Self::Stranger
            | Self::NotAnswered(NotAnswered::StepUp | NotAnswered::NoEntropy) => None,
        }
    }
}
