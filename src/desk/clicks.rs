//! Buttons that people press in a chat, from the press to the vote.
//!
//! The chat signs what it sends and says who pressed; the roster says who that is, by the account alone. Whoever the roster
//! doesn't know is told so, and nothing is recorded as theirs. A press opens a dialog that shows once more what is decided
//! and asks why; sending that off is the vote, at the assurance of a channel. Where the rule wants more, a press leads to
//! the page where that can be had. A card that is out of date says so and is changed.

use super::View;
use super::answer::{Answer, NotAnswered};
use super::links::{LinkRefused, Links, Offered};
use super::local::LocalDesk;
use super::once::{Again, Once};
use super::outbox::Paths;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::escalation::Sight;
use crate::escalation::vote::Reason;
use crate::moment::Moment;
use crate::notice::{Message, NoticeId, Owed, Recipient, Topic, Urgency};
pub use crate::notify::chat::REASON;
use crate::notify::chat::{CALLBACK, Chat, Dialog};
use crate::party::PersonId;
use crate::presence::slack::{Act, Interaction, Member, Place, SigningSecret, SlackError, WINDOW};
use crate::store::shared::Ephemeral;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many presses are looked into at once.
const AT_ONCE: usize = 64;
/// How long the chat waits for an answer: three seconds, less the way.
const PATIENCE: Duration = Duration::from_millis(2500);
/// What a dialog says whose answer is not known yet.
const UNSURE: &str = "this takes longer than it should; look at the request's page whether it was recorded";

/// The buttons of one workspace.
pub struct Clicks {
    desk: Arc<LocalDesk>,
    chat: Arc<dyn Chat>,
    secret: SigningSecret,
    team: Box<str>,
    links: Arc<Links>,
    /// Where browsers reach the console, as an origin.
    console: Box<str>,
    once: Once,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    room: Arc<Semaphore>,
}

/// What the buttons stand on.
pub struct Workspace {
    /// The desk.
    pub desk: Arc<LocalDesk>,
    /// The chat.
    pub chat: Arc<dyn Chat>,
    /// With what the chat signs.
    pub secret: SigningSecret,
    /// The workspace (`T…`).
    pub team: Box<str>,
    /// Knows the buttons again.
    pub links: Arc<Links>,
    /// Where browsers reach the console, as an origin.
    pub console: Box<str>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Why what came is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClickRefused {
    /// It is not the chat's, or says nothing that can be acted on.
    Slack(SlackError),
    /// Too much comes at once.
    TooMuch,
}

impl fmt::Display for ClickRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slack(error) => error.fmt(f),
            Self::TooMuch => f.write_str("too much comes at once; try again"),
        }
    }
}

impl std::error::Error for ClickRefused {}

/// What the chat is answered at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: it was taken.
    Taken,
    /// The dialog can be closed.
    Close,
    /// The dialog stays open, with these words at the reason.
    Mend(String),
}

impl Clicks {
    /// Takes what is pressed in this workspace.
    #[must_use]
    pub fn new(workspace: Workspace) -> Self {
        let Workspace { desk, chat, secret, team, links, console, clock, entropy } = workspace;
        // Signed up to five minutes ago or ahead.
        let once = Once::new(clock.clone(), WINDOW.saturating_mul(2));
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Self { desk, chat, secret, team, links, console, once, clock, entropy, room }
    }

    /// … of which each press counts once at whichever replica of this desk it comes.
    #[must_use]
    pub fn sharing(mut self, shared: Arc<dyn Ephemeral>) -> Self {
        self.once = self.once.sharing("press", shared);
        self
    }

