//! Who tries to decide what is not theirs, by which name, and with which vote.

use crate::support::{approve, key};
use crate::world::{HOSTILE, World, everybody, everybody_but, person, refusal, signed};
use countersign::desk::VoteRefused;
use countersign::digest::RenderingDigest;
use countersign::escalation::vote::{Choice, SignedVote, Statement, VoteError};
use countersign::escalation::{Exclusion, Status, VoteRefusal};
use countersign::party::EscalationId;
use countersign::policy::Policy;
use countersign::presence::ssh::VOTE_NAMESPACE;
use countersign::sidecar::{Ask, Caller};
use std::time::Duration;

const AWAY: &str = "away: [{from: 2026-11-20, until: 2026-11-22, delegate: bob}]";

fn world() -> World {
    World::of(HOSTILE, &everybody())
}

fn to(action: &str) -> Ask {
    World::ask(action, "shop/production", r#"{"version":"2"}"#)
}

/// … for this person, by whichever of their names.
fn for_whom(action: &str, name: &str) -> Ask {
    Ask { caller: Caller { on_behalf_of: Some(person(name)), ..World::caller() }, ..to(action) }
}

#[tokio::test]
async fn nobody_decides_for_themselves_under_any_name() {
    use VoteRefusal::{NotInPool, OnBehalfOf, Requester};
    let names =
        ["ada", "ada@work.example", "ADA@work.example", "ada+deploys@work.example", "slack:U1", "uid:4242"];
    for name in names {
        let world = world();
        let id = world.escalate(for_whom("do.one", name)).await;
        assert_eq!(
            refusal(world.vote(id, "ada", approve(&[])).await),
            OnBehalfOf,
            "the agent acts for {name}"
        );
        assert_eq!(refusal(world.vote(id, "ada", Choice::Deny).await), OnBehalfOf, "nor deny");
        assert_eq!(world.vote(id, "bob", approve(&[])).await.unwrap(), Status::Approved);

        let world = World::operated_by(HOSTILE, &everybody(), &[name]);
        let id = world.escalate(to("do.one")).await;
        assert_eq!(refusal(world.vote(id, "ada", approve(&[])).await), Requester, "{name} runs the agent");
        assert_eq!(world.vote(id, "bob", approve(&[])).await.unwrap(), Status::Approved);
    }
    // A name that only looks like hers is somebody else's.
    let world = world();
    let id = world.escalate(for_whom("do.one", "ada@work.example.org")).await;
    assert_eq!(refusal(world.vote(id, "eve", approve(&[])).await), NotInPool);
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Approved);
}

