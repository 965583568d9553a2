//! Mail: text and HTML, to one mailbox, by one SMTP server.
//!
//! Sources: RFC 5321, RFC 5322, RFC 3834 (what is sent by a program says so), RFC 2919 (`List-Id`).

mod body;

use super::text::headline;
use super::{Accepted, Address, Letter, Messenger, NotSent, Sending};
use crate::clock::Clock;
use core::time::Duration;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};
use std::sync::Arc;
use std::time::SystemTime;

/// How long one try may take, whatever the server does.
const WHOLE: Duration = Duration::from_secs(25);
/// How long one step of the conversation may take.
const STEP: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next mail.
const IDLE: Duration = Duration::from_secs(5);
/// The longest subject in characters.
const SUBJECT: usize = 120;

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name: its certificate has to be for that.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// The authority that its certificate comes from, PEM, where that is none that browsers trust.
    pub authority: Option<Vec<u8>>,
    /// Who logs in there, and with what.
    pub login: Option<(String, zeroize::Zeroizing<String>)>,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the start (port 465).
    Tls,
    /// TLS before anything else is said (port 587); without it nothing is sent.
    StartTls,
    /// Not at all: for a server on this machine.
    Plain,
}

/// Sends mail.
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// What ids of mails and the list are within.
    domain: Box<str>,
    clock: Arc<dyn Clock>,
}

impl Email {
    /// Sends by this server, from this mailbox (`Countersign <approvals@example.com>`).
    ///
    /// # Errors
    /// What is wrong with the mailbox or the authority.
    pub fn new(server: &Server, from: &str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let from: Mailbox = from.parse().map_err(|error| format!("`{from}` is no mailbox: {error}"))?;
        let tls = |server: &Server| {
            let mut tls = TlsParameters::builder(server.host.clone());
            if let Some(pem) = &server.authority {
                let authority = Certificate::from_pem(pem);
                tls = tls.add_root_certificate(authority.map_err(|error| format!("the authority: {error}"))?);
            }
            tls.build_rustls().map_err(|error| error.to_string())
        };
        let tls = match server.security {
            Security::Tls => Tls::Wrapper(tls(server)?),
            Security::StartTls => Tls::Required(tls(server)?),
            Security::Plain => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(STEP))
            .pool_config(PoolConfig::new().min_idle(0).max_size(4).idle_timeout(IDLE));
        if let Some((user, password)) = &server.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
        }
        let domain = from.email.domain().into();
        Ok(Self { transport: builder.build(), from, domain, clock })
    }

    async fn bring(&self, letter: Letter) -> Result<Accepted, NotSent> {
        let Address::Email(to) = &letter.to else {
            return Err(NotSent::Never("this is no mailbox".to_owned()));
        };
        let mail = self.write(to, &letter)?;
        match tokio::time::timeout(WHOLE, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(Accepted::default()),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(NotSent::Later("the mail server did not answer in time".to_owned(), None)),
        }
    }

    /// The mail. What others wrote is in the subject, as one bounded line, and in the bodies, nowhere else.
    fn write(&self, to: &str, letter: &Letter) -> Result<Mail, NotSent> {
        let never = |error: &dyn core::fmt::Display| NotSent::Never(format!("no mail can be made: {error}"));
        let to: lettre::Address = to.parse().map_err(|error| never(&error))?;
        let message = &letter.message;
        let now = Duration::from_millis(self.clock.now().unix_millis());
        let header =
            |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
        Mail::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(headline(&format!("[Countersign] {}", message.headline), SUBJECT))
            .date(SystemTime::UNIX_EPOCH + now)
            // The same notice is the same mail, however often it comes.
            .message_id(Some(format!("<{}@{}>", message.notice, self.domain)))
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(header("List-Id", format!("Countersign <countersign.{}>", self.domain)))
            .multipart(MultiPart::alternative_plain_html(body::text(message), body::html(message)))
            .map_err(|error| never(&error))
    }
}

/// What the server said: 4xx is for later, 5xx for good. A login that fails is for the operator to mend, meanwhile the
/// mail waits; a mailbox that is not there (RFC 3463, 5.1.1) is gone.
fn refused(error: &lettre::transport::smtp::Error) -> NotSent {
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    let words = headline(&error.to_string(), 300);
    match code.as_str() {
        "530" | "534" | "535" | "538" => NotSent::Later(words, None),
        "550" if words.contains("5.1.1") => NotSent::Gone(words),
        _ if error.is_permanent() => NotSent::Never(words),
        _ => NotSent::Later(words, None),
    }
}

impl Messenger for Email {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(self.bring(letter))
    }
}

#[cfg(test)]
mod tests;
