//! What Slack says that a member of a workspace did: signed by Slack over the raw bytes, and only then read.
//!
//! Source: docs.slack.dev, "Verifying requests from Slack", `block_actions` and `view_submission` payloads. The signature
//! says that Slack sent it and when, not that it is new: whoever acts on it remembers [`Interaction::once`].

mod form;

use crate::moment::Moment;
use crate::operation::json::{self, Limits, Object, Value};
use core::fmt;
use core::time::Duration;
use ring::hmac;

/// The largest body in bytes: the payload repeats the whole message that was clicked on.
pub const MAX_BODY: usize = 512 * 1024;
/// How far the time of a request may be off, in either direction.
pub const WINDOW: Duration = Duration::from_secs(300);

const LIMITS: Limits = Limits { bytes: MAX_BODY, depth: 24, members: 8192 };
/// The longest id, value or text that is taken from a payload.
const MAX_TEXT: usize = 4096;

/// Why a request is not one of Slack's that can be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlackError {
    /// The configured signing secret is empty: anybody could sign with that.
    EmptySecret,
    /// The body is larger than [`MAX_BODY`].
    Size,
    /// The timestamp is no number.
    Timestamp,
    /// It was signed longer ago than [`WINDOW`], or so far in the future.
    Stale,
    /// The signature is not Slack's over these bytes.
    Signature,
    /// The body is not one field `payload` with strict JSON.
    Form,
    /// The payload lacks something that each of its kind has, or has it in another form.
    Payload,
}

impl fmt::Display for SlackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptySecret => "the signing secret is empty",
            Self::Size => "the request is too large",
            Self::Timestamp => "the timestamp is not a number of seconds",
            Self::Stale => "the timestamp is more than five minutes off",
            Self::Signature => "the signature does not match",
            Self::Form => "the body is not one field `payload` with JSON",
            Self::Payload => "the payload is not a complete one of its kind",
        })
    }
}

impl std::error::Error for SlackError {}

/// The signing secret that Slack shares with this service.
pub struct SigningSecret(hmac::Key);

/// Says nothing of what it is.
impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// Bytes that Slack signed. Only the check makes them: holding them is the proof.
#[derive(Clone, Copy, Debug)]
pub struct Authentic<'a>(&'a [u8]);

impl SigningSecret {
    /// Takes a secret.
    ///
    /// # Errors
    /// [`SlackError::EmptySecret`].
    pub fn new(secret: &str) -> Result<Self, SlackError> {
        match secret.is_empty() {
            true => Err(SlackError::EmptySecret),
            false => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))),
        }
    }

    /// Checks the headers `X-Slack-Request-Timestamp` and `X-Slack-Signature` over the body as it came.
    ///
    /// # Errors
    /// [`SlackError`]: the first thing that is wrong.
    pub fn verify<'a>(
        &self,
        timestamp: &str,
        signature: &str,
        body: &'a [u8],
        now: Moment,
    ) -> Result<Authentic<'a>, SlackError> {
        if body.len() > MAX_BODY {
            return Err(SlackError::Size);
        }
        let plain = !timestamp.is_empty() && timestamp.bytes().all(|b| b.is_ascii_digit());
        let at: u64 = timestamp.parse().ok().filter(|_| plain).ok_or(SlackError::Timestamp)?;
        if at.abs_diff(now.unix_seconds()) > WINDOW.as_secs() {
            return Err(SlackError::Stale);
        }
        let signature = signature.strip_prefix("v0=").and_then(from_hex).ok_or(SlackError::Signature)?;
        let signed = [b"v0:", timestamp.as_bytes(), b":", body].concat();
        // In constant time.
        hmac::verify(&self.0, &signed, &signature).map_err(|_| SlackError::Signature)?;
        Ok(Authentic(body))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().ok()
}

/// A member of a workspace. Only a payload that Slack signed names one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    team: Box<str>,
    user: Box<str>,
}

impl Member {
    /// The workspace (`T…`).
    #[must_use]
    pub fn team(&self) -> &str {
        &self.team
    }

    /// The person in it (`U…`).
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The account that a roster has for them: `slack:T…:U…`.
    #[must_use]
    pub fn account(&self) -> String {
        format!("slack:{}:{}", self.team, self.user)
    }
}

/// What somebody did in Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// Who.
    pub by: Member,
    /// For three seconds, what opens a dialog before them.
    pub trigger: Box<str>,
    /// What.
    pub act: Act,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A button was pressed.
    Pressed {
        /// What the button was sent with.
        value: Box<str>,
        /// When it was pressed, in Slack's form.
        action_ts: Box<str>,
        /// In which channel, and on which message.
        place: Option<Place>,
    },
    /// A dialog was sent off.
    Submitted {
        /// The view's own id.
        view: Box<str>,
        /// What it was opened for.
        callback: Box<str>,
        /// What it was opened with.
        metadata: Box<str>,
        /// What was filled in, by the action's id.
        values: Vec<(Box<str>, Box<str>)>,
    },
    /// Something that is of no interest here: a link that was opened, a dialog that was closed.
    Other,
}

