//! The outbox: everyone who must know is told in time, once, by a way that works, and a restart forgets nobody.
//!
//! What is owed follows from the record ([`plan`](crate::notice::plan)), and so do the ids. So nothing has to be kept
//! besides the record: what was told is recorded in it, and whatever is owed and was not told is sent, after a restart
//! as before. Between sending and recording there may be a crash; then it is sent again, with the same id. No decision
//! waits for any of this.

mod address;
mod board;
mod compose;
mod outcome;
mod parcel;
mod recall;
mod round;
mod shared;
mod waiting;

pub use compose::Paths;

use super::LocalDesk;
use super::links::Links;
use crate::audit::event::Saturated;
use crate::entropy::Entropy;
use crate::escalation::Channel;
use crate::moment::Moment;
use crate::notice::{Message, NoticeId, Owed, Recipient, Topic, Urgency};
use crate::notify::{Accepted, Letter, Messenger, NotSent};
use crate::party::{EscalationId, PersonId};
use crate::reviewer::profile::{Changed, Profile};
use board::Board;
use core::time::Duration;
use shared::Shared;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// How many news may wait to be taken up; what comes when there is no room is not told.
const NEWS: usize = 1024;
/// How long one try may take; what has not answered by then may have arrived.
pub const TRY: Duration = Duration::from_secs(35);

/// How many messages of their own one person gets in a time; what comes besides is told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many.
    pub messages: u16,
    /// In so long a time.
    pub within: Duration,
}

impl Default for Limit {
    fn default() -> Self {
        Self { messages: 6, within: Duration::from_secs(600) }
    }
}

/// Finds what somebody set up themselves.
pub type ProfileOf = Arc<dyn Fn(&PersonId) -> Profile + Send + Sync>;
/// Finds the browsers that somebody subscribed, by the ids of the subscriptions.
pub type BrowsersOf = Arc<dyn Fn(&PersonId) -> Vec<Box<str>> + Send + Sync>;

/// How people are told.
#[derive(Clone)]
pub struct Settings {
    /// Where browsers reach the console, as an origin.
    pub console: Option<Box<str>>,
    /// Seals what a message lets its reader do.
    pub links: Option<Arc<Links>>,
    /// Where the team reads what concerns nobody in particular.
    pub team: Vec<Channel>,
    /// After how long the next channel takes over.
    pub fail_over_after: Duration,
    /// How many messages one person gets.
    pub limit: Limit,
    /// What people set up themselves.
    pub profile: ProfileOf,
    /// The browsers that people subscribed.
    pub browsers: BrowsersOf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            console: None,
            links: None,
            team: Vec::new(),
            fail_over_after: Duration::from_secs(20),
            limit: Limit::default(),
            profile: Arc::new(|_| Profile::default()),
            browsers: Arc::new(|_| Vec::new()),
        }
    }
}

/// How a channel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its kind.
    pub kind: &'static str,
    /// How many messages it took since the start, changes of earlier ones among them.
    pub delivered: u64,
    /// How many tries failed since the start.
    pub failed: u64,
    /// When it last took one.
    pub last_success: Option<Moment>,
    /// When it last did not, and why.
    pub last_failure: Option<(Moment, String)>,
    /// How many messages wait for it or are under way.
    pub waiting: usize,
    /// The addresses of it that are gone, and told nothing until a restart.
    pub gone: Vec<String>,
}

/// A notice that nobody tries to bring any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Which.
    pub notice: NoticeId,
    /// What it is about.
    pub topic: Topic,
    /// Who was not told.
    pub to: Recipient,
    /// The escalation that it concerns, if it concerns one.
    pub escalation: Option<EscalationId>,
    /// By which channel it was tried last.
    pub channel: Channel,
    /// How often it was tried, by all channels.
    pub attempts: u32,
    /// When it was given up.
    pub at: Moment,
    /// Why.
    pub why: String,
}

/// Something to be told that is no escalation.
enum News {
    Saturated(Box<Saturated>, Moment),
    Account(Changed),
}

/// The outbox of a desk.
pub struct Outbox {
    desk: Arc<LocalDesk>,
    messengers: BTreeMap<&'static str, Arc<dyn Messenger>>,
    settings: Settings,
    entropy: Arc<dyn Entropy>,
    board: Mutex<Board>,
    news: mpsc::Sender<News>,
    heard: tokio::sync::Mutex<mpsc::Receiver<News>>,
    poke: Notify,
    /// What the replicas of this outbox share, where there are several.
    shared: Option<Shared>,
}

impl Outbox {
    /// An outbox that brings messages by these channels once it [runs](Self::run).
    #[must_use]
    pub fn new(
        desk: Arc<LocalDesk>,
        messengers: Vec<Arc<dyn Messenger>>,
        settings: Settings,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let mut board = Board::default();
        for messenger in &messengers {
            let kind = messenger.kind();
            let standing = Standing {
                kind,
                delivered: 0,
                failed: 0,
                last_success: None,
                last_failure: None,
                waiting: 0,
                gone: Vec::new(),
            };
            board.standing.insert(kind, standing);
        }
        let messengers = messengers.into_iter().map(|messenger| (messenger.kind(), messenger)).collect();
        let (news, heard) = mpsc::channel(NEWS);
        let (board, heard) = (Mutex::new(board), tokio::sync::Mutex::new(heard));
        Self { desk, messengers, settings, entropy, board, news, heard, poke: Notify::new(), shared: None }
    }

