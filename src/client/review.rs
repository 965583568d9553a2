//! A reviewer's connection: read what waits, and cast a signed vote.

use super::change::{Able, Change, Draft, Whereabouts, WhoCan};
use super::types::{Escalation, Filter, Listed, News, Order, Status};
use super::{ClientError, Connect};
use crate::proto::{self, review_client::ReviewClient as Inner};
use tonic::transport::Channel;

/// A session that has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The bearer token: for [`Connect::with_bearer`], and for nobody else's eyes.
    pub session: String,
    /// Whose it is.
    pub person: String,
    /// When it ends, in Unix milliseconds.
    pub until: u64,
}

impl core::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SignedIn({} until {})", self.person, self.until)
    }
}

/// A person of the roster, and how the desk knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Myself {
    /// Their id.
    pub person: String,
    /// What they are called.
    pub name: String,
    /// The roles that they hold.
    pub roles: Vec<String>,
    /// The teams that they belong to.
    pub teams: Vec<String>,
    /// `session` or `oidc`.
    pub by: String,
    /// The fingerprint of the key that signed in, or the account that the provider vouches for.
    pub credential: String,
    /// Until when that holds, in Unix milliseconds.
    pub until: u64,
}

/// A reviewer's connection to the desk.
#[derive(Clone, Debug)]
pub struct ReviewClient {
    inner: Inner<Channel>,
    connect: Connect,
}

