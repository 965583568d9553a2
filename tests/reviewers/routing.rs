//! Whose turn it is, and what keeps whom from being asked.

use crate::support::{NOON, agent, approve, asked, at, id, number, of_people, of_role, opening, voted};
use countersign::escalation::requirement::{Agreement, Membership, Requirement, Standing};
use countersign::moment::Moment;
use countersign::party::{AgentId, PersonId};
use countersign::reviewer::routing::{Obstacle, Question, Route, agents_share, route};
use countersign::reviewer::workload::{Likeness, Shown, Workload};
use countersign::reviewer::{Absences, Attendance, Directory};
use countersign::token::Assurance;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What is asked, apart from who must agree.
struct Asking {
    agent: AgentId,
    asked: BTreeSet<PersonId>,
    silent: BTreeSet<PersonId>,
    passed_on: BTreeSet<PersonId>,
    agreed: Vec<Agreement>,
    off_hours: bool,
}

/// A desk: who may be asked, and what they have before them.
struct Desk {
    directory: Directory,
    workload: Workload,
    next: u32,
}

impl Desk {
    fn new(people: &str) -> Self {
        let text = format!("version: 1\nroles: [dba, security]\npeople:\n{people}");
        let directory = Directory::parse(&text, "roster.yaml").unwrap_or_else(|error| panic!("{error}"));
        Self { directory, workload: Workload::default(), next: 1000 }
    }

    /// Something of this agent that nothing is like was brought before these people, and still waits or not.
    fn gave(&mut self, by: &str, people: &[&str], when: Moment, waits: bool) {
        self.next += 1;
        let (count, requirement) = (self.next, of_role("dba", 1));
        let like = Likeness::new(&agent(by), &count.to_string(), "x");
        self.workload.opened(&opening(count, by, requirement, when), Shown { like, characters: 0 });
        self.workload.happened(number(count), &asked(people, when));
        for person in people.iter().filter(|_| !waits) {
            self.workload.happened(number(count), &voted(count, person, approve(), when));
        }
    }

    fn route(&self, requirement: &Requirement, change: impl FnOnce(&mut Asking), now: Moment) -> Route {
        let absences = Absences::default();
        let attendance = Attendance::new(&self.directory, &absences, now);
        let mut asking = Asking {
            agent: agent("agent-7"),
            asked: BTreeSet::new(),
            silent: BTreeSet::new(),
            passed_on: BTreeSet::new(),
            agreed: Vec::new(),
            off_hours: false,
        };
        change(&mut asking);
        let mut eligible = Membership::people(&attendance);
        eligible.retain(|one| requirement.admits(one, &attendance));
        eligible.retain(|one| asking.agreed.iter().all(|agreed| agreed.person != *one));
        let question = Question {
            requirement,
            agreed: &asking.agreed,
            eligible: &eligible,
            asked: &asking.asked,
            silent: &asking.silent,
            passed_on: &asking.passed_on,
            roster: &attendance,
            agent: &asking.agent,
            action: "db.migrate",
            resource: "db/orders",
            like: Likeness::new(&asking.agent, "db.migrate", "db/orders"),
            off_hours: asking.off_hours,
        };
        route(&question, &attendance, &self.workload)
    }

    /// Whom it asks, spares with a plus.
    fn asks(&self, requirement: &Requirement) -> Vec<String> {
        words(&self.route(requirement, |_| {}, NOON))
    }
}

fn words(route: &Route) -> Vec<String> {
    let spare = |spare| if spare { "+" } else { "" };
    route.ask.iter().map(|turn| format!("{}{}", spare(turn.spare), turn.person)).collect()
}

const FOUR: &str = "
  - {id: ada, roles: [dba]}
  - {id: bob, roles: [dba]}
  - {id: cyd, roles: [dba, security]}
  - {id: dan, roles: [security]}
";

#[test]
fn as_few_are_asked_as_are_needed_and_one_more_for_each_who_might_not_answer() {
    let desk = Desk::new(FOUR);
    assert_eq!(desk.asks(&of_role("dba", 1)), ["ada", "+bob"]);
    assert_eq!(desk.asks(&of_role("dba", 2)), ["ada", "bob", "+cyd"]);
    assert_eq!(desk.asks(&of_role("dba", 3)), ["ada", "bob", "cyd"], "nobody is left to spare");
    let both = Requirement::all(vec![of_role("dba", 1), of_role("security", 1)]).unwrap();
    // Bob for Ada, Dan for Cyd.
    assert_eq!(desk.asks(&both), ["ada", "cyd", "+bob", "+dan"]);
    assert!(desk.route(&both, |_| {}, NOON).enough);
}

