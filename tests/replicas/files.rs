//! Replicas with different files: what changes under one comes into force at all, and nobody takes older files back.

use crate::fleet::{Replica, replicas};
use crate::hall::{everybody, policy};
use crate::world::World;
use countersign::audit::event::Event;
use countersign::policy::Policy;
use countersign::sidecar::reload::{Changes, Files, Outcome, Reloader};
use countersign::store::shared::Alone;
use countersign::store::{Change, Store as _};
use std::path::Path;
use std::sync::Arc;

struct Mounted {
    folder: tempfile::TempDir,
    reloader: Arc<Reloader>,
}

impl Mounted {
    fn new(replica: &Replica, shared: &Arc<Alone>, own: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { policy: folder.path().join("policy"), roster: folder.path().join("roster") };
        std::fs::write(&files.policy, policy("")).unwrap();
        std::fs::write(&files.roster, everybody()).unwrap();
        let reloader = Reloader::new(files, Changes::Free, replica.sidecar.clone());
        let reloader = Arc::new(reloader.sharing(shared.clone(), own, false));
        replica.following.add(&reloader);
        Self { folder, reloader }
    }

    fn change(&self, number: u32) {
        write(self.folder.path(), number);
    }

    async fn looks(&self, times: usize) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for _ in 0..times {
            outcomes.push(self.reloader.look().await);
        }
        outcomes
    }
}

fn text(number: u32) -> String {
    policy("").replace("name: channels", &format!("name: channels-{number}"))
}

fn write(folder: &Path, number: u32) {
    std::fs::write(folder.join("policy"), text(number)).unwrap();
}

/// What a service records when it starts.
async fn begin(world: &World) {
    let (text, roster) = (policy(""), everybody());
    let loaded = Event::PolicyLoaded { digest: Policy::digest_of(&text), text, approved: None };
    let events = [loaded, Event::RosterLoaded { text: roster, approved: None }];
    world.store.commit(Change::of(world.now(), events)).await.unwrap();
}

fn is_in_force(replica: &Replica, number: u32) -> bool {
    replica.following.catch_up().unwrap();
    replica.in_force.load().policy.digest() == Policy::digest_of(&text(number))
}

#[tokio::test]
async fn what_changes_under_one_is_in_force_at_all_and_older_files_are_left_aside() {
    let world = World::of(&policy(""), &everybody());
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    begin(&world).await;
    let shared = Arc::new(Alone::new(world.clock.clone()));
    let one = Mounted::new(&replicas[0], &shared, "one");
    let two = Mounted::new(&replicas[1], &shared, "two");
    assert_eq!(
        (one.looks(2).await, two.looks(2).await),
        (vec![Outcome::Unchanged; 2], vec![Outcome::Unchanged; 2])
    );

    // A ConfigMap reaches one of them first.
    one.change(1);
    assert_eq!(one.looks(3).await, [Outcome::Unsettled, Outcome::Taken, Outcome::Unchanged]);
    assert!(is_in_force(&replicas[1], 1));
    assert_eq!(two.looks(25).await, vec![Outcome::Unsettled; 25], "its files are those of before");
    assert!(is_in_force(&replicas[0], 1) && is_in_force(&replicas[1], 1));
    two.change(1);
    assert_eq!(two.looks(2).await, vec![Outcome::Unchanged; 2]);

    // Both are changed at once, to different files: each change is one, and they do not fight.
    one.change(2);
    two.change(3);
    assert_eq!(one.looks(2).await, [Outcome::Unsettled, Outcome::Taken]);
    assert_eq!(two.looks(1).await, [Outcome::Unsettled]);
    let outcome = two.looks(1).await;
    assert_ne!(outcome, [Outcome::Taken], "it finds out that the other was first");
    two.looks(25).await;
    one.looks(25).await;
    let number = if is_in_force(&replicas[0], 2) { 2 } else { 3 };
    assert!(is_in_force(&replicas[0], number) && is_in_force(&replicas[1], number));

    // Whoever is told to look means what is there.
    two.change(4);
    assert_eq!(two.reloader.look_at_once().await, Outcome::Taken);
    assert!(is_in_force(&replicas[0], 4));
}

#[tokio::test]
async fn what_nobody_has_any_more_gives_way_to_what_those_have_who_live() {
    let world = World::of(&policy(""), &everybody());
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    begin(&world).await;
    let shared = Arc::new(Alone::new(world.clock.clone()));
    let one = Mounted::new(&replicas[0], &shared, "one");
    let two = Mounted::new(&replicas[1], &shared, "two");
    one.looks(2).await;
    two.looks(2).await;
    one.change(1);
    one.looks(3).await;
    assert!(is_in_force(&replicas[1], 1));
    assert_eq!(two.looks(25).await.last(), Some(&Outcome::Unsettled));
    // The one that has it is gone, as after everything was deployed anew with the files of before.
    one.reloader.leave().await;
    let outcomes = two.looks(25).await;
    assert!(outcomes.contains(&Outcome::Taken), "{outcomes:?}");
    let before = Policy::digest_of(&policy(""));
    assert_eq!(replicas[1].in_force.load().policy.digest(), before);
}
