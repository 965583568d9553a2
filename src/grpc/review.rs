//! The reviewers' service: `countersign.v1.Review`.

mod acts;
mod list;
mod show;

use super::convert;
use super::identity::{self, Reader, Readers};
use super::trace::Traced;
use super::until::{Until, patience};
use super::whole::to_its_end;
use crate::desk::queue::{Line, News, Page, Queue};
use crate::desk::sessions::{KnownBy, SignInRefused};
use crate::desk::{LocalDesk, VoteRefused};
use crate::escalation::Sight;
use crate::party::PersonId;
use crate::proto;
use crate::sidecar::{Offer, Sidecar};
use core::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use tracing::field::Empty;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// Answers reviewers.
#[derive(Clone)]
pub struct ReviewService {
    sidecar: Arc<Sidecar>,
    desk: Arc<LocalDesk>,
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    stopping: watch::Receiver<bool>,
}

impl ReviewService {
    /// Lets the known readers look at this desk; votes prove themselves. Those who watch are let go when `stopping`
    /// turns true.
    #[must_use]
    pub fn new(
        sidecar: Arc<Sidecar>,
        desk: Arc<LocalDesk>,
        readers: Arc<Readers>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { queue: Arc::new(Queue::new(desk.clone())), sidecar, desk, readers, stopping }
    }

    fn refused(&self, error: &VoteRefused) -> Status {
        self.sidecar.metrics.vote_refused(error.code());
        refused(error)
    }

    fn summary(&self, line: &Line, reader: &Reader) -> proto::Summary {
        let summary = list::summary(line, reader.person(), &self.desk);
        if let Some(person) = reader.person().filter(|_| summary.awaits_you) {
            self.desk.delivered(line, person);
        }
        summary
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
        let people = &self.readers.people;
        let signed_in = people.share(people.sign_in(&challenge, &signature)).await.map_err(not_signed_in)?;
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
        let reviewer = self.readers.person(&request).await?;
        match (reviewer.by(), identity::bearer(request.metadata())?) {
            (KnownBy::Key(_) | KnownBy::Passkey(_), Some(token)) => {
                self.readers.people.end(token).await.map_err(not_signed_in)?;
            }
            (KnownBy::Key(_) | KnownBy::Passkey(_) | KnownBy::Provider(_), _) => {
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
        let reviewer = self.readers.person(&request).await?;
        let (by, credential) = match reviewer.by() {
            KnownBy::Key(fingerprint) => ("session", fingerprint.to_string()),
            KnownBy::Passkey(credential) => ("session", credential.to_string()),
            KnownBy::Provider(account) => ("oidc", account.to_string()),
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
            credential,
            until: reviewer.until().unix_millis(),
        }))
    }

    async fn list(
        &self,
        request: Request<proto::ListRequest>,
    ) -> Result<Response<proto::ListResponse>, Status> {
        let reader = self.readers.admit(&request).await?;
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
        let reader = proof.reader().await?;
        let patience = patience(request.metadata());
        let filter = list::filter(&request.into_inner().filter.unwrap_or_default(), &reader)?;
        let mut stopping = self.stopping.clone();
        let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        let told = self.queue.watch(filter, stopped);
        let told = told.map_err(|_| Status::resource_exhausted("too many watch the queue already"))?;
        let service = self.clone();
        let proof = Arc::new(proof);
        let stream = ReceiverStream::new(told).then(move |news| {
            let (service, proof) = (service.clone(), proof.clone());
            async move {
                // Who watches may have signed out, or left, in the meantime.
                let reader = proof.reader().await?;
                service.news(news.map_err(|error| convert::desk_error(&error))?, &reader)
            }
        });
        Ok(Response::new(Box::pin(Until::new(Box::pin(stream), patience))))
    }

    async fn show(
        &self,
        request: Request<proto::ShowRequest>,
    ) -> Result<Response<proto::Escalation>, Status> {
        let reader = self.readers.admit(&request).await?;
        let id = convert::escalation_id(&request.get_ref().escalation_id)?;
        let looks: &[Sight] = match request.get_ref().look() {
            proto::Look::Unspecified => &[Sight::Delivered],
            proto::Look::Opened => &[Sight::Delivered, Sight::Opened],
            proto::Look::Evidence => &[Sight::Delivered, Sight::Opened, Sight::Evidence],
        };
        if let Some(person) = reader.person() {
            self.desk.seen(id, person, looks).await.map_err(|error| convert::desk_error(&error))?;
        }
        let view = self.desk.show(id).await.map_err(|error| convert::desk_error(&error))?;
        let offer = Offer::of(&view.docket).map_err(convert::sidecar_error)?;
        Ok(Response::new(show::escalation(view, offer, reader.person(), &self.desk)))
    }

