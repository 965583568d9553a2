//! SMS by a provider whose interface is Twilio's: one short text with a link.
//!
//! Source: twilio.com/docs/messaging/api/message-resource, twilio.com/docs/api/errors.

use super::http::{Answer, Http};
use super::text::headline;
use super::{Accepted, Address, Letter, Messenger, NotSent, Sending};
use crate::notice::{Message, Topic};
use serde_json::Value;

/// The longest body that the provider takes, in characters.
const MAX_BODY: usize = 1600;
/// The most characters of the headline: two segments hold it and a link.
const MAX_HEADLINE: usize = 160;

/// The number did not want to be sent anything, or is none that could be.
const GONE: [u64; 5] = [21211, 21214, 21217, 21610, 21614];

/// An account at the provider.
pub struct Sms {
    http: Http,
    /// `https://api.twilio.com`
    api: Box<str>,
    account: Box<str>,
    token: zeroize::Zeroizing<String>,
    from: Sender,
}

/// What a text is sent from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A number in E.164 form, or a name that the provider has registered.
    Number(Box<str>),
    /// A messaging service (`MG…`), which chooses.
    Service(Box<str>),
}

impl Sms {
    /// Sends as this account.
    #[must_use]
    pub fn new(
        http: Http,
        api: &str,
        account: &str,
        token: zeroize::Zeroizing<String>,
        from: Sender,
    ) -> Self {
        Self { http, api: api.trim_end_matches('/').into(), account: account.into(), token, from }
    }

    async fn bring(&self, letter: Letter) -> Result<Accepted, NotSent> {
        let Address::Phone(to) = &letter.to else {
            return Err(NotSent::Never("this is no telephone".to_owned()));
        };
        if !is_e164(to) {
            return Err(NotSent::Never("the number is not in E.164 form, as `+15550100` is".to_owned()));
        }
        let (name, from) = match &self.from {
            Sender::Number(number) => ("From", number),
            Sender::Service(service) => ("MessagingServiceSid", service),
        };
        let body = text(&letter.message);
        let form = [("To", &**to), (name, &**from), ("Body", &*body)];
        let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", self.api, self.account);
        let request = self.http.post(&url)?.basic_auth(&self.account, Some(self.token.as_str())).form(&form);
        taken(&self.http.send(request).await?)
    }
}

/// Whether this is a telephone number as E.164 writes it.
#[must_use]
pub fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

fn taken(answer: &Answer) -> Result<Accepted, NotSent> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let body = body.as_ref();
    let Err(refused) = answer.taken() else {
        let sid = body.and_then(|body| body.get("sid")).and_then(Value::as_str);
        let sid = sid.filter(|sid| sid.len() <= 64).map(str::to_owned);
        return Ok(Accepted { handle: sid });
    };
    let code = body.and_then(|body| body.get("code")).and_then(Value::as_u64);
    Err(match (refused, code) {
        (NotSent::Never(why), Some(code)) if GONE.contains(&code) => {
            NotSent::Gone(format!("{why}, error {code}"))
        }
        (NotSent::Never(why), Some(code)) => NotSent::Never(format!("{why}, error {code}")),
        (refused, _) => refused,
    })
}

/// What it says: why, what, how risky, and where to decide.
fn text(message: &Message) -> String {
    let what = match message.topic {
        Topic::Asked => "You are asked to decide",
        Topic::Reminded => "Still waiting for you",
        Topic::PassedOn => "Passed on to you",
        Topic::Updated => "News",
        Topic::Emergency => "Emergency approval",
        Topic::ReviewDue => "A review is due",
        Topic::Digest => "Several wait for you",
        Topic::Expired => "Nobody decided in time",
        Topic::Saturated => "The queue",
        Topic::Account => "Your account",
    };
    let risk = message.level.map(|level| format!(" ({} risk)", level.as_str())).unwrap_or_default();
    // A telephone makes a link of whatever looks like one: only ours may.
    let headline = headline(&message.headline, MAX_HEADLINE).replace("://", ":⟨/⟩/");
    let text = format!("Countersign: {what}{risk}: {headline}");
    match message.link.as_deref() {
        Some(link) if text.chars().count() + link.chars().count() < MAX_BODY => format!("{text}\n{link}"),
        Some(_) | None => text,
    }
}

impl Messenger for Sms {
    fn kind(&self) -> &'static str {
        "sms"
    }

    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(self.bring(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_in_e164_form_or_is_none() {
        for number in ["+15550100", "+4915112345678", "+999999999999999"] {
            assert!(is_e164(number), "{number}");
        }
        for number in ["", "15550100", "+0155501000", "+1 555 0100", "+1", "+1234567890123456", "+1555０100"]
        {
            assert!(!is_e164(number), "{number}");
        }
    }

    #[test]
    fn what_the_provider_answers_means_now_later_never_or_gone() {
        let taken =
            |status, body: &str| taken(&Answer { status, retry_after: None, body: body.as_bytes().to_vec() });
        assert_eq!(taken(201, r#"{"sid":"SM1"}"#), Ok(Accepted { handle: Some("SM1".to_owned()) }));
        assert!(matches!(taken(400, r#"{"code":21610}"#), Err(NotSent::Gone(_))));
        assert!(matches!(taken(400, r#"{"code":21602}"#), Err(NotSent::Never(_))));
        assert!(matches!(taken(401, "no json"), Err(NotSent::Never(_))));
        assert!(matches!(taken(429, r#"{"code":20429}"#), Err(NotSent::Later(..))));
        assert!(matches!(taken(503, ""), Err(NotSent::Later(..))));
    }
}
