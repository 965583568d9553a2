//! A desk with an outbox, and channels that keep what they are given and do what the test says.

use crate::world::{World, people};
use countersign::audit::event::Event;
use countersign::clock::Clock as _;
use countersign::desk::Desk as _;
use countersign::desk::outbox::{Outbox, Settings};
use countersign::entropy::SystemEntropy;
use countersign::escalation::Channel;
use countersign::notice::{NoticeId, Told, Topic};
use countersign::notify::{Accepted, Address, Letter, Messenger, NotSent, Sending};
use countersign::party::EscalationId;
use countersign::store::{Change, Store as _};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What a channel does with a letter.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    Takes,
    Later,
    LaterAfter(Duration),
    Never,
    Gone,
    /// It takes the letter and never says so.
    Hangs,
}

/// A channel that keeps what it is given.
pub(crate) struct Post {
    kind: &'static str,
    changes: bool,
    does: Mutex<(VecDeque<Does>, Does)>,
    pub(crate) taken: Mutex<Vec<Letter>>,
    pub(crate) given: Mutex<Vec<Letter>>,
}

impl Post {
    pub(crate) fn new(kind: &'static str) -> Arc<Self> {
        Arc::new(Self {
            kind,
            changes: kind == "slack",
            does: Mutex::new((VecDeque::new(), Does::Takes)),
            taken: Mutex::default(),
            given: Mutex::default(),
        })
    }

    /// From now on it does this.
    pub(crate) fn does(&self, does: Does) {
        *self.does.lock().unwrap() = (VecDeque::new(), does);
    }

    /// It does these one after the other, then takes everything.
    pub(crate) fn does_then_takes(&self, does: &[Does]) {
        *self.does.lock().unwrap() = (does.iter().cloned().collect(), Does::Takes);
    }

    /// What it took: to whom, about what, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|letter| format!("{} {}", whom(&letter.to), letter.message.topic)).collect()
    }

    pub(crate) fn tries(&self) -> usize {
        self.given.lock().unwrap().len()
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.taken.lock().unwrap().clone()
    }

    /// The letters about this.
    pub(crate) fn about(&self, topic: Topic) -> Vec<Letter> {
        self.letters().into_iter().filter(|letter| letter.message.topic == topic).collect()
    }

    pub(crate) fn forget(&self) {
        self.taken.lock().unwrap().clear();
        self.given.lock().unwrap().clear();
    }
}

pub(crate) fn whom(address: &Address) -> String {
    match address {
        Address::Email(mailbox) => mailbox.split('@').next().unwrap().to_owned(),
        Address::SlackUser { user, .. } => user.to_string(),
        Address::SlackChannel(name) | Address::Webhook(name) => name.to_string(),
        Address::Phone(number) => number.to_string(),
        Address::Browser(id) => id.to_string(),
    }
}

impl Messenger for Post {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn can_change(&self) -> bool {
        self.changes
    }

    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(async move {
            self.given.lock().unwrap().push(letter.clone());
            let does = {
                let mut does = self.does.lock().unwrap();
                does.0.pop_front().unwrap_or_else(|| does.1.clone())
            };
            match does {
                Does::Takes => {
                    let mut taken = self.taken.lock().unwrap();
                    taken.push(letter.clone());
                    let handle = self.changes.then(|| letter.replaces.unwrap_or(format!("m{}", taken.len())));
                    Ok(Accepted { handle })
                }
                Does::Later => Err(NotSent::Later("busy".to_owned(), None)),
                Does::LaterAfter(after) => Err(NotSent::Later("busy".to_owned(), Some(after))),
                Does::Never => Err(NotSent::Never("no such address".to_owned())),
                Does::Gone => Err(NotSent::Gone("gone".to_owned())),
                Does::Hangs => {
                    self.taken.lock().unwrap().push(letter);
                    std::future::pending().await
                }
            }
        })
    }
}

