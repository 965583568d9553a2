//! The line to the desk: one connection at a time, to whichever of its addresses answers, and a statement with each call.

use crate::clock::Clock;
use crate::desk::DeskError;
use crate::entropy::Entropy;
use crate::moment::Moment;
use crate::party::{EscalationId, TokenId};
use crate::proto::fleet_client::FleetClient;
use crate::signer::Authority;
use crate::signer::enrolled::EnrolledKeys;
use crate::token::{CALL_CERTIFICATES_HEADER, CALL_HEADER, Call, MAX_CALL_LIFE};
use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};

/// How long a call may take, but for those that go on.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long handing over a batch may take.
pub(super) const SHIPPING: Duration = Duration::from_secs(20);
/// The largest message of either side: a record with its values apart, or a roster.
pub(super) const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// A connection that is silent for so long is asked whether it lives, and given up soon after.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the desk is.
#[derive(Clone)]
pub struct Place {
    /// Its addresses, `https://HOST:PORT` each; several where one name does not lead to all of them.
    pub addresses: Vec<String>,
    /// The authority that certifies its TLS, PEM.
    pub authority: Option<Vec<u8>>,
    /// The client certificate of this sidecar and its key, PEM, where it has one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why there can be no line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError(pub String);

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LineError {}

/// Why the desk did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It can't be reached, or can't tell now.
    Away(String),
    /// There is nothing of that name.
    Unknown(String),
    /// It does not do that, now or ever: its code, and why.
    For(Code, String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) | Self::Unknown(why) => f.write_str(why),
            Self::For(code, why) => write!(f, "{why} ({code:?})"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        let why = match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        };
        match status.code() {
            Code::NotFound => Self::Unknown(why),
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::Ok
            | Code::Unimplemented => Self::Away(why),
            code @ (Code::InvalidArgument
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::DataLoss
            | Code::Unauthenticated) => Self::For(code, why),
        }
    }
}

impl Refused {
    /// What it means for an escalation.
    pub(super) fn of(self, id: EscalationId) -> DeskError {
        match self {
            Self::Away(why) => DeskError::Away(why),
            Self::Unknown(_) => DeskError::Unknown(id),
            Self::For(Code::FailedPrecondition, _) => DeskError::Over(id),
            Self::For(Code::Aborted, _) => DeskError::Contended(id),
            Self::For(Code::DataLoss, why) => DeskError::Senseless(id, why),
            Self::For(_, why) => DeskError::Away(why),
        }
    }
}

/// The line to the desk.
pub struct Line {
    endpoints: Vec<Endpoint>,
    at: Mutex<(usize, Channel)>,
    keys: EnrolledKeys,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Line {
    /// A line to this place; nothing is connected before it is used.
    ///
    /// # Errors
    /// [`LineError`] if an address or a certificate is none, or something would go over the network in the open.
    pub fn new(
        place: &Place,
        keys: EnrolledKeys,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LineError> {
        let endpoints: Vec<Endpoint> =
            place.addresses.iter().map(|address| endpoint(address, place)).collect::<Result<_, _>>()?;
        let first = endpoints.first().ok_or_else(|| LineError("the desk has no address".to_owned()))?;
        let at = Mutex::new((0, first.connect_lazy()));
        Ok(Self { endpoints, at, keys, clock, entropy })
    }

    fn at(&self) -> MutexGuard<'_, (usize, Channel)> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose keys prove what is asked over it.
    pub(super) const fn keys(&self) -> &EnrolledKeys {
        &self.keys
    }

    pub(super) fn client(&self) -> FleetClient<Channel> {
        let client = FleetClient::new(self.at().1.clone());
        client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE)
    }

    /// Gives the connection up, and takes the next address the next time.
    pub(super) fn turn(&self) {
        let mut at = self.at();
        let next = (at.0 + 1) % self.endpoints.len().max(1);
        if let Some(endpoint) = self.endpoints.get(next) {
            *at = (next, endpoint.connect_lazy());
        }
    }

    /// A message with the statement that proves whose it is.
    pub(super) fn proven<T>(&self, method: &str, message: T) -> Result<Request<T>, Refused> {
        let now = self.clock.now();
        let caller = self.keys.caller(now);
        let caller = caller.ok_or_else(|| Refused::Away("this sidecar has no certified key".to_owned()))?;
        let statement = self.statement(&caller, method, now)?;
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(CALL_HEADER, header(&statement)?);
        metadata.insert(CALL_CERTIFICATES_HEADER, header(&caller.chain().join(" "))?);
        Ok(request)
    }

    /// What is said with a call: who calls, for which agent and what.
    fn statement(&self, caller: &Authority, method: &str, now: Moment) -> Result<String, Refused> {
        let away = |what: &dyn fmt::Display| Refused::Away(format!("the call can't be proven: {what}"));
        let enrolment = self.keys.enrolment();
        let enrolment = enrolment.ok_or_else(|| away(&"this sidecar is not enrolled"))?;
        let id = TokenId::from_random(self.entropy.bits128().map_err(|error| away(&error))?);
        let now = Moment::from_unix_seconds(now.unix_seconds());
        let call = Call {
            domain: enrolment.domain,
            sidecar: enrolment.sidecar,
            agent: enrolment.agent,
            method: method.into(),
            issued_at: now,
            expires_at: now.plus(MAX_CALL_LIFE),
            id,
        };
        let input = call.signing_input(caller.signer().public_key());
        let signature = caller.signer().sign(input.bytes()).map_err(|error| away(&error))?;
        Ok(input.assemble(&signature))
    }

    /// Asks for one thing, and waits so long for the answer.
    pub(super) async fn ask<T>(
        patience: Duration,
        asked: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Refused> {
        match tokio::time::timeout(patience, asked).await {
            Ok(answered) => Ok(answered?.into_inner()),
            Err(_) => Err(Refused::Away("the desk does not answer".to_owned())),
        }
    }
}

pub(super) fn header(text: &str) -> Result<MetadataValue<Ascii>, Refused> {
    text.parse().map_err(|_| Refused::Away("a header has characters that none can carry".to_owned()))
}

fn endpoint(address: &str, place: &Place) -> Result<Endpoint, LineError> {
    let wrong = |what: &dyn fmt::Display| LineError(format!("`{address}`: {what}"));
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| wrong(&error))?;
    let endpoint = endpoint
        .connect_timeout(PATIENCE)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    if address.starts_with("https://") {
        let authority = place.authority.as_ref();
        let authority =
            authority.ok_or_else(|| wrong(&"the authority that certifies the desk is missing"))?;
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        if let Some((certificate, key)) = &place.identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        return endpoint.tls_config(tls).map_err(|error| wrong(&error));
    }
    let host = address.strip_prefix("http://").ok_or_else(|| wrong(&"it is not `https://HOST:PORT`"))?;
    match ["127.", "localhost:", "[::1]:"].iter().any(|loopback| host.starts_with(loopback)) {
        true => Ok(endpoint),
        false => Err(wrong(&"only on loopback does it go without TLS")),
    }
}