    /// Whether there is any channel. Without one nothing is ever done.
    #[must_use]
    pub fn has_channels(&self) -> bool {
        !self.messengers.is_empty()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Too much is asked of people, or not any more: the team is told.
    pub fn saturated(&self, saturated: &Saturated, at: Moment) {
        // It waits for nobody. Where there is no channel nobody takes it up.
        drop(self.news.try_send(News::Saturated(Box::new(saturated.clone()), at)));
    }

    /// Somebody's own account changed: they are told, wherever it was changed from.
    pub fn account_changed(&self, changed: Changed) {
        drop(self.news.try_send(News::Account(changed)));
    }

    /// How each channel does, by its kind.
    #[must_use]
    pub fn standing(&self) -> Vec<Standing> {
        let board = self.board();
        let mut all: Vec<Standing> = board.standing.values().cloned().collect();
        for one in &mut all {
            let legs = board.parcels().flat_map(|parcel| &parcel.legs);
            one.waiting = legs.filter(|leg| leg.channel.kind() == one.kind && leg.waits()).count();
            let gone = board.gone.iter().filter(|gone| gone.split(':').next() == Some(one.kind));
            one.gone = gone.cloned().collect();
        }
        all
    }

    /// How many notices are held back, for quiet hours or to be told together.
    #[must_use]
    pub fn held(&self) -> usize {
        self.board().held()
    }

    /// What was given up since the start and not tried again, the latest first; a thousand at most.
    #[must_use]
    pub fn dead(&self) -> Vec<Dead> {
        self.board().dead.iter().rev().map(|(dead, _)| dead.clone()).collect()
    }

    /// Tries what was given up again, all of it or one notice; says how many are still worth it.
    pub fn retry(&self, which: Option<NoticeId>) -> usize {
        let count = self.board().retry(which, self.desk.now());
        self.poke.notify_one();
        count
    }

    /// Sends a test message, and says what came of it.
    ///
    /// # Errors
    /// [`NotSent`], also where there is no such channel or address.
    pub async fn test(&self, to: &Channel) -> Result<Accepted, NotSent> {
        let Some(messenger) = self.messengers.get(to.kind()) else {
            return Err(NotSent::Never(format!("the channel `{}` is not configured", to.kind())));
        };
        let Some(address) = address::address(to) else {
            return Err(NotSent::Never(format!("`{}` is no address of this channel", to.as_str())));
        };
        let now = self.desk.now();
        let recipient = Recipient::Place(to.as_str().into());
        let moment = now.to_string();
        let message = Message {
            notice: NoticeId::of(&[b"test", moment.as_bytes()], &recipient),
            topic: Topic::Account,
            urgency: Urgency::Normal,
            headline: "a test message from Countersign: nothing has to be done".to_owned(),
            lines: Vec::new(),
            operation: None,
            level: None,
            link: self.settings.console.as_deref().map(str::to_owned),
            actions: Vec::new(),
            until: now.plus(Duration::from_secs(600)),
        };
        send(messenger.as_ref(), Letter { to: address, message, replaces: None }).await
    }

    fn paths(&self) -> Paths<'_> {
        Paths { console: self.settings.console.as_deref(), links: self.settings.links.as_deref() }
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.messengers.keys().copied().collect()
    }

    fn owe_news(&self, news: News) -> Vec<Owed> {
        match news {
            News::Saturated(saturated, at) => self.about_saturation(&saturated, at),
            News::Account(Changed { person, what, at, revision }) => {
                // Each change makes another revision.
                let cause: [&[u8]; 1] = [&revision.to_be_bytes()];
                vec![Owed::news(Topic::Account, &cause, Recipient::Person(person), &what, at)]
            }
        }
    }

    fn about_saturation(&self, saturated: &Saturated, at: Moment) -> Vec<Owed> {
        let says = crate::audit::event::Event::Saturated(saturated.clone()).sentence();
        let millis = at.unix_millis().to_be_bytes();
        let places = self.settings.team.iter().filter(|place| place.which().is_some());
        let to = places.map(|place| Recipient::Place(place.as_str().into()));
        to.map(|to| Owed::news(Topic::Saturated, &[&millis, says.as_bytes()], to, &says, at)).collect()
    }
}

/// Tries once, for a limited time.
async fn send(messenger: &dyn Messenger, letter: Letter) -> Result<Accepted, NotSent> {
    match tokio::time::timeout(TRY, messenger.send(letter)).await {
        Ok(result) => result,
        Err(_) => Err(NotSent::Later("no answer in time".to_owned(), None)),
    }
}