#[test]
fn whoever_was_asked_for_an_earlier_stage_has_had_their_time() {
    let desk = Desk::new(FOUR);
    let asks = |silent: &[&str], people| {
        let silent: BTreeSet<PersonId> = silent.iter().map(|name| PersonId::new(name).unwrap()).collect();
        let change = |asking: &mut Asking| {
            asking.asked = silent.clone();
            asking.silent = silent.clone();
        };
        words(&desk.route(&of_role("dba", people), change, NOON))
    };
    assert_eq!(asks(&["ada"], 1), ["bob", "+cyd"]);
    assert_eq!(asks(&["ada"], 2), ["bob", "cyd"], "Ada is the spare, and was asked");
    assert_eq!(asks(&["ada", "bob"], 2), ["cyd"], "where nobody else is left, they are counted on");
}

#[test]
fn whose_turn_it_is_goes_by_expertise_then_by_what_waits_then_by_what_was_asked_then_by_rotation() {
    let people = "
  - {id: ada, roles: [dba]}
  - {id: bob, roles: [dba]}
  - {id: cyd, roles: [dba]}
  - {id: eve, roles: [dba], expertise: ['DB.*']}
";
    let mut desk = Desk::new(people);
    let one = of_role("dba", 1);
    assert_eq!(desk.asks(&one), ["eve", "+ada"]);
    desk.gave("agent-9", &["eve"], at(0), true);
    assert_eq!(desk.asks(&one), ["eve", "+ada"], "who knows it is asked, busy or not");
    desk.gave("agent-9", &["ada"], at(1), true);
    assert_eq!(desk.asks(&one), ["eve", "+bob"], "Ada has something before her");
    desk.gave("agent-9", &["bob"], at(2), false);
    assert_eq!(desk.asks(&one), ["eve", "+cyd"], "Bob was asked today");
    desk.gave("agent-9", &["cyd"], at(1), false);
    assert_eq!(desk.asks(&one), ["eve", "+cyd"], "and Cyd longer ago");
}

#[test]
fn nobody_is_asked_beyond_their_cap_or_beyond_the_share_of_one_agent() {
    let mut desk = Desk::new("  - {id: ada, roles: [dba], daily_cap: 6}\n  - {id: bob, roles: [dba]}\n");
    let one = of_role("dba", 1);
    desk.gave("agent-7", &["ada"], at(1), false);
    assert_eq!(desk.asks(&one), ["bob", "+ada"]);
    desk.gave("agent-7", &["ada"], at(2), false);
    desk.gave("agent-7", &["ada"], at(2), false);
    let route = desk.route(&one, |_| {}, at(3));
    assert_eq!((words(&route), route.enough), (vec!["bob".to_owned()], true));
    assert_eq!(route.passed_over, [(id("ada"), Obstacle::AgentsShare(3))]);
    // For another agent there is room.
    let other = agent("agent-9");
    let asked = desk.route(&one, |question| question.agent = other.clone(), at(3));
    assert_eq!(words(&asked), ["bob", "+ada"]);
    desk.gave("agent-9", &["ada"], at(4), false);
    desk.gave("agent-8", &["ada"], at(5), false);
    let asked = desk.route(&one, |question| question.agent = other.clone(), at(6));
    assert_eq!(words(&asked), ["bob"], "the last of six is not for spares");
    desk.gave("agent-8", &["ada"], at(6), false);
    let route = desk.route(&one, |question| question.agent = other.clone(), at(7));
    assert_eq!(route.passed_over, [(id("ada"), Obstacle::DailyCap(6))]);
    // Tomorrow is another day.
    assert_eq!(words(&desk.route(&one, |_| {}, at(12 * 60))), ["bob", "+ada"]);
    assert_eq!((agents_share(20), agents_share(3), agents_share(1)), (10, 1, 1));
}

