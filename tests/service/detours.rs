//! The ways around an ordinary approval, and that none of them is a way around people: a changed operation, an
//! emergency, a drill, asking often, asking again.

use crate::support::approve;
use crate::world::{HOSTILE, World, everybody, person, refusal};
use countersign::condition::ExecutionFacts;
use countersign::desk::queue::{Filter, Order, Queue};
use countersign::desk::{DeskError, DrillResult};
use countersign::escalation::vote::{Choice, Conditions, Statement};
use countersign::escalation::{Ballot, Flag, Status, TransitionError, VoteRefusal};
use countersign::operation::Operation;
use countersign::party::{AgentId, EscalationId};
use countersign::sidecar::{AmendmentDraft, Ask, Caller, SidecarError};
use countersign::store::Store as _;
use std::time::Duration;

fn world() -> World {
    World::of(HOSTILE, &everybody())
}

fn rows(limit: u32) -> Operation {
    let parameters = format!(r#"{{"limit":{limit}}}"#);
    Operation::from_json("do.two", "shop/production", parameters.as_bytes()).unwrap()
}

fn asking(operation: Operation) -> Ask {
    Ask { operation, ..World::ask("do.two", "shop/production", "{}") }
}

fn version(action: &str, number: u32) -> Ask {
    World::ask(action, "shop/production", &format!(r#"{{"version":"{number}"}}"#))
}

fn break_glass() -> Choice {
    Choice::BreakGlass(Conditions::new(&[]).unwrap())
}

/// This person's vote for a changed operation as they were shown it.
async fn vote_for(world: &World, id: EscalationId, who: &str, draft: &AmendmentDraft) -> (Statement, Ballot) {
    let statement = Statement {
        escalation: draft.successor,
        operation: draft.operation.digest(),
        shown: draft.rendering.digest,
        policy: draft.decision.policy,
        ..world.statement(id, who, approve(&["row_limit:max=10"])).await
    };
    let ballot = world.desk.signed_ballot(&crate::world::signed(&statement)).unwrap();
    (statement, ballot)
}

#[tokio::test]
async fn a_reviewer_proposes_less_the_agent_takes_it_and_the_token_is_for_that() {
    let world = world();
    let id = world.escalate(asking(rows(1000))).await;
    let old = world.statement(id, "ada", approve(&[])).await;
    world.cast(id, &old).await.unwrap();

    // What the policy would deny is seen by nobody else.
    let jewels = Operation::from_json("do.two", "shop/crown-jewels", b"{\"limit\":1}").unwrap();
    let worse = world.sidecar.draft_amendment(id, jewels, None).await.unwrap_err();
    assert!(
        matches!(&worse, SidecarError::NotAmendable(why) if why.iter().any(|one| one.contains("nobody touches these"))),
        "{worse}"
    );
    let same = world.sidecar.draft_amendment(id, rows(1000), None).await.unwrap_err();
    assert!(matches!(same, SidecarError::NotAmendable(_)), "{same}");

    let draft = world.sidecar.draft_amendment(id, rows(10), None).await.unwrap();
    let (bobs, ballot) = vote_for(&world, id, "bob", &draft).await;
    let (_, of_eve) = vote_for(&world, id, "eve", &draft).await;
    let eve = world.sidecar.amend(id, &draft.operation, None, &of_eve).await.unwrap_err();
    let not_hers = TransitionError::NotEligible(VoteRefusal::NotInPool);
    assert_eq!(eve, SidecarError::Desk(DeskError::Refused(not_hers)), "who may not vote may not change it");
    let bound = world.sidecar.amend(id, &rows(11), None, &ballot).await.unwrap_err();
    assert!(matches!(bound, SidecarError::NotAmendable(_)), "his vote is for another: {bound}");
    world.sidecar.amend(id, &draft.operation, None, &ballot).await.unwrap();

    // From here on nobody approves what was asked first, whoever did before.
    let offered = world.progress(id).await.unwrap();
    assert_eq!((offered.status, offered.approvals), (Status::Pending, 0), "Ada's vote is void");
    let offer = offered.offer.unwrap();
    assert_eq!((offer.by, offer.op_bytes), (person("bob"), rows(10).op_bytes().to_vec()));
    assert_eq!(refusal(world.vote(id, "cyd", approve(&[])).await), VoteRefusal::Amended);
    assert_eq!(refusal(world.cast(id, &old).await), VoteRefusal::Replayed);

    let other = Caller { agent: AgentId::new("agent:other").unwrap(), on_behalf_of: None };
    let stolen = world.sidecar.accept(&other, id).await.unwrap_err();
    assert_eq!(stolen, SidecarError::UnknownEscalation(id), "only the agent that asked takes it");
    let opened = world.sidecar.accept(&World::caller(), id).await.unwrap().opened.unwrap();
    assert_eq!(opened.id, draft.successor);
    assert_eq!(world.status(id).await, Status::Cancelled);
    let end = refusal(world.vote(id, "cyd", approve(&[])).await);
    assert_eq!(end, VoteRefusal::Resolved(Status::Cancelled));

    // Bob's vote counts there, and Ada's for the older digest does not.
    assert_eq!(world.docket(opened.id).await.escalation.case().agreed(), 1);
    assert_eq!(refusal(world.cast(opened.id, &bobs).await), VoteRefusal::AlreadyVoted);
    let older = Statement { escalation: opened.id, ..old };
    assert_eq!(refusal(world.cast(opened.id, &older).await), VoteRefusal::OtherOperation);
    assert_eq!(world.vote(opened.id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    let granted = world.granted(opened.id).await;
    assert_eq!(granted.op_bytes, rows(10).op_bytes());
    let facts = ExecutionFacts { rows: Some(10), ..ExecutionFacts::default() };
    let mut as_asked = granted.clone();
    as_asked.op_bytes = rows(1000).op_bytes().to_vec();
    let refused = world.verify(&as_asked, &facts, &["ada", "bob"]).unwrap_err();
    assert_eq!(refused.code(), "audience.mismatch", "whom it is for says what it is for");
    world.verify(&granted, &facts, &["ada", "bob"]).unwrap();
    assert!(!world.minted(id));
}

#[tokio::test]
async fn an_emergency_takes_fewer_people_lives_shorter_and_stays_open_until_somebody_else_reviewed_it() {
    let world = world();
    let id = world.escalate(version("do.pressing", 1)).await;
    // An ordinary approval of the same person is not one, and neither is the cry of somebody else.
    assert_eq!(refusal(world.vote(id, "cyd", approve(&[])).await), VoteRefusal::NotInPool);
    assert_eq!(refusal(world.vote(id, "bob", break_glass()).await), VoteRefusal::NotInPool);
    let statement = world.statement(id, "cyd", break_glass()).await;
    let unsigned = world.desk.vote_unsigned(id, statement, &world.signed_in("cyd")).await;
    let unsigned = unsigned.map(|docket| docket.escalation.recorded_status());
    assert_eq!(refusal(unsigned), VoteRefusal::InsufficientAssurance, "signed in is not enough");
    assert_eq!(world.vote(id, "cyd", break_glass()).await.unwrap(), Status::Approved);
    let granted = world.granted(id).await;
    let lives = granted.expires_at.since(world.now());
    assert_eq!(lives, Duration::from_secs(120), "not a quarter of an hour");
    world.verify(&granted, &ExecutionFacts::default(), &["cyd"]).unwrap();

    // It is carried out, and not done with: the log has it open, the queue lists it, for as long as it takes.
    let queue = Queue::new(world.desk.clone());
    let listed = || {
        let page = queue.list(&Filter::default(), Order::Newest, 10, None).unwrap();
        page.lines.iter().map(|line| (line.id, line.escalation.review_due().is_some())).collect::<Vec<_>>()
    };
    world.pass(3 * 24 * 60);
    assert_eq!((listed(), world.open()), (vec![(id, true)], vec![id]));
    let review = async |who: &str| {
        let reviewer = world.signed_in(who);
        world.desk.review_emergency(id, &reviewer, true, "the shop was down").await.map(|_| ())
    };
    let refused = |error| Err(DeskError::Refused(error));
    assert_eq!(review("cyd").await, refused(TransitionError::OwnEmergency), "not by who cried emergency");
    let not_hers = TransitionError::NotEligible(VoteRefusal::NotInPool);
    assert_eq!(review("eve").await, refused(not_hers));
    assert_eq!(world.open(), [id]);
    assert_eq!(review("sal").await, Ok(()));
    assert_eq!(review("max").await, refused(TransitionError::NoReviewDue));
    assert_eq!((listed(), world.open(), world.count(id, "reviewed")), (vec![], vec![], 1));
    let reasons = world.progress(id).await.unwrap().reasons;
    assert!(reasons.iter().any(|why| why.contains("sal reviewed the emergency: justified")), "{reasons:?}");
}

#[tokio::test]
async fn a_drill_is_never_carried_out_whoever_approves_it() {
    let world = world();
    let ask = version("do.two", 1);
    let id = world.sidecar.drill(&ask, "olga".to_owned()).await.unwrap().id;
    let followed = world.progress(id).await.unwrap_err();
    assert_eq!(followed, SidecarError::UnknownEscalation(id), "the agent that it names knows nothing of it");
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(world.vote(id, "bob", approve(&[])).await.unwrap(), Status::Denied);
    assert_eq!(world.progress(id).await.unwrap_err(), SidecarError::UnknownEscalation(id));
    assert!(!world.minted(id));
    let caught = world.sidecar.drill(&version("do.two", 2), "olga".to_owned()).await.unwrap().id;
    assert_eq!(world.vote(caught, "cyd", Choice::Deny).await.unwrap(), Status::Denied);
    let drills = world.desk.drills(10).unwrap();
    let results: Vec<_> = drills.iter().map(|drill| (drill.docket.id, drill.result)).collect();
    assert_eq!(results, [(caught, DrillResult::Caught), (id, DrillResult::Missed)]);
    assert_eq!(drills[1].approved_by, [person("ada"), person("bob")]);
    // Who denied a drill denied nothing that the agent asked for.
    let asked = world.sidecar.authorize(version("do.two", 2)).await.unwrap();
    assert_eq!(asked.decision.rule.as_deref(), Some("two"));
    // What the policy denies or allows by itself is nobody's to rehearse.
    let jewels = World::ask("do.two", "shop/crown-jewels", "{}");
    let none = world.sidecar.drill(&jewels, "olga".to_owned()).await.unwrap_err();
    assert!(matches!(none, SidecarError::NoDrill(_)), "{none}");
}

#[tokio::test]
async fn the_flood_of_one_agent_is_its_own() {
    let world = world();
    let mut open = Vec::new();
    for number in 0..3 {
        open.push(world.escalate(version("do.one", number)).await);
    }
    for number in 3..10 {
        let answer = world.sidecar.authorize(version("do.one", number)).await.unwrap();
        assert!(answer.decision.denies() && answer.granted.is_none() && answer.opened.is_none());
        assert!(
            answer.decision.reasons[0].starts_with("3 requests of this agent wait"),
            "{:?}",
            answer.decision.reasons
        );
    }
    // Another's is opened and asked about like any, and nothing of the flood was approved by it.
    let other = Caller { agent: AgentId::new("agent:other").unwrap(), on_behalf_of: None };
    let id = world.escalate(Ask { caller: other, ..version("do.one", 0) }).await;
    assert_eq!(world.count(id, "asked"), 1);
    assert_eq!(world.vote(id, "dan", approve(&[])).await.unwrap(), Status::Approved);
    for id in &open {
        assert_eq!((world.status(*id).await, world.minted(*id)), (Status::Pending, false));
    }
    // Equivalent requests are one group on the queue, and each has its own votes.
    let queue = Queue::new(world.desk.clone());
    let filter = Filter { statuses: vec![Status::Pending], ..Filter::default() };
    let lines = queue.list(&filter, Order::Newest, 10, None).unwrap().lines;
    assert!(lines.len() == 3 && lines.iter().all(|line| line.group == lines[0].group));
    assert_eq!(world.vote(open[0], "ada", approve(&[])).await.unwrap(), Status::Approved);
    assert_eq!(world.status(open[1]).await, Status::Pending);
    // What was decided makes room.
    world.granted(open[0]).await;
    world.escalate(version("do.one", 10)).await;
}

#[tokio::test]
async fn an_agent_that_hangs_up_has_its_request_open_all_the_same() {
    let world = world();
    let mut changes = world.store.watch_all();
    for number in 0..10 {
        // It hears nothing of an answer: it is gone as soon as the first step is on the record.
        tokio::select! {
            biased;
            _ = changes.recv() => {}
            _ = world.sidecar.authorize(version("do.one", number)) => {}
        }
    }
    let last = world.sidecar.authorize(version("do.one", 10)).await.unwrap();
    assert!(last.decision.denies(), "its budget is used: {:?}", last.decision.reasons);
    while world.open().len() < 3 {
        changes.recv().await.unwrap();
    }
    // What was opened so is looked after like any other: its time ends, nobody asking.
    world.pass(30);
    tokio::select! {
        biased;
        () = async { while !world.open().is_empty() { changes.recv().await.unwrap(); } } => {}
        never = world.desk.watch_deadlines() => match never {},
    }
}

#[tokio::test]
async fn who_denied_it_is_asked_again_and_somebody_besides_whatever_else_the_rule_offers() {
    let world = world();
    let id = world.escalate(version("do.pressing", 1)).await;
    assert_eq!(world.vote(id, "dan", Choice::Deny).await.unwrap(), Status::Denied);
    let again = world.escalate(version("do.pressing", 2)).await;
    let terms = world.docket(again).await.escalation.case().opening().terms.clone();
    assert!(terms.ladder.is_empty() && terms.escalation_pool.is_none() && terms.break_glass.is_none());
    assert_eq!(refusal(world.vote(again, "cyd", break_glass()).await), VoteRefusal::NoBreakGlass);
    world.pass(11);
    assert_eq!(
        refusal(world.vote(again, "cyd", approve(&[])).await),
        VoteRefusal::NotInPool,
        "no later stage"
    );
    assert_eq!(world.vote(again, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(world.vote(again, "bob", approve(&[])).await.unwrap(), Status::Pending, "enough, but for Dan");
    let sets = world.desk.who_can(again).await.unwrap().sets;
    assert!(sets.iter().all(|set| set.contains(&person("dan"))), "{sets:?}");
    assert_eq!(world.vote(again, "dan", approve(&[])).await.unwrap(), Status::Approved);
    let people: Vec<String> =
        world.docket(again).await.escalation.approvals().iter().map(|one| one.person.to_string()).collect();
    assert_eq!(people, ["ada", "bob", "dan"], "two as the rule asks, and who denied it");
    // A second no is as final as the first.
    let third = world.escalate(version("do.pressing", 3)).await;
    assert_eq!(world.vote(third, "dan", Choice::Deny).await.unwrap(), Status::Denied);
}

#[tokio::test]
async fn votes_cast_faster_than_anybody_reads_are_flagged_on_the_record() {
    let world = world();
    let id = world.escalate(version("do.one", 1)).await;
    world.vote(id, "ada", approve(&[])).await.unwrap();
    let docket = world.docket(id).await;
    let flags = &docket.escalation.case().votes()[0].flags;
    assert!(flags.iter().any(|flag| matches!(flag, Flag::Hasty { took: 0, .. })), "{flags:?}");
}
