//! Replicas over the record of one world, each with a memory of its own, and what they share.

use crate::support::FLEET;
use crate::world::World;
use arc_swap::ArcSwap;
use countersign::audit::event::Event;
use countersign::clock::{Clock as _, ManualClock};
use countersign::condition::ConditionKind;
use countersign::desk::LocalDesk;
use countersign::entropy::SystemEntropy;
use countersign::moment::Moment;
use countersign::party::ExecutorId;
use countersign::sidecar::brake::{Brake, Order, Written};
use countersign::sidecar::memory::Memories;
use countersign::sidecar::profiles::ProfileBook;
use countersign::sidecar::{InForce, Sidecar};
use countersign::store::follow::Following;
use countersign::store::shared::{Claims, Sharing, Work};
use countersign::store::{Change, Store as _};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One desk of several.
pub(crate) struct Replica {
    pub(crate) following: Arc<Following>,
    pub(crate) in_force: Arc<ArcSwap<InForce>>,
    pub(crate) desk: Arc<LocalDesk>,
    pub(crate) brake: Arc<Brake>,
    pub(crate) profiles: Arc<ProfileBook>,
    pub(crate) sidecar: Arc<Sidecar>,
    pub(crate) claims: Arc<Holder>,
}

/// What has been taken on, by whom, and until when.
pub(crate) struct Ledger {
    clock: Arc<ManualClock>,
    held: Mutex<HashMap<Work, (usize, Moment)>>,
}

impl Ledger {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self { clock, held: Mutex::default() })
    }
}

/// One who takes work on.
pub(crate) struct Holder {
    ledger: Arc<Ledger>,
    number: usize,
}

impl Claims for Holder {
    fn claim(&self, work: Vec<Work>, hold: Duration) -> Sharing<'_, Vec<Work>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let now = self.ledger.clock.now();
            let mut held = self.ledger.held.lock().unwrap();
            let free =
                |one: &Work| held.get(one).is_none_or(|(by, until)| *by == self.number || *until <= now);
            let taken: Vec<Work> = work.into_iter().filter(free).collect();
            held.extend(taken.iter().map(|one| (one.clone(), (self.number, now.plus(hold)))));
            Ok(taken)
        })
    }

    fn release(&self, work: Vec<Work>) -> Sharing<'_, ()> {
        Box::pin(async move {
            let mut held = self.ledger.held.lock().unwrap();
            held.retain(|one, (by, _)| *by != self.number || !work.contains(one));
            Ok(())
        })
    }
}

impl Replica {
    /// A replica that starts now, on what is on the record.
    pub(crate) fn start(world: &World, ledger: &Arc<Ledger>, number: usize) -> Self {
        let store = world.store.clone();
        let before = world.in_force.load_full();
        let profiles = countersign::sidecar::profiles::recall(store.as_ref()).unwrap();
        let in_force = Arc::new(ArcSwap::from_pointee(before.with(Arc::new(profiles))));
        let following = Arc::new(Following::new(store.clone()));
        let claims = Arc::new(Holder { ledger: ledger.clone(), number });
        let fleet = ExecutorId::new(FLEET).unwrap();
        let enforced = HashMap::from([(fleet, BTreeSet::<ConditionKind>::new())]);
        let desk = LocalDesk::replica(
            store.clone(),
            in_force.clone(),
            enforced,
            world.clock.clone(),
            claims.clone(),
            following.next(),
        );
        let desk = Arc::new(desk.unwrap());
        let own = &world.sidecar;
        let entropy = Arc::new(SystemEntropy);
        let brake = Brake::start(store.clone(), own.issuance.clone(), world.clock.clone(), entropy.clone());
        let brake = Arc::new(brake.unwrap());
        let profiles = Arc::new(ProfileBook::new(store.clone(), world.clock.clone(), in_force.clone()));
        let sidecar = Arc::new(Sidecar {
            domain: own.domain.clone(),
            origin: own.origin.clone(),
            in_force: in_force.clone(),
            roles: own.roles.clone(),
            store,
            desk: desk.clone(),
            memories: Memories::default(),
            brake: brake.clone(),
            checkpoints: own.checkpoints.clone(),
            issuance: own.issuance.clone(),
            clock: world.clock.clone(),
            entropy,
            metrics: Arc::default(),
            tether: None,
        });
        following.add(&desk);
        following.add(&brake);
        following.add(&profiles);
        Self { following, in_force, desk, brake, profiles, sidecar, claims }
    }
}

/// These many replicas of one world.
pub(crate) fn replicas(world: &World, count: usize) -> (Vec<Replica>, Arc<Ledger>) {
    let ledger = Ledger::new(world.clock.clone());
    ((0..count).map(|number| Replica::start(world, &ledger, number)).collect(), ledger)
}

/// The order to stop everything.
pub(crate) fn everything() -> Order {
    let written = Written { agent: "", action: "", everything: true, reason: "it runs wild", lasts: None };
    Order::read(written, "olga".to_owned()).unwrap()
}

/// Whether two desks think the same of everybody. How often somebody was asked today they may count differently where
/// equivalent requests came to several at once.
pub(crate) fn agree(one: &LocalDesk, other: &LocalDesk) {
    let all = |desk: &LocalDesk| {
        let all = desk.whereabouts().into_iter();
        all.map(|one| (one.person, one.presence, one.stands_in_for, one.waiting)).collect::<Vec<_>>()
    };
    assert_eq!(all(one), all(other));
}

/// Lets everything happen that happens by itself now. What is to be recorded is, once something that came after it is.
pub(crate) async fn settle(world: &World) {
    for _ in 0..6 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        let marker = Event::ClockInDoubt { wall: world.now() };
        world.store.commit(Change::of(world.now(), [marker])).await.unwrap();
    }
}

/// Nothing is lost between the replicas' memories and the record: each knows what one that starts now knows.
pub(crate) fn know_the_record(world: &World, replicas: &[Replica], ledger: &Arc<Ledger>) {
    let fresh = Replica::start(world, ledger, usize::MAX);
    for replica in replicas {
        replica.following.catch_up().unwrap();
        agree(&replica.desk, &fresh.desk);
        assert_eq!(*replica.profiles.all(), *fresh.profiles.all());
        for most in 1..40 {
            let room = |desk: &LocalDesk| {
                use countersign::desk::Desk as _;
                desk.room(&World::caller().agent, most).is_some()
            };
            assert_eq!(room(&replica.desk), room(&fresh.desk), "room for {most}");
        }
    }
    assert!(world.store.len() >= replicas[0].following.next());
}