#[test]
fn where_too_few_are_there_it_says_so_and_asks_those_who_are() {
    let people = "
  - {id: ada, roles: [dba], daily_cap: 1}
  - {id: bob, roles: [dba], time_zone: Asia/Tokyo, hours: {days: [tue], from: '09:00', until: '17:00'}}
  - {id: cyd, roles: [security]}
";
    let mut desk = Desk::new(people);
    desk.gave("agent-9", &["ada"], at(1), false);
    let both = Requirement::all(vec![of_role("dba", 1), of_role("security", 1)]).unwrap();
    let route = desk.route(&both, |_| {}, at(2));
    assert_eq!((words(&route), route.enough), (vec!["cyd".to_owned()], false));
    // Bob's Tuesday begins at midnight here, and so does Ada's.
    assert_eq!(route.again_at, Some(at(12 * 60)));
    let why: Vec<String> = route.passed_over.iter().map(|(person, why)| format!("{person}: {why}")).collect();
    assert_eq!(
        why,
        [
            "ada: asked once today, which is their daily cap",
            "bob: outside working hours until 2026-11-24T00:00:00Z"
        ]
    );
    // As a last resort at night.
    let route = desk.route(&both, |question| question.off_hours = true, at(2));
    assert_eq!((words(&route), route.enough), (vec!["cyd".to_owned(), "bob".to_owned()], true));
    // Nobody at all.
    let route = desk.route(&of_role("dba", 3), |_| {}, at(2));
    assert_eq!((words(&route), route.enough), (vec![], false));
}

#[test]
fn whoever_is_there_is_asked_before_whoever_is_not_however_well_they_know_it() {
    let people = "
  - {id: ada, roles: [dba], expertise: ['db.*'], hours: {days: [mon], from: '13:00', until: '17:00'}}
  - {id: bob, roles: [dba]}
";
    let desk = Desk::new(people);
    let route = desk.route(&of_role("dba", 1), |question| question.off_hours = true, NOON);
    assert_eq!(words(&route), ["bob", "+ada"]);
}

#[test]
fn whoever_passed_it_on_is_asked_again_as_the_last_resort_only() {
    let desk = Desk::new(FOUR);
    let passed_on = |question: &mut Asking| question.passed_on = [id("ada")].into();
    let route = desk.route(&of_role("dba", 1), passed_on, NOON);
    assert_eq!((words(&route), route.enough), (vec!["bob".to_owned(), "+cyd".to_owned()], true));
    assert_eq!(
        route.passed_over.iter().map(|(_, why)| why.to_string()).collect::<Vec<_>>(),
        ["passed it on"]
    );
    let route = desk.route(&of_role("dba", 3), passed_on, NOON);
    assert_eq!((words(&route), route.enough), (vec!["bob".to_owned(), "cyd".to_owned()], false));
    let pressing = |question: &mut Asking| {
        passed_on(question);
        question.off_hours = true;
    };
    let route = desk.route(&of_role("dba", 3), pressing, NOON);
    assert_eq!(
        (words(&route), route.enough),
        (vec!["bob".to_owned(), "cyd".to_owned(), "ada".to_owned()], true)
    );
}

#[test]
fn those_who_were_asked_are_counted_on_while_they_are_there() {
    let people = "
  - {id: ada, roles: [dba], hours: {days: [mon], from: '09:00', until: '13:00'}}
  - {id: bob, roles: [dba]}
  - {id: cyd, roles: [dba]}
  - {id: dan, roles: [dba]}
";
    let desk = Desk::new(people);
    let one = of_role("dba", 1);
    let before = BTreeSet::from([id("ada"), id("cyd")]);
    let route = desk.route(&one, |question| question.asked = before.clone(), NOON);
    assert_eq!((words(&route), route.enough), (vec![], true));
    assert_eq!(route.again_at, Some(at(60)), "when Ada goes home");
    let route = desk.route(&one, |question| question.asked = before.clone(), at(60));
    assert_eq!(words(&route), ["+bob"], "in Ada's place");
    // And those who agreed are not missing.
    let agreed = [Agreement { person: id("cyd"), assurance: Assurance::Session }];
    let route = desk.route(&of_role("dba", 2), |question| question.agreed = agreed.to_vec(), NOON);
    assert_eq!(route.ask.iter().filter(|turn| !turn.spare).count(), 1);
}

