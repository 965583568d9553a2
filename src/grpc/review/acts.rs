//! What reviewers do: vote, propose another operation, pass on, go away and come back, review an emergency.

use super::ReviewService;
use crate::decision::Outcome;
use crate::desk::sessions::Reviewer;
use crate::desk::{AwayRefused, DeskError, Docket, VoteRefused, attested};
use crate::escalation::vote::{Reason, SignedVote, Statement};
use crate::escalation::{Ballot, Case, TransitionError};
use crate::grpc::convert;
use crate::grpc::identity::Reader;
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use crate::proto;
use crate::sidecar::AmendmentDraft;
use tonic::Status;

impl ReviewService {
    pub(super) async fn cast(
        &self,
        reader: &Reader,
        id: EscalationId,
        statement: Vec<u8>,
        signature: String,
    ) -> Result<Docket, Status> {
        let ballot = self.brought(reader, statement, signature)?;
        let mut docket = self.desk.bring(id, &ballot).await.map_err(|error| self.refused(&error))?;
        docket.reasons.extend(poor(docket.escalation.case(), &ballot));
        let status = docket.escalation.status(self.desk.now());
        tracing::info!(escalation = %id, status = status.as_str(), "a vote was recorded");
        Ok(docket)
    }

    /// A vote as it is brought: signed, or in the name of whoever is signed in.
    fn brought(&self, reader: &Reader, statement: Vec<u8>, signature: String) -> Result<Ballot, Status> {
        let ballot = match ballot(self, statement, signature)? {
            Said::Signed(signed) => self.desk.signed_ballot(&signed),
            Said::Unsigned(statement) => attested(*statement, signed_in(reader)?),
        };
        ballot.map_err(|error| self.refused(&error))
    }

    pub(super) async fn draft(
        &self,
        request: proto::DraftChangeRequest,
    ) -> Result<proto::DraftChangeResponse, Status> {
        let id = convert::escalation_id(&request.escalation_id)?;
        let (operation, payload) = convert::operation(request.operation)?;
        let draft = self.sidecar.draft_amendment(id, operation, payload).await;
        let AmendmentDraft { successor, operation, decision, rendering, difference } =
            draft.map_err(convert::sidecar_error)?;
        let verdict = match decision.outcome {
            Outcome::Allow { .. } => proto::Verdict::Allow,
            Outcome::Deny => proto::Verdict::Deny,
            Outcome::Escalate(_) => proto::Verdict::Escalate,
        };
        Ok(proto::DraftChangeResponse {
            successor_id: successor.to_string(),
            operation_digest: operation.digest().to_string(),
            op_bytes: operation.op_bytes().to_vec(),
            rendering: rendering.text,
            rendering_digest: rendering.digest.to_string(),
            policy_digest: decision.policy.to_string(),
            difference: convert::difference(difference),
            verdict: verdict.into(),
            reasons: decision.reasons,
        })
    }

    pub(super) async fn propose(
        &self,
        reader: &Reader,
        request: proto::ProposeChangeRequest,
    ) -> Result<Docket, Status> {
        let id = convert::escalation_id(&request.escalation_id)?;
        let (operation, payload) = convert::operation(request.operation)?;
        let ballot = self.brought(reader, request.statement, request.signature)?;
        let docket = self.sidecar.amend(id, &operation, payload, &ballot).await;
        let docket = docket.map_err(convert::sidecar_error)?;
        tracing::info!(escalation = %id, "a changed operation was proposed");
        Ok(docket)
    }

    pub(super) async fn who_can_decide(&self, id: &str) -> Result<proto::WhoCanResponse, Status> {
        let id = convert::escalation_id(id)?;
        let able = self.desk.who_can(id).await.map_err(|error| convert::desk_error(&error))?;
        let names = |people: Vec<&PersonId>| people.into_iter().map(ToString::to_string).collect();
        let set = |people: &std::collections::BTreeSet<PersonId>| proto::PeopleSet {
            people: names(people.iter().collect()),
        };
        let person = |able: crate::desk::Able| proto::AblePerson {
            person: able.person.to_string(),
            asked: able.asked,
            why: able.why,
        };
        Ok(proto::WhoCanResponse {
            sets: able.sets.iter().map(set).collect(),
            people: able.people.into_iter().map(person).collect(),
        })
    }

