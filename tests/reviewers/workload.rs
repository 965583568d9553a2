//! What each reviewer has before them and how they voted, told by the events.

use crate::support::{agent, approve, asked, at, cast, id, number, of_role, opening, voted};
use core::time::Duration;
use countersign::escalation::vote::Choice;
use countersign::escalation::{Denial, Event, Sight};
use countersign::reviewer::workload::{Likeness, MAX_PAST_VOTES, Said, Shown, Workload};

fn like(what: &str) -> Likeness {
    Likeness::new(&agent("agent-7"), what, "db")
}

/// Escalations of `agent-7` that are open since noon: the number of each, and what it is about.
fn open(escalations: &[(u32, &str)]) -> Workload {
    let mut workload = Workload::default();
    for (count, what) in escalations {
        let opening = opening(*count, "agent-7", of_role("dba", 1), at(0));
        workload.opened(&opening, Shown { like: like(what), characters: 100 });
        // The record has the opening too: it changes nothing.
        workload.happened(number(*count), &Event::Opened(Box::new(opening)));
    }
    workload
}

/// Pending, and asked since noon.
fn load(workload: &Workload, name: &str) -> (usize, usize) {
    workload.of(&id(name)).map_or((0, 0), |load| (load.pending(), load.asked_since(at(0))))
}

#[test]
fn what_was_asked_waits_until_it_is_voted_on_passed_on_or_over() {
    let mut workload = open(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
    for count in 1..=4 {
        workload.happened(number(count), &asked(&["ada", "bob"], at(1)));
    }
    assert_eq!(
        (load(&workload, "ada"), load(&workload, "bob"), load(&workload, "cyd")),
        ((4, 4), (4, 4), (0, 0))
    );
    workload.happened(number(1), &voted(1, "ada", approve(), at(2)));
    assert_eq!((load(&workload, "ada"), load(&workload, "bob")), ((3, 4), (4, 4)));
    workload.happened(number(2), &Event::Reassigned { at: at(3), from: id("ada"), to: id("cyd") });
    assert_eq!((load(&workload, "ada"), load(&workload, "cyd")), ((2, 4), (1, 1)));
    workload.happened(number(3), &Event::Expired { at: at(30) });
    workload.happened(number(4), &Event::Denied { at: at(30), cause: Denial::Drill });
    assert_eq!((load(&workload, "ada"), load(&workload, "bob")), ((0, 4), (2, 4)));
    // What is taken back waits again; what is over does not.
    workload.happened(number(1), &Event::Withdrawn(cast(1, "ada", Choice::Withdraw, at(31))));
    workload.happened(number(3), &Event::Withdrawn(cast(3, "bob", Choice::Withdraw, at(31))));
    workload.happened(number(3), &asked(&["bob"], at(31)));
    assert_eq!((load(&workload, "ada"), load(&workload, "bob")), ((1, 4), (2, 4)));
}

#[test]
fn what_is_equivalent_and_waits_together_counts_once() {
    let mut workload = open(&[(1, "a"), (2, "a"), (3, "a")]);
    workload.happened(number(1), &asked(&["ada"], at(1)));
    workload.happened(number(2), &asked(&["ada"], at(2)));
    assert_eq!(load(&workload, "ada"), (1, 1));
    assert_eq!(workload.of(&id("ada")).unwrap().last_asked(), Some(at(2)));
    workload.happened(number(1), &voted(1, "ada", approve(), at(3)));
    assert_eq!(load(&workload, "ada"), (1, 1));
    workload.happened(number(2), &voted(2, "ada", approve(), at(3)));
    assert_eq!(load(&workload, "ada"), (0, 1));
    // Nothing of the kind waits any more: this is another interruption.
    workload.happened(number(3), &asked(&["ada"], at(4)));
    assert_eq!(load(&workload, "ada"), (1, 2));
}

#[test]
fn what_is_alike_is_alike_whatever_the_case_and_for_one_agent_only() {
    let like = |by: &str, action: &str, resource: &str| Likeness::new(&agent(by), action, resource);
    assert_eq!(like("a", "db.Delete", "Users"), like("a", "db.delete", "users"));
    for other in
        [like("b", "db.delete", "users"), like("a", "db.deleteu", "sers"), like("a", "db.delete", "")]
    {
        assert_ne!(like("a", "db.delete", "users"), other);
    }
}

#[test]
fn a_vote_remembers_how_it_came_about() {
    let mut workload = open(&[(1, "a"), (2, "b"), (3, "c")]);
    let see = |minute, what| Event::Seen { at: at(minute), person: id("ada"), what };
    workload.happened(number(1), &asked(&["ada"], at(1)));
    workload.happened(number(1), &see(2, Sight::Delivered));
    workload.happened(number(1), &see(5, Sight::Opened));
    workload.happened(number(1), &see(6, Sight::Opened));
    workload.happened(number(1), &voted(1, "ada", approve(), at(7)));
    workload.happened(number(2), &asked(&["ada"], at(4)));
    workload.happened(number(2), &voted(2, "ada", approve(), at(8)));
    // Nobody asked her.
    workload.happened(number(3), &voted(3, "ada", Choice::Deny, at(9)));
    let load = workload.of(&id("ada")).unwrap();
    let votes: Vec<_> = load
        .votes()
        .map(|vote| (vote.escalation, vote.said, vote.took().as_secs() / 60, vote.characters))
        .collect();
    let expected = [
        (number(1), Said::Approved, 2, 100),
        (number(2), Said::Approved, 4, 100),
        (number(3), Said::Denied, 9, 100),
    ];
    assert_eq!(votes, expected);
    let attention = load.votes().next().unwrap().attention;
    assert_eq!((attention.asked_at, attention.opened_at), (Some(at(1)), Some(at(5))));
    assert_eq!(attention.evidence_opened_at, None);
}

#[test]
fn a_streak_ends_with_a_denial() {
    let mut workload = Workload::default();
    let mut streaks = Vec::new();
    for (count, choice) in [approve(), approve(), Choice::Deny, approve()].into_iter().enumerate() {
        let count = u32::try_from(count).unwrap();
        let opening = opening(count, "agent-7", of_role("dba", 1), at(0));
        workload.happened(number(count), &Event::Opened(Box::new(opening)));
        workload.happened(number(count), &voted(count, "ada", choice, at(1)));
        streaks.push(workload.of(&id("ada")).unwrap().streak());
    }
    assert_eq!(streaks, [1, 2, 0, 1]);
}

#[test]
fn what_is_kept_is_bounded_and_the_latest() {
    let mut workload = Workload::default();
    for count in 0..3000_u32 {
        let now = at(u64::from(count));
        let opening = opening(count, "agent-7", of_role("dba", 1), now);
        workload.opened(&opening, Shown { like: like(&count.to_string()), characters: 1 });
        workload.happened(number(count), &asked(&["ada"], now));
        workload.happened(number(count), &voted(count, "ada", approve(), now));
        workload.happened(number(count), &Event::Expired { at: now });
    }
    let load = workload.of(&id("ada")).unwrap();
    assert_eq!((load.votes().count(), load.streak()), (MAX_PAST_VOTES, 3000));
    assert_eq!(load.votes().next_back().unwrap().escalation, number(2999));
    // The last two days, which is more than any day.
    assert_eq!(load.asked_since(at(0)), 49 * 60);
    assert_eq!(load.asked_since(at(2999).minus(Duration::from_secs(24 * 3600))), 24 * 60 + 1);
}
