//! The reviewers' service: `countersign.v1.Review`.

use super::convert;
use super::identity::{self, Readers};
use crate::desk::sessions::{KnownBy, SignInRefused};
use crate::desk::{Docket, Listing, LocalDesk, View, VoteRefused};
use crate::escalation::vote::SignedVote;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::proto;
use std::sync::Arc;
use tonic::{Request, Response, Status};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 500;

/// Answers reviewers.
#[derive(Clone)]
pub struct ReviewService {
    desk: Arc<LocalDesk>,
    readers: Arc<Readers>,
}

impl ReviewService {
    /// Lets the known readers look at this desk; votes prove themselves.
    #[must_use]
    pub const fn new(desk: Arc<LocalDesk>, readers: Arc<Readers>) -> Self {
        Self { desk, readers }
    }
}

#[tonic::async_trait]
impl proto::review_server::Review for ReviewService {
    async fn challenge(
        &self,
        request: Request<proto::ChallengeRequest>,
    ) -> Result<Response<proto::ChallengeResponse>, Status> {
        let person = PersonId::new(&request.get_ref().person);
        let person = person.map_err(|error| convert::invalid(format!("`person`: {error}")))?;
        let challenge = self.readers.people.challenge(person).map_err(not_signed_in)?;
        Ok(Response::new(proto::ChallengeResponse { challenge: challenge.to_text() }))
    }

    async fn sign_in(
        &self,
        request: Request<proto::SignInRequest>,
    ) -> Result<Response<proto::SignInResponse>, Status> {
        let proto::SignInRequest { challenge, proof } = request.into_inner();
        let Some(proto::sign_in_request::Proof::SshSignature(signature)) = proof else {
            return Err(convert::invalid("`proof` is missing"));
        };
        let signed_in = self.readers.people.sign_in(&challenge, &signature).map_err(not_signed_in)?;
        tracing::info!(person = %signed_in.person, "signed in");
        Ok(Response::new(proto::SignInResponse {
            session: signed_in.token,
            person: signed_in.person.to_string(),
            until: signed_in.until.unix_millis(),
        }))
    }

    async fn sign_out(
        &self,
        request: Request<proto::SignOutRequest>,
    ) -> Result<Response<proto::SignOutResponse>, Status> {
        let reviewer = self.readers.person(&request)?;
        match (reviewer.by(), identity::bearer(request.metadata())?) {
            (KnownBy::Key(_), Some(token)) => self.readers.people.sign_out(token),
            (KnownBy::Key(_) | KnownBy::Provider(_), _) => {
                return Err(Status::failed_precondition("only a session can be ended here"));
            }
        }
        tracing::info!(person = %reviewer.person(), "signed out");
        Ok(Response::new(proto::SignOutResponse {}))
    }

    async fn who_am_i(
        &self,
        request: Request<proto::WhoAmIRequest>,
    ) -> Result<Response<proto::WhoAmIResponse>, Status> {
        let reviewer = self.readers.person(&request)?;
        let (by, credential) = match reviewer.by() {
            KnownBy::Key(fingerprint) => ("session", fingerprint),
            KnownBy::Provider(account) => ("oidc", account),
        };
        let directory = self.desk.directory();
        let person = directory.person(reviewer.person());
        let person = person.ok_or_else(|| identity::stranger(&SignInRefused::SessionRevoked))?;
        Ok(Response::new(proto::WhoAmIResponse {
            person: person.id.to_string(),
            name: person.name.to_string(),
            roles: person.roles.iter().map(ToString::to_string).collect(),
            teams: person.teams.iter().map(ToString::to_string).collect(),
            by: by.to_owned(),
            credential: credential.to_string(),
            until: reviewer.until().unix_millis(),
        }))
    }

    async fn list(
        &self,
        request: Request<proto::ListRequest>,
    ) -> Result<Response<proto::ListResponse>, Status> {
        self.readers.admit(&request)?;
        let request = request.into_inner();
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        let listing = self.desk.list(request.include_ended, usize::try_from(limit).unwrap_or(usize::MAX));
        let Listing { dockets, truncated } = listing.map_err(|error| convert::desk_error(&error))?;
        let now = self.desk.now();
        let escalations = dockets.iter().map(|docket| summary(docket, now)).collect();
        Ok(Response::new(proto::ListResponse { escalations, truncated }))
    }

    async fn show(
        &self,
        request: Request<proto::ShowRequest>,
    ) -> Result<Response<proto::Escalation>, Status> {
        self.readers.admit(&request)?;
        let id = convert::escalation_id(&request.get_ref().escalation_id)?;
        let view = self.desk.show(id).await.map_err(|error| convert::desk_error(&error))?;
        Ok(Response::new(escalation(view, self.desk.now())))
    }