#[test]
fn what_is_alike_goes_to_whom_its_like_waits_for_and_costs_nothing() {
    let mut desk = Desk::new(
        "  - {id: ada, roles: [dba]}\n  - {id: bob, roles: [dba], daily_cap: 1}\n  - {id: cyd, roles: [dba]}\n",
    );
    let by = agent("agent-7");
    let like = Likeness::new(&by, "db.migrate", "db/orders");
    desk.workload.opened(&opening(1, "agent-7", of_role("dba", 1), at(0)), Shown { like, characters: 0 });
    desk.workload.happened(number(1), &asked(&["bob"], at(0)));
    let route = desk.route(&of_role("dba", 1), |_| {}, at(1));
    assert_eq!(words(&route), ["bob", "+ada"], "though Bob was asked as often as he may be");
    assert_eq!(route.ask[0].to_string(), "has the like before them, 1 pending, asked once today");
}

#[test]
fn a_delegate_is_asked_for_who_is_away() {
    let people = "
  - {id: ada, away: [{from: 2026-11-23, until: 2026-11-23, delegate: bob}]}
  - {id: bob}
  - {id: cyd}
";
    let desk = Desk::new(people);
    let route = desk.route(&of_people(&["ada"], 1), |_| {}, NOON);
    assert_eq!((words(&route), route.enough), (vec!["bob".to_owned()], true));
    assert_eq!(route.ask[0].to_string(), "0 pending, not asked today, stands in for ada");
    assert_eq!(route.passed_over[0].1.to_string(), "away until 2026-11-24T00:00:00Z, bob stands in");
}

/// A flood by one agent takes nobody from another's.
#[test]
fn a_flood_by_one_agent_leaves_half_of_everyone_to_others() {
    let mut desk = Desk::new(FOUR);
    let one = of_role("dba", 1);
    let mut taken = 0;
    for minute in 0..200 {
        let route = desk.route(&one, |_| {}, at(minute));
        for turn in route.ask {
            desk.gave("agent-7", &[turn.person.as_str()], at(minute), true);
            taken += 1;
        }
    }
    assert_eq!(taken, 3 * 10, "half of the cap of each of the three");
    assert!(!desk.route(&one, |_| {}, at(200)).enough);
    let other = agent("agent-9");
    let route = desk.route(&one, |question| question.agent = other.clone(), at(200));
    assert!(route.enough && route.ask.len() == 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whoever of those who are asked does not answer, the others suffice, if anybody could be found for it; and
    /// nobody is asked who could be left out.
    #[test]
    fn any_one_of_those_who_are_asked_can_be_missing(
        roles in prop::collection::vec(0_u8..4, 2..7), dba in 1_usize..3, security in 0_usize..3,
    ) {
        let people: String = roles.iter().enumerate().map(|(at, roles)| {
            let held = [(1, "dba"), (2, "security")].into_iter().filter(|(bit, _)| roles & bit != 0);
            format!("  - {{id: p{at}, roles: [{}]}}\n", held.map(|(_, role)| role).collect::<Vec<_>>().join(", "))
        }).collect();
        let desk = Desk::new(&people);
        let requirement = match security {
            0 => of_role("dba", dba),
            _ => Requirement::all(vec![of_role("dba", dba), of_role("security", security)]).unwrap(),
        };
        let route = desk.route(&requirement, |_| {}, NOON);
        let asked: Vec<_> = route.ask.iter().map(|turn| turn.person.clone()).collect();
        let suffice = |without: Option<usize>, of: &[PersonId]| {
            let of = of.iter().enumerate().filter(|(at, _)| Some(*at) != without);
            let agreed: Vec<_> =
                of.map(|(_, one)| Agreement { person: one.clone(), assurance: Assurance::Signed }).collect();
            matches!(requirement.standing(&agreed, &[], &desk.directory), Standing::Met(_))
        };
        let everyone = Membership::people(&desk.directory);
        prop_assert_eq!(route.enough, suffice(None, &everyone));
        let needed: Vec<_> = route.ask.iter().filter(|turn| !turn.spare).map(|turn| turn.person.clone()).collect();
        if route.enough {
            prop_assert!(suffice(None, &needed));
            prop_assert!((0..needed.len()).all(|without| !suffice(Some(without), &needed)));
            for (at, person) in asked.iter().enumerate() {
                let possible = {
                    let others: Vec<_> = everyone.iter().filter(|one| *one != person).cloned().collect();
                    suffice(None, &others)
                };
                prop_assert_eq!(suffice(Some(at), &asked), possible, "without {}", person);
            }
        }
    }
}