    async fn vote(
        &self,
        request: Request<proto::VoteRequest>,
    ) -> Result<Response<proto::VoteResponse>, Status> {
        let span = tracing::info_span!(
            "Vote",
            otel.kind = "server",
            trace = Empty,
            escalation = Empty,
            code = Empty
        );
        let traced = Traced::new(span.clone(), request.metadata());
        let voting = async {
            let reader = self.readers.admit(&request).await?;
            let request = request.into_inner();
            let id = convert::escalation_id(&request.escalation_id)?;
            span.record("escalation", tracing::field::display(id));
            let service = self.clone();
            let cast = async move { service.cast(&reader, id, request.statement, request.signature).await };
            let docket = to_its_end(cast).await?;
            Ok(Response::new(self.voted(docket)))
        };
        traced.run(voting).await
    }

    async fn draft_change(
        &self,
        request: Request<proto::DraftChangeRequest>,
    ) -> Result<Response<proto::DraftChangeResponse>, Status> {
        self.readers.admit(&request).await?;
        self.draft(request.into_inner()).await.map(Response::new)
    }

    async fn propose_change(
        &self,
        request: Request<proto::ProposeChangeRequest>,
    ) -> Result<Response<proto::VoteResponse>, Status> {
        let reader = self.readers.admit(&request).await?;
        let service = self.clone();
        let propose = async move { service.propose(&reader, request.into_inner()).await };
        let docket = to_its_end(propose).await?;
        Ok(Response::new(self.voted(docket)))
    }

    async fn who_can(
        &self,
        request: Request<proto::WhoCanRequest>,
    ) -> Result<Response<proto::WhoCanResponse>, Status> {
        self.readers.admit(&request).await?;
        self.who_can_decide(&request.get_ref().escalation_id).await.map(Response::new)
    }

    async fn pass_on(
        &self,
        request: Request<proto::PassOnRequest>,
    ) -> Result<Response<proto::PassOnResponse>, Status> {
        let reviewer = self.readers.person(&request).await?;
        let service = self.clone();
        to_its_end(async move { service.pass(&reviewer, request.get_ref()).await }).await?;
        Ok(Response::new(proto::PassOnResponse {}))
    }

    async fn set_away(
        &self,
        request: Request<proto::SetAwayRequest>,
    ) -> Result<Response<proto::SetAwayResponse>, Status> {
        let reviewer = self.readers.person(&request).await?;
        let service = self.clone();
        to_its_end(async move { service.away(&reviewer, request.get_ref()).await }).await?;
        Ok(Response::new(proto::SetAwayResponse {}))
    }

    async fn come_back(
        &self,
        request: Request<proto::ComeBackRequest>,
    ) -> Result<Response<proto::ComeBackResponse>, Status> {
        let reviewer = self.readers.person(&request).await?;
        let desk = self.desk.clone();
        let back =
            async move { desk.come_back(&reviewer).await.map_err(|error| convert::desk_error(&error)) };
        to_its_end(back).await?;
        Ok(Response::new(proto::ComeBackResponse {}))
    }

    async fn list_people(
        &self,
        request: Request<proto::ListPeopleRequest>,
    ) -> Result<Response<proto::ListPeopleResponse>, Status> {
        self.readers.admit(&request).await?;
        Ok(Response::new(self.people()))
    }

    async fn review_emergency(
        &self,
        request: Request<proto::ReviewEmergencyRequest>,
    ) -> Result<Response<proto::VoteResponse>, Status> {
        let reviewer = self.readers.person(&request).await?;
        let service = self.clone();
        let docket =
            to_its_end(async move { service.afterwards(&reviewer, request.get_ref()).await }).await?;
        Ok(Response::new(self.voted(docket)))
    }
}

fn not_signed_in(error: SignInRefused) -> Status {
    let words = format!("{error} ({})", error.code());
    match error {
        SignInRefused::Challenge => Status::invalid_argument(words),
        SignInRefused::TooMany => Status::resource_exhausted(words),
        SignInRefused::NoEntropy | SignInRefused::Unavailable => Status::unavailable(words),
        SignInRefused::Foreign
        | SignInRefused::ChallengeOver
        | SignInRefused::Answered
        | SignInRefused::Signature(_)
        | SignInRefused::UnknownKey
        | SignInRefused::Passkey(_)
        | SignInRefused::UnknownPasskey
        | SignInRefused::UnknownSession
        | SignInRefused::SessionOver
        | SignInRefused::SessionRevoked
        | SignInRefused::Token(_)
        | SignInRefused::UnknownAccount
        | SignInRefused::UnknownBearer => Status::unauthenticated(words),
    }
}

fn refused(error: &VoteRefused) -> Status {
    match error {
        VoteRefused::Desk(error) => convert::desk_error(error),
        VoteRefused::Vote(_)
        | VoteRefused::NotTheirs
        | VoteRefused::Refused(_)
        | VoteRefused::Careless(_) => Status::permission_denied(format!("{error} ({})", error.code())),
    }
}