    /// Takes a request as it came, and answers in time. What takes longer goes on.
    ///
    /// # Errors
    /// [`ClickRefused`] for what is not the chat's.
    pub async fn take(
        self: &Arc<Self>,
        timestamp: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<Reply, ClickRefused> {
        let authentic = self.secret.verify(timestamp, signature, body, self.clock.now());
        let interaction =
            authentic.and_then(|authentic| authentic.interaction()).map_err(ClickRefused::Slack)?;
        let Some((trigger, at)) = interaction.once() else { return Ok(Reply::Taken) };
        match self.once.came(&[trigger, at]).await {
            Ok(()) => {}
            // Sent again, by the chat or by somebody who has recorded it: what it did is done.
            Err(Again::Before) => return Ok(Reply::Taken),
            Err(Again::TooMuch) => return Err(ClickRefused::TooMuch),
        }
        let room = self.room.clone().try_acquire_owned().map_err(|_| ClickRefused::TooMuch)?;
        let submits = matches!(interaction.act, Act::Submitted { .. });
        let clicks = self.clone();
        let acting = tokio::spawn(async move {
            let reply = clicks.act(interaction).await;
            drop(room);
            reply
        });
        match tokio::time::timeout(PATIENCE, acting).await {
            Ok(Ok(reply)) => Ok(reply),
            // A dialog that closed would say that it counts.
            Ok(Err(_)) | Err(_) if submits => Ok(Reply::Mend(UNSURE.to_owned())),
            Ok(Err(_)) | Err(_) => Ok(Reply::Taken),
        }
    }

    async fn act(&self, interaction: Interaction) -> Reply {
        let Interaction { by, trigger, act } = interaction;
        match act {
            Act::Pressed { value, place, .. } => {
                self.pressed(&by, &trigger, &value, place.as_ref()).await;
                Reply::Taken
            }
            Act::Submitted { callback, metadata, values, .. } if &*callback == CALLBACK => {
                let reason = values.iter().find(|(name, _)| &**name == REASON);
                let reason = reason.map_or("", |(_, reason)| reason);
                self.submitted(&by, &metadata, reason).await
            }
            Act::Submitted { .. } | Act::Other => Reply::Taken,
        }
    }

    /// Who of the roster this is: by the account that was enrolled, exactly, and by nothing that they call themselves.
    fn person(&self, member: &Member) -> Option<PersonId> {
        let account = member.account();
        let directory = self.desk.directory();
        let person = directory.person_known_as(&account)?;
        let enrolled = person.accounts.iter().any(|own| own.eq_ignore_ascii_case(&account));
        (enrolled && member.team() == &*self.team).then(|| person.id.clone())
    }

    async fn whisper(&self, to: &Member, place: Option<&Place>, words: String, link: Option<String>) {
        let Some(place) = place else { return };
        if let Err(error) = self.chat.whisper(&place.channel, to.user(), words, link).await {
            tracing::warn!(%error, "somebody who pressed a button could not be answered");
        }
    }

    fn page(&self, offered: &Offered) -> String {
        let intent = if offered.approves { "approve" } else { "deny" };
        format!("{}/e/{}?intent={intent}", self.console, offered.escalation)
    }

    async fn pressed(&self, by: &Member, trigger: &str, value: &str, place: Option<&Place>) {
        let Some(offered) = self.links.pressed(value) else {
            return self.whisper(by, place, "this button is not one of ours".to_owned(), None).await;
        };
        let Some(person) = self.person(by) else {
            tracing::warn!(account = by.account(), escalation = %offered.escalation, "a stranger pressed a button");
            let words = format!(
                "you are not a reviewer here ({} is not enrolled), so nothing was recorded",
                by.account()
            );
            return self.whisper(by, place, words, None).await;
        };
        if let Err(refused) = self.desk.still_open(&offered, &person).await {
            return self.out_of_date(by, place, &offered, &refused).await;
        }
        match self.desk.would_count(&person, offered, &*self.entropy).await {
            Ok(()) => {}
            Err(refused @ NotAnswered::StepUp) => {
                return self.whisper(by, place, refused.to_string(), Some(self.page(&offered))).await;
            }
            Err(refused) => {
                tracing::info!(%person, escalation = %offered.escalation, %refused, "pressed in vain");
                return self.whisper(by, place, refused.to_string(), Some(self.page(&offered))).await;
            }
        }
        let Ok(view) = self.desk.show(offered.escalation).await else {
            return self.whisper(by, place, "it can't be shown just now".to_owned(), None).await;
        };
        let metadata = Metadata { offered, place: place.cloned() };
        let message = self.message(&view, Topic::Asked);
        // Nobody approves in a dialog what that doesn't show whole.
        if offered.approves && message.operation.as_ref().is_none_or(|operation| operation.more > 0) {
            let words = "this is too long for a dialog: open it, and decide there".to_owned();
            return self.whisper(by, place, words, Some(self.page(&offered))).await;
        }
        let dialog = Dialog { message, approves: offered.approves, metadata: metadata.write(&self.links) };
        if let Err(error) = self.chat.ask(trigger, dialog).await {
            tracing::warn!(%error, "a dialog could not be opened");
            let words = "the dialog could not be opened: press again, or decide on the page".to_owned();
            return self.whisper(by, place, words, Some(self.page(&offered))).await;
        }
        // They have all of it before them, and are known.
        let seen = [Sight::Delivered, Sight::Opened];
        if let Err(error) = self.desk.seen(offered.escalation, &person, &seen).await {
            tracing::warn!(%error, "that a dialog was opened is not recorded");
        }
    }

    async fn submitted(&self, by: &Member, metadata: &str, reason: &str) -> Reply {
        let Some(Metadata { offered, place }) = Metadata::read(metadata, &self.links) else {
            return Reply::Mend("this dialog is not one of ours".to_owned());
        };
        let Some(person) = self.person(by) else {
            return Reply::Mend("you are not a reviewer here, so nothing was recorded".to_owned());
        };
        let reason = match Reason::new(reason) {
            Ok(reason) => reason,
            Err(error) => return Reply::Mend(error.to_string()),
        };
        let answer = Answer { person: person.clone(), offered, reason };
        match self.desk.answer(answer, &*self.entropy).await {
            Ok(docket) => {
                tracing::info!(%person, escalation = %docket.id, "voted in the chat");
                let said = if offered.approves { "approval" } else { "denial" };
                let status = docket.escalation.status(self.desk.now());
                let words = format!("your {said} is recorded: it is {status} now");
                self.whisper(by, place.as_ref(), words, None).await;
                Reply::Close
            }
            Err(NotAnswered::StepUp) => {
                Reply::Mend(format!("{}: {}", NotAnswered::StepUp, self.page(&offered)))
            }
            Err(refused) => {
                if let Err(over) = self.desk.still_open(&offered, &person).await {
                    self.out_of_date(by, place.as_ref(), &offered, &over).await;
                }
                Reply::Mend(refused.to_string())
            }
        }
    }

    /// Says what happened, and has the card say it too.
    async fn out_of_date(&self, by: &Member, place: Option<&Place>, offered: &Offered, why: &LinkRefused) {
        let words = match why {
            LinkRefused::Used => "you have decided this already".to_owned(),
            LinkRefused::Foreign
            | LinkRefused::Over(_)
            | LinkRefused::Ended(_)
            | LinkRefused::Changed
            | LinkRefused::Desk(_) => why.to_string(),
        };
        self.whisper(by, place, words, Some(self.page(offered))).await;
        let over = matches!(why, LinkRefused::Ended(_) | LinkRefused::Changed);
        let (Some(place), true) = (place, over) else { return };
        let Ok(view) = self.desk.show(offered.escalation).await else { return };
        let handle = self.chat.handle(&place.channel, &place.message);
        if let Err(error) = self.chat.replace(&handle, self.message(&view, Topic::Updated)).await {
            tracing::warn!(%error, "a card that is out of date could not be changed");
        }
    }

    /// What the card says, without anything that can be done from it.
    fn message(&self, view: &View, topic: Topic) -> Message {
        let to = Recipient::Place("slack".into());
        let (now, id) = (self.desk.now(), view.docket.id);
        let owed = Owed {
            notice: NoticeId::of(&[id.as_bytes(), b"clicked"], &to),
            topic,
            escalation: Some(id),
            to,
            since: now,
            urgency: Urgency::Normal,
            hold_until: now,
            until: Moment::from_unix_millis(u64::MAX),
            says: None,
        };
        let message = self.desk.compose(view, &owed, Paths { console: Some(&self.console), links: None });
        Message { actions: Vec::new(), ..message }
    }
}

/// What a dialog is opened with, and brings back: the button's own seal, and where it was pressed.
struct Metadata {
    offered: Offered,
    place: Option<Place>,
}

impl Metadata {
    fn write(&self, links: &Links) -> String {
        let button = links.button(&self.offered);
        match &self.place {
            Some(place) => format!("{button}|{}|{}", place.channel, place.message),
            None => button,
        }
    }

    fn read(text: &str, links: &Links) -> Option<Self> {
        let mut parts = text.split('|');
        let offered = links.pressed(parts.next()?)?;
        let place = match (parts.next(), parts.next()) {
            (Some(channel), Some(message)) => {
                Some(Place { channel: channel.into(), message: message.into() })
            }
            _ => None,
        };
        Some(Self { offered, place })
    }
}