#[tokio::test]
async fn nobody_decides_for_themselves_through_a_delegate() {
    use VoteRefusal::{NotInPool, OnBehalfOf};
    let away = everybody_but("ada", AWAY);
    // Bob stands in for Ada, who is away. Only Ada and Dan are asked.
    for (for_name, run_by, refused) in [
        (None, None, None),
        (Some("ada"), None, Some(NotInPool)),
        (Some("ada+x@work.example"), None, Some(NotInPool)),
        (None, Some("ada@work.example"), Some(NotInPool)),
        (Some("bob"), None, Some(OnBehalfOf)),
        (None, Some("bob"), Some(VoteRefusal::Requester)),
    ] {
        let operators: Vec<&str> = run_by.into_iter().collect();
        let world = World::operated_by(HOSTILE, &away, &operators);
        let ask = for_name.map_or_else(|| to("do.by-name"), |name| for_whom("do.by-name", name));
        let id = world.escalate(ask).await;
        let bob = world.vote(id, "bob", approve(&[])).await;
        match refused {
            None => assert_eq!(bob.unwrap(), Status::Approved),
            Some(why) => assert_eq!(refusal(bob), why, "for {for_name:?}, run by {run_by:?}"),
        }
    }
    // Whoever stands in has one seat, not two.
    let world = World::of(HOSTILE, &away);
    let id = world.escalate(to("do.both-by-name")).await;
    assert_eq!(world.vote(id, "bob", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(refusal(world.vote(id, "bob", approve(&[])).await), VoteRefusal::AlreadyVoted);
}

#[tokio::test]
async fn one_person_in_two_roles_fills_one_seat() {
    let world = world();
    let id = world.escalate(to("do.both")).await;
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(refusal(world.vote(id, "ada", approve(&[])).await), VoteRefusal::AlreadyVoted);
    assert_eq!(refusal(world.vote(id, "ada", Choice::Deny).await), VoteRefusal::Conflicting);
    assert_eq!(world.docket(id).await.escalation.case().agreed(), 1);
    assert_eq!(world.count(id, "vote_refused"), 2, "what was refused is recorded");
    // Whichever other role somebody has, Ada fills the one that is left.
    assert_eq!(world.vote(id, "cyd", approve(&[])).await.unwrap(), Status::Approved);
    let approvals = world.docket(id).await.escalation.approvals();
    let seats: Vec<String> =
        approvals.iter().map(|one| format!("{}: {}", one.person, one.seats[0])).collect();
    assert_eq!(seats, ["ada: oncall", "cyd: lead"]);
}

#[tokio::test]
async fn whoever_shares_a_team_with_those_who_ask_or_manages_them_stays_out_where_the_rule_says_so() {
    let team = VoteRefusal::Excluded(Exclusion::Team);
    let manager = VoteRefusal::Excluded(Exclusion::Manager);
    let as_ada = || for_whom("do.apart", "slack:U1");
    for (run_by, ask) in [(None, as_ada()), (Some("ada@work.example"), to("do.apart"))] {
        let operators: Vec<&str> = run_by.into_iter().collect();
        let world = World::operated_by(HOSTILE, &everybody(), &operators);
        let id = world.escalate(ask).await;
        assert_eq!(refusal(world.vote(id, "bob", approve(&[])).await), team, "Bob is of Ada's team");
        assert_eq!(refusal(world.vote(id, "max", approve(&[])).await), manager, "Ada reports to Max");
        assert_eq!(world.vote(id, "dan", approve(&[])).await.unwrap(), Status::Approved);
    }
    // Where that leaves nobody, it says so at once and asks nobody.
    let world = World::operated_by(HOSTILE, &everybody(), &["cyd"]);
    let id = world.escalate(as_ada()).await;
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, world.count(id, "asked")), (Status::Blocked, 0));
    assert!(end.reasons[0].starts_with("nobody can complete the requirement"), "{:?}", end.reasons);
}