/// A message in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The channel (`C…`, `D…`, `G…`).
    pub channel: Box<str>,
    /// The message's timestamp, which is its id there.
    pub message: Box<str>,
}

impl Interaction {
    /// What is never the same twice: whoever acts on it once doesn't act on it again.
    #[must_use]
    pub fn once(&self) -> Option<(&str, &str)> {
        match &self.act {
            Act::Pressed { action_ts, .. } => Some((&self.trigger, action_ts)),
            Act::Submitted { view, .. } => Some((&self.trigger, view)),
            Act::Other => None,
        }
    }
}

impl Authentic<'_> {
    /// What was done.
    ///
    /// # Errors
    /// [`SlackError::Form`] and [`SlackError::Payload`].
    pub fn interaction(&self) -> Result<Interaction, SlackError> {
        let payload = form::field(self.0, "payload").ok_or(SlackError::Form)?;
        let payload = json::read(&payload, &LIMITS).map_err(|_| SlackError::Form)?;
        let payload = payload.as_object().ok_or(SlackError::Form)?;
        let act = match text(payload, "type")? {
            "block_actions" => pressed(payload)?,
            "view_submission" => submitted(payload)?,
            _ => Act::Other,
        };
        let trigger = match act {
            Act::Other => "",
            Act::Pressed { .. } | Act::Submitted { .. } => text(payload, "trigger_id")?,
        };
        Ok(Interaction { by: member(payload)?, trigger: trigger.into(), act })
    }
}

/// Who it was: never by a name or an address that they gave themselves.
fn member(payload: &Object) -> Result<Member, SlackError> {
    let user = object(payload, "user")?;
    let here = id(object(payload, "team")?, "id")?;
    // In a channel that is shared between workspaces, their own may be another one than the one it was done in.
    let team = match user.get("team_id") {
        None | Some(Value::Null) => here,
        Some(_) => id(user, "team_id")?,
    };
    Ok(Member { team: team.into(), user: id(user, "id")?.into() })
}

fn pressed(payload: &Object) -> Result<Act, SlackError> {
    let actions = payload.get("actions").and_then(Value::as_array).ok_or(SlackError::Payload)?;
    // Slack sends one at a time; of several nobody could say which was meant.
    let [action] = actions else { return Err(SlackError::Payload) };
    let action = action.as_object().ok_or(SlackError::Payload)?;
    // A button that is a link has no value: its press is of no interest.
    if text(action, "type")? != "button" || action.get("value").is_none() {
        return Ok(Act::Other);
    }
    let place = match (payload.get("channel"), payload.get("message")) {
        (Some(Value::Object(channel)), Some(Value::Object(message))) => {
            Some(Place { channel: id(channel, "id")?.into(), message: text(message, "ts")?.into() })
        }
        _ => None,
    };
    Ok(Act::Pressed {
        value: text(action, "value")?.into(),
        action_ts: text(action, "action_ts")?.into(),
        place,
    })
}

fn submitted(payload: &Object) -> Result<Act, SlackError> {
    let view = object(payload, "view")?;
    let values = object(object(view, "state")?, "values")?;
    let mut filled = Vec::new();
    for (_, block) in values.iter() {
        let block = block.as_object().ok_or(SlackError::Payload)?;
        for (name, element) in block.iter() {
            let element = element.as_object().ok_or(SlackError::Payload)?;
            // What was left empty is null.
            if let Some(value) = element.get("value").and_then(Value::as_str) {
                filled.push((name.into(), bounded(value)?.into()));
            }
        }
    }
    Ok(Act::Submitted {
        view: id(view, "id")?.into(),
        callback: text(view, "callback_id")?.into(),
        metadata: text(view, "private_metadata")?.into(),
        values: filled,
    })
}

fn object<'a>(of: &'a Object, name: &str) -> Result<&'a Object, SlackError> {
    of.get(name).and_then(Value::as_object).ok_or(SlackError::Payload)
}

fn text<'a>(of: &'a Object, name: &str) -> Result<&'a str, SlackError> {
    bounded(of.get(name).and_then(Value::as_str).ok_or(SlackError::Payload)?)
}

fn bounded(text: &str) -> Result<&str, SlackError> {
    if text.len() > 4 * MAX_TEXT { Err(SlackError::Payload) } else { Ok(text) }
}

fn id<'a>(of: &'a Object, name: &str) -> Result<&'a str, SlackError> {
    let id = text(of, name)?;
    match !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => Ok(id),
        false => Err(SlackError::Payload),
    }
}

#[cfg(test)]
mod tests;
