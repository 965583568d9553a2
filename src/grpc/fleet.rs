//! The sidecars' service: `countersign.v1.Fleet`.

use super::convert;
use super::identity::{bearer, certificate, peer};
use super::whole::to_its_end;
use crate::desk::fleet::{
    Admitted, Fleet, FleetError, FleetExecutor, Following, HandedOver, Member, News, Role, Shown, Since,
    ToHandOver, Value, Wanted,
};
use crate::desk::{Docket, Opened};
use crate::digest::{PolicyDigest, RosterDigest, ValueDigest};
use crate::party::{EscalationId, TrustDomain};
use crate::proto;
use crate::proto::fleet_server;
use crate::proto::step_request::Step;
use crate::token::{Algorithm, CALL_CERTIFICATES_HEADER, CALL_HEADER, MAX_CHAIN, PublicKey};
use core::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// The longest statement and certificates of a call.
const MAX_STATEMENT: usize = 32 * 1024;
/// How much may wait for a sidecar that reads slowly.
const AHEAD: usize = 16;

/// Answers sidecars.
#[derive(Clone)]
pub struct FleetService {
    fleet: Arc<Fleet>,
    stopping: watch::Receiver<bool>,
}

impl FleetService {
    /// Answers the sidecars of this fleet; those that follow are let go when `stopping` turns true.
    #[must_use]
    pub const fn new(fleet: Arc<Fleet>, stopping: watch::Receiver<bool>) -> Self {
        Self { fleet, stopping }
    }

    /// Whose call this is.
    fn member(&self, metadata: &MetadataMap, method: &'static str) -> Result<Member, Status> {
        let text = |name: &'static str| {
            let mut values = metadata.get_all(name).iter();
            let text = values.next().and_then(|value| value.to_str().ok());
            let alone = values.next().is_none();
            text.filter(|text| alone && text.len() <= MAX_STATEMENT)
        };
        let missing = || Status::unauthenticated("the call proves nothing: its statement is missing");
        let statement = text(CALL_HEADER).ok_or_else(missing)?;
        let certificates = text(CALL_CERTIFICATES_HEADER).ok_or_else(missing)?;
        let certificates: Vec<&str> = certificates.split(' ').take(MAX_CHAIN + 1).collect();
        self.fleet
            .member(statement, &certificates, method)
            .map_err(|error| refused(&self.fleet, method, &error))
    }
}

/// Says to the operator why, and to the caller what it may know.
fn refused(fleet: &Fleet, method: &'static str, error: &FleetError) -> Status {
    fleet.note_refusal(method, error);
    status(error)
}

fn status(error: &FleetError) -> Status {
    match error {
        // Whoever has no good credential learns nothing from how bad it is.
        FleetError::Credential(_) => Status::unauthenticated("the credential is not accepted"),
        FleetError::Stranger(_) => Status::unauthenticated("this sidecar is not enrolled"),
        FleetError::Call(error) => Status::unauthenticated(error.to_string()),
        FleetError::TooOften(_) | FleetError::NoRoom(_) => Status::resource_exhausted(error.to_string()),
        FleetError::Malformed(_) => Status::invalid_argument(error.to_string()),
        FleetError::NotAdopted { .. } | FleetError::NotItsOwn(_) | FleetError::NotOpened(_) => {
            Status::permission_denied(error.to_string())
        }
        FleetError::Diverged(_) => Status::data_loss(error.to_string()),
        FleetError::Gap(_) => Status::out_of_range(error.to_string()),
        FleetError::Unknown(_) => Status::not_found(error.to_string()),
        FleetError::Full | FleetError::Keys(_) => Status::unavailable("try again later"),
        FleetError::Desk(error) => convert::desk_error(error),
        FleetError::Store(error) => convert::store_error(error),
    }
}

#[tonic::async_trait]
impl fleet_server::Fleet for FleetService {
    async fn enrol(
        &self,
        request: Request<proto::EnrolRequest>,
    ) -> Result<Response<proto::EnrolResponse>, Status> {
        let peer = peer(request.extensions());
        let certificate = certificate(request.extensions());
        let (metadata, _, message) = request.into_parts();
        let wanted = wanted(message)?;
        let shown = if metadata.contains_key(CALL_HEADER) {
            Shown::Renewal(Box::new(self.member(&metadata, "Enrol")?))
        } else if let Some(token) = bearer(&metadata)? {
            Shown::Bearer(token)
        } else if let Some(certificate) = certificate {
            Shown::Certificate(certificate)
        } else {
            return Err(Status::unauthenticated(
                "there is no credential: a bearer token, a client certificate, or a call signed by the present key",
            ));
        };
        let admitted = self.fleet.enrol(shown, wanted, &peer).await;
        let admitted = admitted.map_err(|error| refused(&self.fleet, "Enrol", &error))?;
        let Admitted { sidecar, origin, role, chains } = admitted;
        Ok(Response::new(proto::EnrolResponse {
            authority_chain: chains.authority,
            log_chain: chains.log,
            sidecar: sidecar.to_string(),
            origin: origin.to_string(),
            agent: Some(agent(&role)),
            executors: executors(self.fleet.executors()),
            cosigner: self.fleet.cosigner().map(|key| key.to_string()).unwrap_or_default(),
        }))
    }

