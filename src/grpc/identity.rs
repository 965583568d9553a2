//! Who is calling: read from the connection and compared with the configuration, never from a message.

use crate::desk::sessions::{Reviewer, Sessions, SignInRefused};
use crate::digest::sha256;
use crate::party::PersonId;
use crate::sidecar::Caller;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo};
use tonic::{Extensions, Request, Status};

/// What a connection can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The peer's user id on a Unix socket, as the kernel tells it.
    Uid(u32),
    /// The SHA-256 of a bearer token.
    Bearer([u8; 32]),
    /// The SHA-256 of a client certificate that TLS accepted.
    Certificate([u8; 32]),
}

/// The agents that may call, by what their connections prove.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    /// Who proves what.
    pub known: HashMap<Proof, Caller>,
    /// Who a caller on loopback TCP without any proof is. Unsafe, and only there if the configuration says so.
    pub anyone_on_loopback: Option<Caller>,
    /// Who a caller on the Unix socket is, where all who reach it are one agent: a pod's. Its people may change.
    pub anyone_on_the_socket: Option<Arc<ArcSwap<Caller>>>,
}

impl Agents {
    /// Who makes this request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if the connection proves nothing that is known.
    pub(crate) fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let proofs = proofs(request)?;
        if let Some(caller) = proofs.iter().find_map(|proof| self.known.get(proof)) {
            return Ok(caller.clone());
        }
        if let Some(pod) = &self.anyone_on_the_socket
            && let Some(peer) = request.extensions().get::<UdsConnectInfo>().and_then(|info| info.peer_cred)
        {
            tracing::debug!(uid = peer.uid(), gid = peer.gid(), pid = peer.pid(), "the agent calls");
            return Ok(Caller::clone(&pod.load()));
        }
        let on_loopback = peer_address(request.extensions()).is_some_and(|peer| peer.ip().is_loopback());
        match &self.anyone_on_loopback {
            // Whoever shows a wrong proof is not "anyone": a mistyped token must not pass as less.
            Some(caller) if on_loopback && proofs.is_empty() => Ok(caller.clone()),
            Some(_) | None => Err(unknown(&proofs)),
        }
    }
}

/// Who may open the reviewers' service: known connections, and the people of the roster.
#[derive(Clone)]
pub struct Readers {
    /// What the known connections prove.
    pub known: Vec<Proof>,
    /// Which people are there.
    pub people: Arc<Sessions>,
}

/// Who opens the reviewers' service.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    /// A known connection, of whichever person.
    Connection,
    /// A person of the roster.
    Person(Box<Reviewer>),
}

impl Readers {
    /// Who makes this request. A bearer token says more than the connection does, and one that is not good is never
    /// passed over.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it is nobody known.
    pub(crate) async fn admit<T: Sync>(&self, request: &Request<T>) -> Result<Reader, Status> {
        let proofs = proofs(request)?;
        self.admit_by(&proofs, bearer(request.metadata())?).await
    }

    /// What this request proves, to be looked at again while it goes on.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it shows something that is no credential at all.
    pub(crate) fn proof<T>(self: &Arc<Self>, request: &Request<T>) -> Result<Shown, Status> {
        let bearer = bearer(request.metadata())?.map(str::to_owned);
        Ok(Shown { readers: Arc::clone(self), proofs: proofs(request)?, bearer })
    }

    async fn admit_by(&self, proofs: &[Proof], bearer: Option<&str>) -> Result<Reader, Status> {
        let known = |proof: &&Proof| self.known.contains(proof);
        match (bearer, proofs.iter().find(known)) {
            (Some(_), Some(Proof::Bearer(_))) | (None, Some(_)) => Ok(Reader::Connection),
            (Some(bearer), Some(Proof::Uid(_) | Proof::Certificate(_)) | None) => {
                let reviewer = self.people.known(bearer).await.map_err(|error| stranger(&error))?;
                Ok(Reader::Person(Box::new(reviewer)))
            }
            (None, None) => Err(unknown(proofs)),
        }
    }

    /// Which person makes this request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it is nobody known, or a connection that may be anybody's.
    pub(crate) async fn person<T: Sync>(&self, request: &Request<T>) -> Result<Reviewer, Status> {
        match self.admit(request).await? {
            Reader::Person(reviewer) => Ok(*reviewer),
            Reader::Connection => Err(Reader::nobody()),
        }
    }
}

/// What a call that goes on has shown.
pub(crate) struct Shown {
    readers: Arc<Readers>,
    proofs: Vec<Proof>,
    bearer: Option<String>,
}

impl Shown {
    /// Who makes the call, by the sessions and the roster of this moment.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it is nobody known any more.
    pub(crate) async fn reader(&self) -> Result<Reader, Status> {
        self.readers.admit_by(&self.proofs, self.bearer.as_deref()).await
    }
}