    async fn vote(
        &self,
        request: Request<proto::VoteRequest>,
    ) -> Result<Response<proto::VoteResponse>, Status> {
        self.readers.admit(&request)?;
        let request = request.into_inner();
        let id = convert::escalation_id(&request.escalation_id)?;
        let statement = String::from_utf8(request.statement);
        let statement = statement.map_err(|_| convert::invalid("`statement` is not UTF-8"))?;
        let signed = SignedVote { statement, signature: request.signature };
        let docket = self.desk.vote(id, signed).await.map_err(refused)?;
        let status = docket.escalation.status(self.desk.now());
        tracing::info!(escalation = %id, status = status.as_str(), "a vote was recorded");
        Ok(Response::new(proto::VoteResponse {
            status: convert::status(status).into(),
            approvals: approvals(&docket),
            reasons: docket.reasons,
        }))
    }
}

fn not_signed_in(error: SignInRefused) -> Status {
    let words = format!("{error} ({})", error.code());
    match error {
        SignInRefused::Challenge => Status::invalid_argument(words),
        SignInRefused::TooMany => Status::resource_exhausted(words),
        SignInRefused::NoEntropy => Status::unavailable(words),
        SignInRefused::Foreign
        | SignInRefused::ChallengeOver
        | SignInRefused::Answered
        | SignInRefused::Signature(_)
        | SignInRefused::UnknownKey
        | SignInRefused::UnknownSession
        | SignInRefused::SessionOver
        | SignInRefused::SessionRevoked
        | SignInRefused::Token(_)
        | SignInRefused::UnknownAccount
        | SignInRefused::UnknownBearer => Status::unauthenticated(words),
    }
}

fn refused(error: VoteRefused) -> Status {
    match error {
        VoteRefused::Desk(error) => convert::desk_error(&error),
        VoteRefused::Vote(error) => Status::permission_denied(format!("{error} ({})", error.code())),
        VoteRefused::Refused(error) => Status::permission_denied(format!("{error} ({})", error.code())),
    }
}

fn approvals(docket: &Docket) -> u32 {
    u32::try_from(docket.escalation.case().agreed()).unwrap_or(u32::MAX)
}

fn summary(docket: &Docket, now: Moment) -> proto::Summary {
    let (action, resource) = docket.subject();
    let opening = docket.escalation.case().opening();
    proto::Summary {
        escalation_id: docket.id.to_string(),
        status: convert::status(docket.escalation.status(now)).into(),
        agent: docket.decided.agent.to_string(),
        action,
        resource,
        risk: Some(convert::risk(&docket.decided.decision.assessment)),
        opened_at: opening.opened_at.unix_millis(),
        decide_by: opening.decide_by().unix_millis(),
        approvals: approvals(docket),
        requirement: opening.terms.requirement.to_string(),
    }
}

fn escalation(view: View, now: Moment) -> proto::Escalation {
    let View { docket, payload, rendering, can_complete, conditions_allowed, recent_activity } = view;
    let decided = &docket.decided;
    let context = decided.context.clone();
    let votes = docket.escalation.case().votes().iter().map(|vote| proto::CastVote {
        reviewer: vote.person().to_string(),
        approve: vote.approves(),
        reason: vote.statement.reason.as_str().to_owned(),
        conditions: vote.statement.choice.conditions().iter().map(convert::condition).collect(),
        at: vote.at.unix_millis(),
        assurance: vote.assurance.to_string(),
    });
    proto::Escalation {
        summary: Some(summary(&docket, now)),
        decision_id: decided.txn.to_string(),
        executor: decided.executor.to_string(),
        on_behalf_of: decided.on_behalf_of.as_ref().map(ToString::to_string).unwrap_or_default(),
        context: Some(proto::Context {
            reason: context.reason,
            user_request: context.user_request,
            reasoning: context.reasoning,
            blast_radius: context.blast_radius,
            reversibility: context.reversibility,
            alternatives: context.alternatives,
        }),
        rule: decided.decision.rule.clone().unwrap_or_default(),
        reasons: decided.decision.reasons.clone(),
        policy_digest: decided.decision.policy.to_string(),
        operation_digest: decided.digest.to_string(),
        op_bytes: decided.op.clone().into_bytes(),
        payload,
        rendering: rendering.text,
        rendering_digest: rendering.digest.to_string(),
        hazards: rendering.hazards.iter().map(ToString::to_string).collect(),
        votes: votes.collect(),
        can_complete,
        conditions_allowed,
        conditions: docket
            .escalation
            .case()
            .opening()
            .terms
            .conditions
            .iter()
            .map(convert::condition)
            .collect(),
        recent_activity,
    }
}