#[tokio::test]
async fn a_vote_counts_for_what_its_reviewer_was_shown_and_nothing_else() {
    type Change = fn(&mut Statement, &Statement);
    let table: [(&str, Change, VoteRefusal); 6] = [
        ("another escalation", |s, other| s.escalation = other.escalation, VoteRefusal::OtherEscalation),
        ("another operation", |s, other| s.operation = other.operation, VoteRefusal::OtherOperation),
        ("another view", |s, _| s.shown = RenderingDigest::from_bytes([1; 32]), VoteRefusal::OtherRendering),
        ("another policy", |s, other| s.policy = other.policy, VoteRefusal::OtherPolicy),
        ("a time to come", |s, _| s.time = s.time.plus(Duration::from_secs(31)), VoteRefusal::WrongTime),
        (
            "a time before it was opened",
            |s, _| s.time = s.time.minus(Duration::from_secs(31)),
            VoteRefusal::WrongTime,
        ),
    ];
    let world = world();
    let id = world.escalate(to("do.one")).await;
    world.decide_under(&HOSTILE.replace("name: hostile", "name: hostile-2"));
    let other = world.escalate(World::ask("do.one", "shop/production", r#"{"version":"3"}"#)).await;
    let other = world.statement(other, "ada", approve(&[])).await;
    for (what, change, refused) in table {
        let mut statement = world.statement(id, "ada", approve(&[])).await;
        change(&mut statement, &other);
        assert_eq!(refusal(world.cast(id, &statement).await), refused, "{what}");
    }
    // A whole vote that counts elsewhere does not count here.
    assert_eq!(refusal(world.cast(id, &other).await), VoteRefusal::OtherEscalation);
    assert_eq!(world.docket(id).await.escalation.case().agreed(), 0);
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Approved);
}

#[tokio::test]
async fn a_vote_is_signed_by_whom_it_names() {
    let world = world();
    let id = world.escalate(to("do.one")).await;
    let statement = world.statement(id, "ada", approve(&[])).await;
    let of_ada = signed(&statement);
    let signature_of = |who: &str, text: &str| key(who).sign(VOTE_NAMESPACE, text.as_bytes()).to_armored();
    let denial = world.statement(id, "ada", Choice::Deny).await.to_text();
    for (what, statement, signature) in [
        ("by somebody else", of_ada.statement.clone(), signature_of("eve", &of_ada.statement)),
        ("by a stranger", of_ada.statement.clone(), signature_of("mallory", &of_ada.statement)),
        ("of another statement", denial, of_ada.signature.clone()),
        ("a word changed", of_ada.statement.replace("looked", "booked"), of_ada.signature.clone()),
    ] {
        let refused = world.desk.vote(id, SignedVote { statement, signature }).await.unwrap_err();
        assert!(matches!(refused, VoteRefused::Vote(_)), "{what}: {refused}");
        if what == "by somebody else" {
            assert_eq!(refused, VoteRefused::Vote(VoteError::UnknownKey));
        }
    }
    assert_eq!(world.count(id, "voted"), 0);
}

#[tokio::test]
async fn a_vote_that_was_cast_is_not_cast_again() {
    let world = world();
    let id = world.escalate(to("do.two")).await;
    let yes = world.statement(id, "ada", approve(&[])).await;
    world.cast(id, &yes).await.unwrap();
    assert_eq!(refusal(world.cast(id, &yes).await), VoteRefusal::AlreadyVoted, "replayed");
    let withdrawal = world.statement(id, "ada", Choice::Withdraw).await;
    assert_eq!(world.cast(id, &withdrawal).await.unwrap(), Status::Pending);
    assert_eq!(world.docket(id).await.escalation.case().agreed(), 0);
    assert_eq!(refusal(world.cast(id, &yes).await), VoteRefusal::Replayed, "withdrawn and replayed");
    // She thinks better of it, and nobody takes that back for her.
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(refusal(world.cast(id, &withdrawal).await), VoteRefusal::Replayed, "a withdrawal replayed");
    assert_eq!(world.vote(id, "cyd", approve(&[])).await.unwrap(), Status::Approved);
    let granted = world.granted(id).await;
    assert_eq!(granted.evidence.len(), 2);
    let late = refusal(world.vote(id, "ada", Choice::Withdraw).await);
    assert_eq!(late, VoteRefusal::Resolved(Status::Claimed), "what was carried out is not taken back");
}

#[tokio::test]
async fn a_vote_comes_before_the_end_or_not_at_all() {
    async fn expiring(world: &World) -> (EscalationId, Statement) {
        let id = world.escalate(to("do.one")).await;
        world.pass(29);
        let statement = world.statement(id, "ada", approve(&[])).await;
        (id, statement)
    }
    let at_last = world();
    let (id, statement) = expiring(&at_last).await;
    assert_eq!(at_last.cast(id, &statement).await.unwrap(), Status::Approved);
    let world = world();
    let (id, statement) = expiring(&world).await;
    world.pass(1);
    assert_eq!(refusal(world.cast(id, &statement).await), VoteRefusal::Late);
    assert_eq!(refusal(world.cast(id, &statement).await), VoteRefusal::Resolved(Status::Expired));
    assert!(!world.minted(id));
}

#[test]
fn no_policy_asks_for_nobody() {
    for form in [
        "{approvals: 0, reviewers: [role:oncall]}",
        "{reviewers: []}",
        "{all_of: []}",
        "{any_of: []}",
        "{any_of: [role:oncall], min_approvals: 0}",
        "{any_of: [role:oncall], min_approvals: 2}",
        "{all_of: [{approvals: 0, reviewers: [role:oncall]}]}",
        "{reviewers: [role:oncall], deny_threshold: 0}",
        "{reviewers: [role:oncall], delegation: [{after: 5m, approvals: 0, reviewers: [role:lead]}]}",
        "{reviewers: [role:oncall], escalation_pool: {approvals: 0, reviewers: [role:lead]}}",
        "{reviewers: [role:oncall], break_glass: {approvals: 0, reviewers: [role:lead], review: {reviewers: [role:security]}}}",
    ] {
        let one = "{reviewers: [role:oncall]}}\n  - name: two";
        assert!(HOSTILE.contains(one));
        let text = HOSTILE.replace(one, &format!("{form}}}\n  - name: two"));
        assert!(Policy::parse(&text, "policy.yaml").is_err(), "{form}");
    }
}
