//! The reviewers' service: `countersign.v1.Review`.

mod list;
mod show;

use super::convert;
use super::identity::{self, Reader, Readers};
use super::until::{Until, patience};
use crate::desk::queue::{Line, News, Page, Queue};
use crate::desk::sessions::{KnownBy, SignInRefused};
use crate::desk::{LocalDesk, VoteRefused};
use crate::escalation::vote::SignedVote;
use crate::party::PersonId;
use crate::proto;
use core::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// Answers reviewers.
#[derive(Clone)]
pub struct ReviewService {
    desk: Arc<LocalDesk>,
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    stopping: watch::Receiver<bool>,
}

impl ReviewService {
    /// Lets the known readers look at this desk; votes prove themselves. Those who watch are let go when `stopping`
    /// turns true.
    #[must_use]
    pub fn new(desk: Arc<LocalDesk>, readers: Arc<Readers>, stopping: watch::Receiver<bool>) -> Self {
        Self { queue: Arc::new(Queue::new(desk.clone())), desk, readers, stopping }
    }

    fn summary(&self, line: &Line, reader: &Reader) -> proto::Summary {
        list::summary(line, reader.person(), &self.desk)
    }

    fn news(&self, news: News, reader: &Reader) -> Result<proto::WatchResponse, Status> {
        let news = match news {
            News::Beat => {
                proto::watch_response::News::Heartbeat(proto::Heartbeat { at: self.desk.now().unix_millis() })
            }
            News::Changed(line) => proto::watch_response::News::Changed(self.summary(&line, reader)),
            News::Missed => proto::watch_response::News::Missed(proto::Missed {}),
        };
        Ok(proto::WatchResponse { news: Some(news) })
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
        let reader = self.readers.admit(&request)?;
        let request = request.into_inner();
        let filter = list::filter(&request.filter.unwrap_or_default(), &reader)?;
        let order = list::order(request.order)?;
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit => usize::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT),
        };
        let token = Some(request.page_token).filter(|token| !token.is_empty());
        let queue = self.queue.clone();
        // It reads the disk.
        let page = move || queue.list(&filter, order, limit, token.as_deref());
        let page = tokio::task::spawn_blocking(page).await;
        let page = page.map_err(|_| Status::internal("the list could not be made"))?;
        let Page { lines, next } = page.map_err(|error| list::no_page(&error))?;
        let escalations = lines.iter().map(|line| self.summary(line, &reader)).collect();
        Ok(Response::new(proto::ListResponse { escalations, next_page_token: next.unwrap_or_default() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let proof = self.readers.proof(&request)?;
        let reader = proof.reader()?;
        let patience = patience(request.metadata());
        let filter = list::filter(&request.into_inner().filter.unwrap_or_default(), &reader)?;
        let mut stopping = self.stopping.clone();
        let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        let told = self.queue.watch(filter, stopped);
        let told = told.map_err(|_| Status::resource_exhausted("too many watch the queue already"))?;
        let service = self.clone();
        let stream = ReceiverStream::new(told).map(move |news| {
            // Who watches may have signed out, or left, in the meantime.
            let reader = proof.reader()?;
            service.news(news.map_err(|error| convert::desk_error(&error))?, &reader)
        });
        Ok(Response::new(Box::pin(Until::new(stream, patience))))
    }

    async fn show(
        &self,
        request: Request<proto::ShowRequest>,
    ) -> Result<Response<proto::Escalation>, Status> {
        let reader = self.readers.admit(&request)?;
        let id = convert::escalation_id(&request.get_ref().escalation_id)?;
        let view = self.desk.show(id).await.map_err(|error| convert::desk_error(&error))?;
        Ok(Response::new(show::escalation(view, reader.person(), &self.desk)))
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
            approvals: u32::try_from(docket.escalation.case().agreed()).unwrap_or(u32::MAX),
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