    type FollowStream = Pin<Box<dyn Stream<Item = Result<proto::FollowResponse, Status>> + Send>>;

    async fn follow(
        &self,
        request: Request<proto::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let member = self.member(request.metadata(), "Follow")?;
        let proto::FollowRequest { policy, roster, neighbours_since } = request.into_inner();
        let digest = |text: &str| text.strip_prefix("sha256:").unwrap_or(text).to_owned();
        let since = Since {
            policy: PolicyDigest::parse(&digest(&policy)),
            roster: RosterDigest::parse(&digest(&roster)),
            neighbours: neighbours_since,
        };
        let following =
            self.fleet.follow(member, since).map_err(|error| refused(&self.fleet, "Follow", &error))?;
        let (sender, told) = tokio::sync::mpsc::channel(AHEAD);
        let executors = executors(self.fleet.executors());
        tokio::spawn(tell(self.fleet.clone(), following, executors, sender, self.stopping.clone()));
        Ok(Response::new(Box::pin(ReceiverStream::new(told)) as Self::FollowStream))
    }

    async fn ship(
        &self,
        request: Request<proto::ShipRequest>,
    ) -> Result<Response<proto::ShipResponse>, Status> {
        let member = self.member(request.metadata(), "Ship")?;
        let batch = batch(request.into_inner())?;
        let fleet = self.fleet.clone();
        let handed = to_its_end(async move {
            match fleet.ship(&member, batch).await {
                // It is told how many are here, and goes on from there.
                Err(FleetError::Gap(size)) => Ok(HandedOver { size, cosignature: String::new() }),
                other => other.map_err(|error| refused(&fleet, "Ship", &error)),
            }
        });
        let HandedOver { size, cosignature } = handed.await?;
        Ok(Response::new(proto::ShipResponse { size, cosignature }))
    }

    async fn open(
        &self,
        request: Request<proto::OpenRequest>,
    ) -> Result<Response<proto::OpenResponse>, Status> {
        let member = self.member(request.metadata(), "Open")?;
        let proto::OpenRequest { txn, changed_in } = request.into_inner();
        let txn = convert::txn_id(&txn)?;
        let changed_in = match changed_in.as_str() {
            "" => None,
            id => Some(convert::escalation_id(id)?),
        };
        let fleet = self.fleet.clone();
        let opened = to_its_end(async move {
            fleet.open(&member, txn, changed_in).await.map_err(|error| refused(&fleet, "Open", &error))
        });
        let Opened { id, decide_by, requirement, queued: _ } = opened.await?;
        let (escalation, decide_by_ms) = (id.to_string(), decide_by.unix_millis());
        Ok(Response::new(proto::OpenResponse { escalation, decide_by_ms, requirement }))
    }

    async fn get_docket(
        &self,
        request: Request<proto::GetDocketRequest>,
    ) -> Result<Response<proto::Docket>, Status> {
        let member = self.member(request.metadata(), "GetDocket")?;
        let id = convert::escalation_id(&request.get_ref().escalation)?;
        let docket = self.fleet.docket(&member, id).await.map_err(|error| status(&error))?;
        self.docket(docket)
    }

    async fn step(&self, request: Request<proto::StepRequest>) -> Result<Response<proto::Docket>, Status> {
        let member = self.member(request.metadata(), "Step")?;
        let proto::StepRequest { escalation, step } = request.into_inner();
        let id = convert::escalation_id(&escalation)?;
        let step = step.ok_or_else(|| convert::invalid("`step` is missing"))?;
        let fleet = self.fleet.clone();
        let docket = to_its_end(async move {
            let taken = take(&fleet, &member, id, step).await;
            taken.map_err(|error| refused(&fleet, "Step", &error))
        });
        self.docket(docket.await?)
    }
}

impl FleetService {
    fn docket(&self, docket: Docket) -> Result<Response<proto::Docket>, Status> {
        let course = self.fleet.course(docket.id).map_err(|error| status(&error))?;
        let steps = course.iter().map(serde_json::to_vec).collect::<Result<_, _>>();
        Ok(Response::new(proto::Docket {
            escalation: docket.id.to_string(),
            txn: docket.decided.txn.to_string(),
            steps: steps.map_err(|_| Status::data_loss("a step cannot be written"))?,
            reasons: docket.reasons,
        }))
    }
}

async fn take(fleet: &Fleet, member: &Member, id: EscalationId, step: Step) -> Result<Docket, FleetError> {
    match step {
        Step::Cancel(proto::CancelStep { reason }) => fleet.cancel(member, id, reason).await,
        Step::Claim(proto::ClaimStep {}) => fleet.claim(member, id).await,
        Step::Block(proto::BlockStep { reasons }) => fleet.block(member, id, reasons).await,
        // Whoever could bring a reviewer's change could make one up.
        Step::Amend(_) => Err(FleetError::NotItsOwn("reviewers propose changes at the desk")),
        Step::Accept(proto::AcceptStep {}) => fleet.accept(member, id).await,
    }
}

