//! Slack: cards in channels and direct messages, changed when what they say is over.
//!
//! Source: docs.slack.dev, `chat.postMessage`, `chat.update`, `chat.postEphemeral`, `views.open`, Block Kit, rate limits.

mod card;

use super::chat::{Chat, Dialog, Saying};
use super::http::{Answer, Http};
use super::{Accepted, Address, Letter, Messenger, NotSent, Sending};
use crate::notice::Message;
use serde_json::{Value, json};

/// How the Slack of one workspace is reached.
pub struct Slack {
    http: Http,
    /// `https://slack.com/api`
    api: Box<str>,
    /// The app's bearer token (`xoxb-…`).
    token: zeroize::Zeroizing<String>,
    /// The workspace (`T…`): whoever is of another is not reached here.
    team: Box<str>,
}

impl Slack {
    /// Speaks with this API as the app of this workspace.
    #[must_use]
    pub fn new(http: Http, api: &str, token: zeroize::Zeroizing<String>, team: &str) -> Self {
        Self { http, api: api.trim_end_matches('/').into(), token, team: team.into() }
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Value, NotSent> {
        let request = self.http.post(&format!("{}/{method}", self.api))?;
        let request = request.bearer_auth(self.token.as_str()).json(body);
        answer(&self.http.send(request).await?)
    }

    async fn bring(&self, letter: Letter) -> Result<Accepted, NotSent> {
        let mut body = card::message(&letter.message);
        if let Some((channel, ts)) = letter.replaces.as_deref().and_then(place) {
            put(&mut body, "channel", channel);
            put(&mut body, "ts", ts);
            self.call("chat.update", &body).await?;
            return Ok(Accepted { handle: letter.replaces });
        }
        let channel = match &letter.to {
            Address::SlackChannel(channel) => channel,
            Address::SlackUser { team, user } if *team == self.team => user,
            Address::SlackUser { .. } => {
                return Err(NotSent::Never("the person is of another Slack workspace".to_owned()));
            }
            Address::Email(_) | Address::Phone(_) | Address::Browser(_) | Address::Webhook(_) => {
                return Err(NotSent::Never("this is no address in Slack".to_owned()));
            }
        };
        put(&mut body, "channel", channel);
        let answer = self.call("chat.postMessage", &body).await?;
        let text = |name| answer.get(name).and_then(Value::as_str);
        let handle = match (text("channel"), text("ts")) {
            (Some(channel), Some(ts)) if channel.len() + ts.len() < 200 => Some(format!("{channel}:{ts}")),
            _ => None,
        };
        Ok(Accepted { handle })
    }
}

fn put(body: &mut Value, name: &str, value: &str) {
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), value.into());
    }
}

/// The channel and the message's timestamp of a handle.
fn place(handle: &str) -> Option<(&str, &str)> {
    handle.split_once(':')
}

/// What Slack says: `ok`, or an error by its name.
fn answer(answer: &Answer) -> Result<Value, NotSent> {
    answer.taken()?;
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| NotSent::Later("Slack's answer is not JSON".to_owned(), answer.retry_after))?;
    if body.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(body);
    }
    let error = body.get("error").and_then(Value::as_str).unwrap_or("no error");
    let what = format!("Slack says `{}`", super::text::headline(error, 100));
    Err(match error {
        "ratelimited"
        | "rate_limited"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org"
        | "no error" => NotSent::Later(what, answer.retry_after),
        // Whoever runs this mends the token, and what waits is told then.
        "invalid_auth" | "not_authed" | "token_expired" | "token_revoked" | "account_inactive" => {
            NotSent::Later(what, answer.retry_after)
        }
        "user_not_found" | "user_disabled" | "users_not_found" | "cannot_dm_bot" => NotSent::Gone(what),
        _ => NotSent::Never(what),
    })
}

impl Messenger for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn can_change(&self) -> bool {
        true
    }

    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(self.bring(letter))
    }
}

impl Chat for Slack {
    fn whisper(&self, channel: &str, user: &str, text: String, link: Option<String>) -> Saying<'_> {
        let mut body = card::note(&text, link.as_deref());
        put(&mut body, "channel", channel);
        put(&mut body, "user", user);
        Box::pin(async move { self.call("chat.postEphemeral", &body).await.map(|_| ()) })
    }

    fn ask(&self, trigger: &str, dialog: Dialog) -> Saying<'_> {
        let body = json!({ "trigger_id": trigger, "view": card::dialog(&dialog) });
        Box::pin(async move { self.call("views.open", &body).await.map(|_| ()) })
    }

    fn replace(&self, handle: &str, message: Message) -> Saying<'_> {
        let mut body = card::message(&message);
        if let Some((channel, ts)) = place(handle) {
            put(&mut body, "channel", channel);
            put(&mut body, "ts", ts);
        }
        Box::pin(async move { self.call("chat.update", &body).await.map(|_| ()) })
    }

    fn handle(&self, channel: &str, message: &str) -> String {
        format!("{channel}:{message}")
    }

    fn member(&self, team: &str, user: &str) -> Address {
        Address::SlackUser { team: team.into(), user: user.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str, status: u16) -> Result<Value, NotSent> {
        answer(&Answer { status, retry_after: None, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn what_slack_says_means_now_later_never_or_gone() {
        assert!(said(r#"{"ok":true,"ts":"1.2"}"#, 200).is_ok());
        for (body, status) in [
            (r#"{"ok":false,"error":"ratelimited"}"#, 200),
            ("{}", 429),
            ("<html>", 200),
            (r#"{"ok":false,"error":"internal_error"}"#, 200),
            (r#"{"ok":false,"error":"invalid_auth"}"#, 200),
            ("", 503),
        ] {
            assert!(matches!(said(body, status), Err(NotSent::Later(..))), "{body}");
        }
        for body in [r#"{"ok":false,"error":"is_archived"}"#, r#"{"ok":false,"error":"channel_not_found"}"#] {
            assert!(matches!(said(body, 200), Err(NotSent::Never(_))), "{body}");
        }
        assert!(matches!(said(r#"{"ok":false,"error":"user_not_found"}"#, 200), Err(NotSent::Gone(_))));
    }
}
