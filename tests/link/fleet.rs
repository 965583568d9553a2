//! The fleet's service as the scripted desk has it: what it answers, loses, and makes up.

use crate::desk::{Answering, Desk, Lie};
use crate::wire as proto;
use crate::wire::fleet_server::Fleet;
use crate::wire::follow_response::News;
use crate::wire::step_request::Step;
use countersign::audit::event::{Event, Record};
use countersign::decision::Outcome;
use countersign::desk::{Amended, Desk as _, DeskError, Docket, Proposal};
use countersign::escalation::Amends;
use countersign::party::{EscalationId, TxnId};
use countersign::store::{Change, Store as _};
use countersign::tlog::{Frontier, SignedCheckpoint};
use countersign::token::{
    Algorithm, CALL_CERTIFICATES_HEADER, CALL_HEADER, Call, PublicKey, enrolment_message,
};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

/// How often the scripted desk looks whether there is news, and sends a pulse.
const ROUND: Duration = Duration::from_millis(50);

pub(crate) struct Serving(pub(crate) Arc<Desk>);

impl Serving {
    /// Lets a call in, if the desk is there and the caller proves who it is.
    fn admit<T>(&self, method: &'static str, request: &Request<T>) -> Result<(), Status> {
        let desk = &self.0;
        if desk.is_away() {
            return Err(Status::unavailable("the desk is away"));
        }
        let text =
            |name| request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let certificates: Vec<&str> = text(CALL_CERTIFICATES_HEADER).split(' ').collect();
        let revoked = desk.state().revoked.clone();
        let (call, _) = Call::read(
            text(CALL_HEADER),
            &certificates,
            method,
            &desk.anchor(),
            |id| revoked.contains(id),
            desk.now(),
        )
        .map_err(|error| Status::unauthenticated(error.to_string()))?;
        assert_eq!(call.agent.as_str(), crate::desk::AGENT);
        Ok(())
    }

    /// What was done, or an answer that is lost although it was.
    fn answer<T>(&self, method: &'static str, message: T) -> Result<Response<T>, Status> {
        match self.0.loses(method) {
            true => Err(Status::unavailable("the answer was lost")),
            false => Ok(Response::new(message)),
        }
    }