impl ReviewClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Target`] or [`ClientError::Unreachable`].
    pub async fn connect(connect: Connect) -> Result<Self, ClientError> {
        let channel = connect.channel().await?;
        let inner = Inner::new(channel).max_decoding_message_size(16 * 1024 * 1024);
        Ok(Self { inner, connect })
    }

    /// What `person` has to sign to sign in; look at it before that.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn challenge(&self, person: &str) -> Result<String, ClientError> {
        let request = self.connect.request(proto::ChallengeRequest { person: person.to_owned() });
        Ok(self.inner.clone().challenge(request).await?.into_inner().challenge)
    }

    /// Begins a session with an armoured SSH signature over a challenge, for the namespace
    /// `countersign-sign-in@v1`. Its token is the bearer token of further connections.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the signature is not the person's, with the reason.
    pub async fn sign_in(&self, challenge: &str, signature: String) -> Result<SignedIn, ClientError> {
        let proof = Some(proto::sign_in_request::Proof::SshSignature(signature));
        let request = self.connect.request(proto::SignInRequest { challenge: challenge.to_owned(), proof });
        let proto::SignInResponse { session, person, until } =
            self.inner.clone().sign_in(request).await?.into_inner();
        Ok(SignedIn { session, person, until })
    }

    /// Ends the session that this connection shows.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if there is none.
    pub async fn sign_out(&self) -> Result<(), ClientError> {
        self.inner.clone().sign_out(self.connect.request(proto::SignOutRequest {})).await?;
        Ok(())
    }

    /// Which person of the roster the desk takes this connection for.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if it may be anybody's.
    pub async fn who_am_i(&self) -> Result<Myself, ClientError> {
        let request = self.connect.request(proto::WhoAmIRequest {});
        let proto::WhoAmIResponse { person, name, roles, teams, by, credential, until } =
            self.inner.clone().who_am_i(request).await?.into_inner();
        Ok(Myself { person, name, roles, teams, by, credential, until })
    }

    /// A page of the escalations that a filter takes: the first, or the one after that which gave this token. At most
    /// `limit` of them, 500 at most.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn list(
        &self,
        filter: Filter,
        order: Order,
        limit: u32,
        after: Option<String>,
    ) -> Result<Listed, ClientError> {
        let request = proto::ListRequest {
            filter: Some(filter.into()),
            order: proto::Order::from(order).into(),
            limit,
            page_token: after.unwrap_or_default(),
        };
        self.inner.clone().list(self.connect.request(request)).await?.into_inner().try_into()
    }

    /// Watches what changes among the escalations that a filter describes, in whatever state they are.
    ///
    /// # Errors
    /// [`ClientError`] if they can't be watched.
    pub async fn watch(&self, filter: Filter) -> Result<Watching, ClientError> {
        let request = self.connect.request(proto::WatchRequest { filter: Some(filter.into()) });
        Ok(Watching(self.inner.clone().watch(request).await?.into_inner()))
    }

    /// One escalation, whole, for a program.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn show(&self, escalation: &str) -> Result<Escalation, ClientError> {
        self.look(escalation, proto::Look::Unspecified).await
    }

    /// One escalation, whole, to be put before the person who calls with all its evidence: the desk records that they
    /// have seen it.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn look_at(&self, escalation: &str) -> Result<Escalation, ClientError> {
        self.look(escalation, proto::Look::Evidence).await
    }

    async fn look(&self, escalation: &str, look: proto::Look) -> Result<Escalation, ClientError> {
        let message = proto::ShowRequest { escalation_id: escalation.to_owned(), look: look.into() };
        let request = self.connect.request(message);
        self.inner.clone().show(request).await?.into_inner().try_into()
    }

    /// Casts a signed vote; says how the escalation stands then, with how many approvals, and why.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the vote does not count, with the reason.
    pub async fn vote(
        &self,
        escalation: &str,
        statement: Vec<u8>,
        signature: String,
    ) -> Result<(Status, u32, Vec<String>), ClientError> {
        let message = proto::VoteRequest { escalation_id: escalation.to_owned(), statement, signature };
        standing(self.inner.clone().vote(self.connect.request(message)).await?.into_inner())
    }

    /// What a changed operation would look like, and what the policy says to it.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the policy denies it, or it is not pending.
    pub async fn draft_change(&self, escalation: &str, change: Change) -> Result<Draft, ClientError> {
        let escalation_id = escalation.to_owned();
        let message = proto::DraftChangeRequest { escalation_id, operation: Some(change.into()) };
        self.inner.clone().draft_change(self.connect.request(message)).await?.into_inner().try_into()
    }

    /// Proposes a changed operation with a vote for it, in the escalation that its draft names.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if it can't be proposed, with the reason.
    pub async fn propose_change(
        &self,
        escalation: &str,
        change: Change,
        statement: Vec<u8>,
        signature: String,
    ) -> Result<(Status, u32, Vec<String>), ClientError> {
        let (escalation_id, operation) = (escalation.to_owned(), Some(change.into()));
        let message = proto::ProposeChangeRequest { escalation_id, operation, statement, signature };
        standing(self.inner.clone().propose_change(self.connect.request(message)).await?.into_inner())
    }

    /// Who can still decide an escalation, and who of them was asked.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn who_can(&self, escalation: &str) -> Result<WhoCan, ClientError> {
        let message = proto::WhoCanRequest { escalation_id: escalation.to_owned() };
        let answer = self.inner.clone().who_can(self.connect.request(message)).await?.into_inner();
        let able = |one: proto::AblePerson| Able { person: one.person, asked: one.asked, why: one.why };
        Ok(WhoCan {
            sets: answer.sets.into_iter().map(|set| set.people).collect(),
            people: answer.people.into_iter().map(able).collect(),
        })
    }

    /// Passes an escalation that the caller was asked about on to somebody else.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if they were not asked, or the other can't decide it.
    pub async fn pass_on(&self, escalation: &str, to: &str) -> Result<(), ClientError> {
        let message = proto::PassOnRequest { escalation_id: escalation.to_owned(), to: to.to_owned() };
        self.inner.clone().pass_on(self.connect.request(message)).await?;
        Ok(())
    }

    /// Says when the caller is away, in Unix milliseconds (from now on if `from` is 0), and who stands in.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if that can't be.
    pub async fn set_away(&self, from: u64, until: u64, delegate: &str) -> Result<(), ClientError> {
        let message = proto::SetAwayRequest { from, until, delegate: delegate.to_owned() };
        self.inner.clone().set_away(self.connect.request(message)).await?;
        Ok(())
    }

    /// Ends whatever absence the caller is in.
    ///
    /// # Errors
    /// [`ClientError`] if it was not recorded.
    pub async fn come_back(&self) -> Result<(), ClientError> {
        self.inner.clone().come_back(self.connect.request(proto::ComeBackRequest {})).await?;
        Ok(())
    }

    /// Who of the roster is there, by id.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn people(&self) -> Result<Vec<Whereabouts>, ClientError> {
        let request = self.connect.request(proto::ListPeopleRequest {});
        let answer = self.inner.clone().list_people(request).await?.into_inner();
        let whereabouts = |one: proto::PersonThere| {
            let proto::PersonThere { person, there, words, stands_in_for } = one;
            Whereabouts { person, there, words, stands_in_for }
        };
        Ok(answer.people.into_iter().map(whereabouts).collect())
    }

    /// Reviews an emergency approval afterwards.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if no review is due, or the caller can't.
    pub async fn review_emergency(
        &self,
        escalation: &str,
        justified: bool,
        note: &str,
    ) -> Result<(Status, u32, Vec<String>), ClientError> {
        let (escalation_id, note) = (escalation.to_owned(), note.to_owned());
        let message = proto::ReviewEmergencyRequest { escalation_id, justified, note };
        standing(self.inner.clone().review_emergency(self.connect.request(message)).await?.into_inner())
    }
}

/// How an escalation stands, with how many approvals, and why.
fn standing(answer: proto::VoteResponse) -> Result<(Status, u32, Vec<String>), ClientError> {
    Ok((answer.status.try_into()?, answer.approvals, answer.reasons))
}

/// The queue being watched.
#[derive(Debug)]
pub struct Watching(tonic::Streaming<proto::WatchResponse>);

impl Watching {
    /// The next news; `None` when the service stops.
    ///
    /// # Errors
    /// [`ClientError`] if the connection broke, or the proof of who watches is not good any more.
    pub async fn next(&mut self) -> Result<Option<News>, ClientError> {
        self.0.message().await?.map(News::try_from).transpose()
    }
}
