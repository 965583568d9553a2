//! Following: what is in force comes whole at first, and each change as it happens.

use crate::sidecar::{Sidecar, desk, policy};
use crate::support::{POLICY, approve};
use crate::wire::{FollowRequest, FollowResponse, follow};
use countersign::audit::event::{Event, Record};
use countersign::client::Scope;
use countersign::risk::Level;
use countersign::suspension::Suspension;
use tonic::Streaming;

/// What comes next that this finds something in.
async fn next<T>(
    following: &mut Streaming<FollowResponse>,
    mut find: impl FnMut(FollowResponse) -> Option<T>,
) -> T {
    loop {
        if let Some(found) = find(following.message().await.unwrap().expect("it ended")) {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_force_comes_first_and_only_what_differs() {
    let desk = desk("").await;
    let sidecar = Sidecar::of(&desk, "agent:one").await;
    let mut following = sidecar.follow().await.unwrap();
    let rules = next(&mut following, |news| news.rules).await;
    assert_eq!(rules.policy, POLICY.as_bytes());
    assert!(!rules.roster.is_empty());
    let suspensions = next(&mut following, |news| news.suspensions).await;
    assert_eq!(suspensions.all.len(), 0);
    let trust = next(&mut following, |news| news.trust).await;
    assert!(!trust.bundle.is_empty());
    let pulse = next(&mut following, |news| news.pulse).await;
    assert!(pulse.until > 0 && pulse.now_ms > 0);
    let has = FollowRequest { policy: format!("sha256:{}", policy().digest()), ..FollowRequest::default() };
    let mut again = follow(&sidecar.channel, sidecar.proven("Follow", has)).await.unwrap();
    let rules = next(&mut again, |news| news.rules).await;
    assert_eq!((rules.policy.len(), rules.roster.is_empty()), (0, false), "only the roster differs");
    let listed = desk.operator().await.sidecars().await.unwrap();
    assert_eq!((listed[0].state.as_str(), listed[0].following), ("connected", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_of_everything_reaches_every_sidecar() {
    let desk = desk("").await;
    let operator = desk.operator().await;
    let mut followings = Vec::new();
    for agent in ["agent:one", "agent:two", "agent:three"] {
        let sidecar = Sidecar::of(&desk, agent).await;
        let mut following = sidecar.follow().await.unwrap();
        next(&mut following, |news| news.pulse).await;
        followings.push(following);
    }
    let ordered = operator.suspend(Scope::default(), "something is wrong", None).await.unwrap();
    for following in &mut followings {
        let all = next(following, |news| news.suspensions).await.all;
        let suspension: Suspension = serde_json::from_slice(&all[0]).unwrap();
        assert_eq!((all.len(), suspension.id.to_string()), (1, ordered.suspension.id.clone()));
        assert!(suspension.agent.is_none() && suspension.action.is_none());
    }
    operator.resume(&ordered.suspension.id).await.unwrap();
    for following in &mut followings {
        assert_eq!(next(following, |news| news.suspensions).await.all.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_hears_of_its_own_agent_and_of_no_other() {
    let desk = desk("").await;
    let sidecar = Sidecar::of(&desk, "agent:one").await;
    let (mut twin, mut other) =
        (Sidecar::of(&desk, "agent:one").await, Sidecar::of(&desk, "agent:two").await);
    let early = twin.allow(r#"{"limit":1}"#);
    twin.ship_from(0).await.unwrap();
    other.allow(r#"{"limit":2}"#);
    other.ship_from(0).await.unwrap();
    let mut following = sidecar.follow().await.unwrap();
    let decision = |bytes: &[u8]| {
        let record = Record::from_bytes(bytes).unwrap();
        let Event::Decided(decided) = record.event else { panic!("{record:?}") };
        (decided.txn, record.from.unwrap().origin)
    };
    let before = next(&mut following, |news| news.neighbours).await;
    let known: Vec<_> = before.all.iter().map(|one| decision(one)).collect();
    assert_eq!(known, [(early.txn, twin.origin())]);
    next(&mut following, |news| news.pulse).await;
    other.allow(r#"{"limit":3}"#);
    other.ship_from(2).await.unwrap();
    let late = twin.allow(r#"{"limit":4}"#);
    twin.ship_from(2).await.unwrap();
    let after = next(&mut following, |news| news.neighbours).await;
    assert_eq!(after.all.iter().map(|one| decision(one)).collect::<Vec<_>>(), [(late.txn, twin.origin())]);
    assert!(after.until > before.until);
    // Whoever has them is not told of them again.
    let has = FollowRequest { neighbours_since: after.until, ..FollowRequest::default() };
    let mut again = follow(&sidecar.channel, sidecar.proven("Follow", has)).await.unwrap();
    let mut told = 0;
    next(&mut again, |news| {
        told += news.neighbours.map_or(0, |neighbours| neighbours.all.len());
        news.pulse
    })
    .await;
    assert_eq!(told, 0);
    // Escalations of its agent change, whoever asked for them.
    let decided = twin.decided("orders.delete", r#"{"id":1}"#, Some(Level::Medium));
    let first = twin.leaves.len();
    twin.record(Event::Decided(Box::new(decided.clone())));
    twin.ship_from(first).await.unwrap();
    let id = twin.open(&decided).await.unwrap().escalation;
    assert_eq!(next(&mut following, |news| news.changed).await.all, std::slice::from_ref(&id));
    desk.vote(&id, "ada", approve(&[])).await.unwrap();
    assert_eq!(next(&mut following, |news| news.changed).await.all, [id]);
}