    pub(super) async fn pass(&self, from: &Reviewer, request: &proto::PassOnRequest) -> Result<(), Status> {
        let id = convert::escalation_id(&request.escalation_id)?;
        let to = person("to", &request.to)?;
        let passed = self.desk.pass_on(id, from, &to).await;
        passed.map_err(|error| match &error {
            DeskError::Refused(TransitionError::NotEligible(why)) => {
                let words = format!("it can't be passed on to `{to}`: {why} ({})", why.code());
                Status::failed_precondition(words)
            }
            DeskError::Refused(_)
            | DeskError::Unknown(_)
            | DeskError::Over(_)
            | DeskError::Store(_)
            | DeskError::Senseless(..)
            | DeskError::Away(_)
            | DeskError::Untrue(..)
            | DeskError::Contended(_) => convert::desk_error(&error),
        })?;
        tracing::info!(escalation = %id, from = %from.person(), %to, "passed on");
        Ok(())
    }

    pub(super) async fn away(&self, who: &Reviewer, request: &proto::SetAwayRequest) -> Result<(), Status> {
        let from = match request.from {
            0 => self.desk.now(),
            from => Moment::from_unix_millis(from),
        };
        let delegate = match request.delegate.as_str() {
            "" => None,
            name => Some(person("delegate", name)?),
        };
        let until = Moment::from_unix_millis(request.until);
        self.desk.announce(who, from, until, delegate).await.map_err(|error| match error {
            AwayRefused::Absence(error) => convert::invalid(error.to_string()),
            AwayRefused::Desk(error) => convert::desk_error(&error),
        })
    }

    pub(super) fn people(&self) -> proto::ListPeopleResponse {
        let people = self.desk.whereabouts().into_iter().map(|one| proto::PersonThere {
            person: one.person.to_string(),
            there: one.presence.is_there(),
            words: one.presence.to_string(),
            stands_in_for: one.stands_in_for.iter().map(ToString::to_string).collect(),
        });
        proto::ListPeopleResponse { people: people.collect() }
    }

    pub(super) async fn afterwards(
        &self,
        by: &Reviewer,
        request: &proto::ReviewEmergencyRequest,
    ) -> Result<Docket, Status> {
        let id = convert::escalation_id(&request.escalation_id)?;
        let note =
            Reason::new(&request.note).map_err(|error| convert::invalid(format!("`note`: {error}")))?;
        let docket = self.desk.review_emergency(id, by, request.justified, note.as_str()).await;
        let docket = docket.map_err(|error| convert::desk_error(&error))?;
        tracing::info!(escalation = %id, by = %by.person(), justified = request.justified, "an emergency was reviewed");
        Ok(docket)
    }

    pub(super) fn voted(&self, docket: Docket) -> proto::VoteResponse {
        proto::VoteResponse {
            status: convert::status(docket.escalation.status(self.desk.now())).into(),
            approvals: u32::try_from(docket.escalation.case().agreed()).unwrap_or(u32::MAX),
            reasons: docket.reasons,
        }
    }
}

/// What its reviewer is told of a vote that is a poor one.
fn poor(case: &Case, ballot: &Ballot) -> Option<String> {
    let vote = case.votes().iter().find(|vote| vote.statement == *ballot.statement())?;
    let flags: Vec<String> = vote.flags.iter().map(ToString::to_string).collect();
    let counts = if case.counts(vote) { "" } else { ", so it fills no seat" };
    (!flags.is_empty()).then(|| format!("your approval is a poor one{counts}: {}", flags.join("; ")))
}

/// A vote as it came.
enum Said {
    Signed(SignedVote),
    Unsigned(Box<Statement>),
}

fn ballot(service: &ReviewService, statement: Vec<u8>, signature: String) -> Result<Said, Status> {
    let statement = String::from_utf8(statement);
    let statement = statement.map_err(|_| convert::invalid("`statement` is not UTF-8"))?;
    if !signature.is_empty() {
        return Ok(Said::Signed(SignedVote { statement, signature }));
    }
    let statement = Statement::from_bytes(statement.as_bytes());
    let statement = statement.map_err(|error| service.refused(&VoteRefused::Vote(error.into())))?;
    Ok(Said::Unsigned(Box::new(statement)))
}

fn signed_in(reader: &Reader) -> Result<&Reviewer, Status> {
    match reader {
        Reader::Person(reviewer) => Ok(reviewer),
        Reader::Connection => Err(Status::unauthenticated(
            "a vote without a signature counts only for somebody who is signed in: sign in, or sign the vote",
        )),
    }
}

fn person(what: &str, name: &str) -> Result<PersonId, Status> {
    PersonId::new(name).map_err(|error| convert::invalid(format!("`{what}`: {error}")))
}