/// Tells a sidecar everything, until it goes away or the service stops.
async fn tell(
    fleet: Arc<Fleet>,
    mut following: Following,
    executors: Vec<proto::FleetExecutor>,
    sender: tokio::sync::mpsc::Sender<Result<proto::FollowResponse, Status>>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let next = tokio::select! {
            next = following.next() => next,
            () = sender.closed() => return,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let message = match next {
            Ok(news) => Ok(message(news, &executors)),
            Err(error) => Err(refused(&fleet, "Follow", &error)),
        };
        let over = message.is_err();
        // Whoever does not read holds up nobody but themselves.
        if sender.send(message).await.is_err() || over {
            return;
        }
    }
}

fn message(news: News, executors: &[proto::FleetExecutor]) -> proto::FollowResponse {
    use proto::follow_response::News as Wire;
    let approved = |txn: Option<crate::party::TxnId>| txn.map(|txn| txn.to_string()).unwrap_or_default();
    let news = match news {
        News::Rules { policy, roster, profiles } => {
            let (policy, policy_approved) = policy.unwrap_or_default();
            let (roster, roster_approved) = roster.unwrap_or_default();
            Wire::Rules(proto::Rules {
                policy: policy.into_bytes(),
                roster: roster.into_bytes(),
                policy_approved: approved(policy_approved),
                roster_approved: approved(roster_approved),
                profiles: Some(proto::FleetProfiles { records: profiles }),
            })
        }
        News::Suspensions(suspensions) => Wire::Suspensions(proto::SuspensionsInForce {
            suspensions: suspensions.iter().filter_map(|one| serde_json::to_vec(one).ok()).collect(),
        }),
        News::Trust(published, revoked) => Wire::Trust(proto::TrustNews {
            bundle: published.bundle.clone(),
            certificates: published.certificates.clone(),
            jwks: published.jwks.clone(),
            revocations: published.revocations.clone(),
            revoked: revoked.iter().map(ToString::to_string).collect(),
        }),
        News::Role(role) => {
            Wire::Roles(proto::FleetRoles { agent: Some(agent(&role)), executors: executors.to_vec() })
        }
        News::Neighbours(records, until) => Wire::Neighbours(proto::Neighbours { records, until }),
        News::Changed(escalations) => {
            let escalations = escalations.iter().map(ToString::to_string).collect();
            Wire::Changed(proto::Changed { escalations })
        }
        News::Pulse(now, until) => Wire::Pulse(proto::Pulse { now_ms: now.unix_millis(), until }),
    };
    proto::FollowResponse { news: Some(news) }
}

fn agent(role: &Role) -> proto::FleetAgent {
    proto::FleetAgent {
        id: role.agent.to_string(),
        on_behalf_of: role.on_behalf_of.as_ref().map(ToString::to_string).unwrap_or_default(),
        operators: role.operators.iter().map(ToString::to_string).collect(),
    }
}

fn executors(executors: &[FleetExecutor]) -> Vec<proto::FleetExecutor> {
    let wire = |executor: &FleetExecutor| proto::FleetExecutor {
        id: executor.id.to_string(),
        conditions: executor.conditions.iter().map(|kind| kind.as_str().to_owned()).collect(),
        plain: executor.plain,
    };
    executors.iter().map(wire).collect()
}

fn wanted(message: proto::EnrolRequest) -> Result<Wanted, Status> {
    let key = |name: &str, bytes: &[u8]| {
        let bytes: &[u8; 32] =
            bytes.try_into().map_err(|_| convert::invalid(format!("`{name}` has not 32 bytes")))?;
        PublicKey::from_bytes(bytes, Algorithm::EdDsa)
            .map_err(|error| convert::invalid(format!("`{name}`: {error}")))
    };
    let proto::EnrolRequest { authority_key, authority_proof, log_key, log_proof, trust_domain, version } =
        message;
    Ok(Wanted {
        authority: key("authority_key", &authority_key)?,
        authority_proof,
        log: key("log_key", &log_key)?,
        log_proof,
        domain: TrustDomain::new(&trust_domain)
            .map_err(|error| convert::invalid(format!("`trust_domain`: {error}")))?,
        version,
    })
}

fn batch(message: proto::ShipRequest) -> Result<ToHandOver, Status> {
    let proto::ShipRequest { first, leaves, values, checkpoint } = message;
    let value = |value: proto::ValueApart| {
        let digest: [u8; 32] =
            value.digest.try_into().map_err(|_| convert::invalid("a value's `digest` has not 32 bytes"))?;
        let bytes = [value.salt, value.value].concat();
        Ok::<_, Status>(Value { digest: ValueDigest::from_bytes(digest), bytes })
    };
    let values = values.into_iter().map(value).collect::<Result<_, _>>()?;
    Ok(ToHandOver { first, leaves, values, checkpoint })
}