impl Reader {
    /// Which person it is, if that is known.
    pub(crate) fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Connection => None,
            Self::Person(reviewer) => Some(reviewer.person()),
        }
    }

    /// What whoever needs a person says to a connection that may be anybody's.
    pub(crate) fn nobody() -> Status {
        Status::unauthenticated(
            "this needs a person, and the connection does not say who calls: sign in, or show a token of the \
             identity provider",
        )
    }
}

pub(super) fn stranger(error: &SignInRefused) -> Status {
    let words = format!("{error} ({})", error.code());
    match *error == SignInRefused::Unavailable {
        true => Status::unavailable(words),
        false => Status::unauthenticated(words),
    }
}

/// The operators, by what their connections prove, with the names that the record has for them.
#[derive(Clone, Debug, Default)]
pub struct Operators(pub Vec<(Proof, String)>);

impl Operators {
    /// Who makes this request.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` if its connection proves something that no operator has, `UNAUTHENTICATED` if nothing.
    pub(crate) fn admit<T>(&self, request: &Request<T>) -> Result<String, Status> {
        let proofs = proofs(request)?;
        let known = self.0.iter().find(|(proof, _)| proofs.contains(proof));
        match (known, proofs.as_slice()) {
            (Some((_, name)), _) => Ok(name.clone()),
            (None, []) => Err(unknown(&proofs)),
            (None, [Proof::Uid(uid), ..]) => Err(Status::permission_denied(format!(
                "uid {uid} is not under `operators` in the configuration"
            ))),
            (None, [Proof::Bearer(_) | Proof::Certificate(_), ..]) => Err(Status::permission_denied(
                "this credential is not under `operators` in the configuration",
            )),
        }
    }
}

/// Who may read the record: the auditors, and the operators.
#[derive(Clone, Debug, Default)]
pub struct Auditors {
    /// What the auditors' connections prove.
    pub auditors: Vec<Proof>,
    /// The operators.
    pub operators: Arc<Operators>,
}

impl Auditors {
    /// Lets this request read.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` if its connection proves something that neither has, `UNAUTHENTICATED` if nothing.
    pub(crate) fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let proofs = proofs(request)?;
        let knows = |proof: &Proof| {
            self.auditors.contains(proof) || self.operators.0.iter().any(|(known, _)| known == proof)
        };
        match proofs.as_slice() {
            [] => Err(unknown(&proofs)),
            _ if proofs.iter().any(knows) => Ok(()),
            [..] => Err(Status::permission_denied(
                "this connection is neither under `auditors` nor under `operators` in the configuration",
            )),
        }
    }
}

fn unknown(proofs: &[Proof]) -> Status {
    let seen = match proofs {
        [] => {
            "the connection proves no identity: use the Unix socket, a bearer token or a client certificate"
        }
        [Proof::Uid(uid), ..] => {
            return Status::unauthenticated(format!("no agent or reviewer has uid {uid}"));
        }
        [Proof::Bearer(_), ..] => "the bearer token is not known",
        [Proof::Certificate(_), ..] => "the client certificate is not known",
    };
    Status::unauthenticated(seen)
}

/// The bearer token that the call shows, whatever it is worth.
pub(super) fn bearer(metadata: &MetadataMap) -> Result<Option<&str>, Status> {
    let mut headers = metadata.get_all("authorization").iter();
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Status::unauthenticated("there is more than one `authorization`"));
    }
    let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    token.map(Some).ok_or_else(|| Status::unauthenticated("`authorization` is not `Bearer …`"))
}

/// The SHA-256 of the client certificate of a connection.
pub(super) fn certificate(extensions: &Extensions) -> Option<[u8; 32]> {
    let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
    tls.peer_certs()?.first().map(|leaf| sha256(&[leaf.as_ref()]))
}

/// Where a connection comes from, for counting.
pub(super) fn peer(extensions: &Extensions) -> String {
    peer_address(extensions).map_or_else(|| "local".to_owned(), |peer| peer.ip().to_string())
}

fn proofs<T>(request: &Request<T>) -> Result<Vec<Proof>, Status> {
    let mut proofs = Vec::new();
    if let Some(token) = bearer(request.metadata())? {
        proofs.push(Proof::Bearer(sha256(&[token.as_bytes()])));
    }
    let extensions = request.extensions();
    if let Some(peer) = extensions.get::<UdsConnectInfo>().and_then(|info| info.peer_cred) {
        proofs.push(Proof::Uid(peer.uid()));
    }
    if let Some(tls) = extensions.get::<TlsConnectInfo<TcpConnectInfo>>() {
        let chain = tls.peer_certs().unwrap_or_default();
        proofs.extend(chain.first().map(|leaf| Proof::Certificate(sha256(&[leaf.as_ref()]))));
    }
    Ok(proofs)
}

fn peer_address(extensions: &Extensions) -> Option<SocketAddr> {
    let plain = extensions.get::<TcpConnectInfo>();
    plain
        .or_else(|| extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref))?
        .remote_addr()
}