    fn docket(&self, docket: &Docket) -> proto::Docket {
        let steps = self.0.steps(docket.id);
        let mut steps: Vec<serde_json::Value> =
            steps.iter().map(|step| serde_json::to_value(step).unwrap()).collect();
        if let Some(Lie(lie)) = self.0.state().lie {
            lie(&mut steps);
        }
        proto::Docket {
            escalation: docket.id.to_string(),
            txn: docket.decided.txn.to_string(),
            steps: steps.iter().map(|step| serde_json::to_vec(step).unwrap()).collect(),
            reasons: docket.reasons.clone(),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn refused(error: DeskError) -> Status {
    let unknown = matches!(error, DeskError::Unknown(_));
    let code = if unknown { Code::NotFound } else { Code::FailedPrecondition };
    Status::new(code, error.to_string())
}

fn id(text: &str) -> EscalationId {
    EscalationId::parse(text).unwrap()
}

#[tonic::async_trait]
impl Fleet for Serving {
    type FollowStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<proto::FollowResponse, Status>> + Send>>;

    async fn enrol(
        &self,
        request: Request<proto::EnrolRequest>,
    ) -> Result<Response<proto::EnrolResponse>, Status> {
        let desk = &self.0;
        if desk.is_away() {
            return Err(Status::unavailable("the desk is away"));
        }
        let by_token =
            request.metadata().get("authorization").is_some_and(|value| value == "Bearer let-me-in");
        if !by_token {
            self.admit("Enrol", &request)?;
        }
        let asked = request.into_inner();
        let key = |bytes: &[u8]| PublicKey::from_bytes(bytes.try_into().unwrap(), Algorithm::EdDsa).unwrap();
        let (authority, log) = (key(&asked.authority_key), key(&asked.log_key));
        let message = enrolment_message(desk.anchor().domain(), authority.as_bytes(), log.as_bytes());
        assert!(authority.verify(&message, &asked.authority_proof).is_ok(), "it has the key");
        assert!(log.verify(&message, &asked.log_proof).is_ok(), "it has the log's key");
        let answer = desk.certify(&authority, &log);
        self.answer("Enrol", answer)
    }

    async fn follow(
        &self,
        request: Request<proto::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        self.admit("Follow", &request)?;
        let (send, receive) = tokio::sync::mpsc::channel(64);
        let (desk, asked) = (self.0.clone(), request.into_inner());
        tokio::spawn(async move {
            let mut told: Option<u64> = None;
            let mut since = usize::try_from(asked.neighbours_since).unwrap();
            let (mut policy, mut roster) = (asked.policy, asked.roster);
            loop {
                if desk.is_away() {
                    let _ = send.send(Err(Status::unavailable("the desk is away"))).await;
                    return;
                }
                let mut news = Vec::new();
                let (version, rules, suspensions, trust, neighbours, changed, roles) = desk.news(since);
                if told != Some(version) {
                    told = Some(version);
                    if rules.0 != policy || rules.1 != roster {
                        (policy, roster) = (rules.0, rules.1);
                        news.push(News::Rules(rules.2));
                    }
                    news.extend([News::Suspensions(suspensions), News::Trust(trust)]);
                    news.extend(roles.map(News::Roles));
                    since += neighbours.len();
                    let records = neighbours.iter().map(|one: &Record| one.to_canonical().unwrap()).collect();
                    news.push(News::Neighbours(proto::Neighbours { records, until: since as u64 }));
                    news.push(News::Changed(proto::Changed { escalations: changed }));
                }
                news.push(News::Pulse(proto::Pulse { now_ms: desk.now().unix_millis(), until: 0 }));
                if !desk.state().mute {
                    for one in news {
                        let message = proto::FollowResponse { news: Some(one) };
                        if send.send(Ok(message)).await.is_err() {
                            return;
                        }
                    }
                }
                tokio::time::sleep(ROUND).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }

    async fn ship(
        &self,
        request: Request<proto::ShipRequest>,
    ) -> Result<Response<proto::ShipResponse>, Status> {
        self.admit("Ship", &request)?;
        let desk = &self.0;
        let asked = request.into_inner();
        let mut cosignature = String::new();
        let mut adopted = Vec::new();
        let size = {
            let mut state = desk.state();
            let had = state.leaves.len();
            if !asked.leaves.is_empty() {
                if asked.first != had as u64 {
                    return Err(Status::out_of_range("that is not what comes next"));
                }
                state.leaves.extend(asked.leaves.clone());
                state.values.extend(asked.values.iter().map(|value| value.value.clone()));
                adopted.extend(asked.leaves.iter().map(|leaf| Record::from_bytes(leaf).unwrap()));
            }
            if !asked.checkpoint.is_empty() {
                let signed = SignedCheckpoint::parse(asked.checkpoint.as_bytes()).unwrap();
                let mut frontier = Frontier::default();
                state.leaves.iter().for_each(|leaf| frontier.push(countersign::tlog::leaf_hash(leaf)));
                let checkpoint = signed.checkpoint();
                assert_eq!((checkpoint.size, checkpoint.root), (frontier.size(), frontier.root()));
                cosignature = desk.cosign(&signed);
            }
            state.leaves.len() as u64
        };
        for record in adopted {
            if let Event::Decided(_) | Event::Minted(_) = &record.event {
                // A record is in its place once, whatever is handed over again.
                desk.store.commit(Change::of(desk.now(), [record.event])).await.unwrap();
            }
        }
        self.answer("Ship", proto::ShipResponse { size, cosignature })
    }

    async fn open(
        &self,
        request: Request<proto::OpenRequest>,
    ) -> Result<Response<proto::OpenResponse>, Status> {
        self.admit("Open", &request)?;
        let desk = &self.0;
        if let Some(Answering::Refuses(why)) = desk.state().opening {
            return Err(Status::failed_precondition(why));
        }
        let asked = request.into_inner();
        let index = desk.store.decided(TxnId::parse(&asked.txn).unwrap()).unwrap();
        let index = index.ok_or_else(|| Status::not_found("it was not handed over"))?;
        let Event::Decided(decided) = desk.store.record(index).unwrap().event else { panic!() };
        let Outcome::Escalate(terms) = decided.decision.outcome.clone() else { panic!() };
        let changed_in = EscalationId::parse(&asked.changed_in);
        let amends = match changed_in {
            None => None,
            Some(from) => {
                let docket = desk.desk.docket(from).await.map_err(refused)?;
                let amendment = docket.escalation.case().amendment().unwrap().clone();
                let by = amendment.vote.person().clone();
                let since = docket.escalation.case().opening().before(&by);
                Some(Box::new(Amended { from: Amends { escalation: from, by, since }, vote: amendment.vote }))
            }
        };
        let proposal = Proposal {
            id: decided.escalation.unwrap(),
            decided: *decided,
            terms,
            operators: BTreeSet::new(),
            amends,
        };
        let opened = desk.desk.open(proposal).await.map_err(refused)?;
        desk.changed(opened.id);
        self.answer(
            "Open",
            proto::OpenResponse {
                escalation: opened.id.to_string(),
                decide_by_ms: opened.decide_by.unix_millis(),
                requirement: opened.requirement,
            },
        )
    }

    async fn get_docket(
        &self,
        request: Request<proto::GetDocketRequest>,
    ) -> Result<Response<proto::Docket>, Status> {
        self.admit("GetDocket", &request)?;
        let docket = self.0.desk.docket(id(&request.get_ref().escalation)).await.map_err(refused)?;
        self.answer("GetDocket", self.docket(&docket))
    }

    async fn step(&self, request: Request<proto::StepRequest>) -> Result<Response<proto::Docket>, Status> {
        self.admit("Step", &request)?;
        let asked = request.into_inner();
        let (id, desk, by) = (id(&asked.escalation), &self.0.desk, self.0.agent());
        let stepped = match asked.step.unwrap() {
            Step::Cancel(step) => desk.cancel(id, by, step.reason).await,
            Step::Claim(_) => desk.claim(id).await,
            Step::Block(step) => desk.block(id, step.reasons).await,
            Step::Amend(step) => desk.amend(id, serde_json::from_slice(&step.amendment).unwrap()).await,
            Step::Accept(_) => desk.accept(id, by).await,
        };
        let docket = stepped.map_err(refused)?;
        self.0.changed(id);
        self.answer("Step", self.docket(&docket))
    }
}