/// A world with its outbox.
pub(crate) struct Hall {
    pub(crate) world: World,
    pub(crate) posts: Vec<Arc<Post>>,
    pub(crate) settings: Settings,
    pub(crate) outbox: Arc<Outbox>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Hall {
    pub(crate) fn open(policy: &str, roster: &str, posts: &[Arc<Post>], settings: Settings) -> Self {
        Self::of(World::of(policy, roster), posts, settings)
    }

    pub(crate) fn of(world: World, posts: &[Arc<Post>], settings: Settings) -> Self {
        // What lets a test wait is on the record too.
        world.make_up_events();
        let (outbox, stop, running) = run(&world, posts, &settings);
        Self { world, posts: posts.to_vec(), settings, outbox, stop, running }
    }

    /// The service ends as if it had been killed, and starts again.
    pub(crate) async fn killed_and_started(&mut self) {
        self.kill().await;
        (self.outbox, self.stop, self.running) = run(&self.world, &self.posts, &self.settings);
    }

    /// The service ends in order, and starts again.
    pub(crate) async fn restarted(&mut self) {
        self.stop.send(true).unwrap();
        (&mut self.running).await.unwrap();
        (self.outbox, self.stop, self.running) = run(&self.world, &self.posts, &self.settings);
    }

    /// Lets everything happen that happens by itself now.
    pub(crate) async fn settle(&self) {
        // Whatever is to be recorded is, once something that came after it is; and may bring more.
        for _ in 0..3 {
            for _ in 0..40 {
                tokio::task::yield_now().await;
            }
            let marker = Event::ClockInDoubt { wall: self.now() };
            self.world.store.commit(Change::of(self.now(), [marker])).await.unwrap();
        }
    }

    /// So much time passes, in steps in which everything happens that is due.
    pub(crate) async fn pass(&self, seconds: u64) {
        let step = (seconds / 40).max(1);
        let mut left = seconds;
        while left > 0 {
            let now = step.min(left);
            self.world.clock.advance(Duration::from_secs(now));
            // Where there is much, nobody in these tests waits for what falls due by itself.
            for id in Some(self.world.open()).filter(|open| open.len() < 50).into_iter().flatten() {
                drop(self.world.desk.docket(id).await);
            }
            // There is no such notice, but it looks at the clock.
            self.outbox.retry(NoticeId::parse("not_AAAAAAAAAAAAAAAAAAAAAA"));
            self.settle().await;
            left -= now;
        }
    }

    pub(crate) async fn escalate(&self, action: &str, resource: &str) -> EscalationId {
        let id = self.world.escalate(World::ask(action, resource, r#"{"n": 1}"#)).await;
        self.settle().await;
        id
    }

    pub(crate) async fn kill(&mut self) {
        self.running.abort();
        while !self.running.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// What was recorded of telling people.
    pub(crate) fn recorded(&self) -> Vec<Told> {
        let records = (0..self.world.store.len()).map(|index| self.world.store.record(index).unwrap().event);
        records.filter_map(|event| if let Event::Told(told) = event { Some(*told) } else { None }).collect()
    }

    pub(crate) fn now(&self) -> countersign::moment::Moment {
        self.world.clock.now()
    }
}

type Started = (Arc<Outbox>, watch::Sender<bool>, tokio::task::JoinHandle<()>);

fn run(world: &World, posts: &[Arc<Post>], settings: &Settings) -> Started {
    let messengers = posts.iter().map(|post| post.clone() as Arc<dyn Messenger>).collect();
    let outbox = Outbox::new(world.desk.clone(), messengers, settings.clone(), Arc::new(SystemEntropy));
    let outbox = Arc::new(outbox);
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(outbox.clone().run(stopping));
    (outbox, stop, running)
}

/// Two on call and a lead, with mailboxes and Slack. Bob is away: he is not asked, and can decide all the same.
pub(crate) fn staff() -> String {
    staff_with("")
}

/// … where Bob is there.
pub(crate) fn everybody() -> String {
    staff_with("").replace(AWAY, "")
}

const AWAY: &str = ", away: [{from: 2026-11-01, until: 2026-12-31}]";

/// … where more is said of Ada.
pub(crate) fn staff_with(ada: &str) -> String {
    people(
        "oncall, lead",
        &[
            (
                "ada",
                &format!(
                    "roles: [oncall], accounts: [ada@example.com, 'slack:T01:UADA', 'tel:+15550100']{ada}"
                ),
            ),
            ("bob", &format!("roles: [oncall], accounts: [bob@example.com, 'slack:T01:UBOB']{AWAY}")),
            ("cyd", "roles: [lead], accounts: [cyd@example.com, 'slack:T01:UCYD']"),
        ],
    )
}

/// Everybody on call may agree, within half an hour; `more` is said of how.
pub(crate) fn policy(more: &str) -> String {
    format!(
        "version: 1
name: channels
roles: [oncall, lead]
defaults: {{timeout: 30m, claim_within: 10m}}
escalations: {{open_per_agent: 1000}}
classify:
  - {{action: \"do.*\", kind: update}}
rules:
  - name: ask
    match: {{action: \"do.*\"}}
    decision: escalate
    escalation:
      reviewers: [role:oncall]
{more}
levels:
  low: allow
  medium: {{decision: escalate, escalation: {{reviewers: [role:oncall]}}}}
  high: {{decision: escalate, escalation: {{reviewers: [role:oncall]}}}}
  critical: deny
"
    )
}

pub(crate) fn team() -> Settings {
    Settings { team: vec![Channel::parse("email:team@example.com").unwrap()], ..Settings::default() }
}
