//! One page after the other: in which order, and where the last one ended.
//!
//! A page token says what was shown, not how much: so nothing is shown twice or left out because others were opened or
//! ended in between. It is not signed, because it gives nobody anything that the list would not.

use crate::digest::{base64url, from_base64url, sha256};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId};
use crate::risk::Level;
use core::cmp::Reverse;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// The longest page token in bytes.
pub const MAX_PAGE_TOKEN: usize = 256 * 1024;

/// In which order escalations are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Order {
    /// The latest opened first.
    #[default]
    Newest,
    /// The earliest opened first.
    Oldest,
    /// The highest level of risk first, and of one level what ends first; but the agents of one level take turns, so
    /// that one who asks for much does not bury the others.
    Urgent,
}

/// What an escalation is ordered by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) id: EscalationId,
    pub(super) agent: &'a AgentId,
    pub(super) level: Level,
    pub(super) opened_at: Moment,
    pub(super) decide_by: Moment,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// Which list it is of.
    pub(super) list: String,
    /// When the first page was made.
    began: Moment,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Place {
    Start,
    /// After the one that was opened then.
    Opened(Moment, EscalationId),
    /// Within this level: how many of each agent were shown, and the last of them. Higher levels are done.
    Turns(Level, HashMap<String, Turn>),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Turn(u64, Moment, EscalationId);

/// When it ends, its id, and its place among the items.
type Waiting = (Moment, EscalationId, usize);

impl Cursor {
    pub(super) const fn first(list: String, now: Moment) -> Self {
        Self { list, began: now, place: Place::Start }
    }

    pub(super) fn read(token: &str) -> Option<Self> {
        if token.len() > MAX_PAGE_TOKEN {
            return None;
        }
        serde_json::from_slice(&from_base64url(token)?).ok()
    }

    pub(super) fn to_token(&self) -> String {
        base64url(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The places of the next page's items, and where it ends if there are more.
pub(super) fn page(
    items: &[Item<'_>],
    order: Order,
    limit: usize,
    cursor: Cursor,
) -> (Vec<usize>, Option<Cursor>) {
    let Cursor { list, began, place } = cursor;
    // What was opened since is on nobody's later page: it would move what is there.
    let present = items.iter().enumerate().filter(|(_, item)| item.opened_at <= began);
    let (mut chosen, place) = match order {
        Order::Newest | Order::Oldest => by_age(present, order, limit, &place),
        Order::Urgent => by_turns(present, limit, &place),
    };
    let more = chosen.len() > limit;
    chosen.truncate(limit);
    (chosen, more.then_some(Cursor { list, began, place }))
}

/// One more than `limit`, if there are so many, and where the page ends.
fn by_age<'a>(
    items: impl Iterator<Item = (usize, &'a Item<'a>)>,
    order: Order,
    limit: usize,
    place: &Place,
) -> (Vec<usize>, Place) {
    let after = |key: (Moment, EscalationId)| match (place, order) {
        (Place::Opened(at, id), Order::Oldest) => key > (*at, *id),
        (Place::Opened(at, id), Order::Newest | Order::Urgent) => key < (*at, *id),
        (Place::Start | Place::Turns(..), _) => true,
    };
    let keys = items.map(|(at, item)| ((item.opened_at, item.id), at));
    let mut keys: Vec<_> = keys.filter(|(key, _)| after(*key)).collect();
    keys.sort_unstable();
    if order != Order::Oldest {
        keys.reverse();
    }
    keys.truncate(limit.saturating_add(1));
    let last = keys.iter().take(limit).next_back().map(|((at, id), _)| Place::Opened(*at, *id));
    (keys.into_iter().map(|(_, at)| at).collect(), last.unwrap_or_else(|| place.clone()))
}

/// As [`by_age`], by level, and within a level in turns.
fn by_turns<'a>(
    items: impl Iterator<Item = (usize, &'a Item<'a>)>,
    limit: usize,
    place: &Place,
) -> (Vec<usize>, Place) {
    let mut levels: BTreeMap<Reverse<Level>, BTreeMap<&AgentId, Vec<Waiting>>> = BTreeMap::new();
    for (at, item) in items {
        let agents = levels.entry(Reverse(item.level)).or_default();
        agents.entry(item.agent).or_default().push((item.decide_by, item.id, at));
    }
    let mut chosen = Vec::new();
    let mut end = place.clone();
    for (Reverse(level), agents) in levels {
        let mut shown = match place {
            Place::Turns(reached, _) if level > *reached => continue,
            Place::Turns(reached, shown) if level == *reached => shown.clone(),
            Place::Turns(..) | Place::Start | Place::Opened(..) => HashMap::new(),
        };
        // Whose turn it is: who had the fewest, and of those the one whose first ends first.
        let mut turns = BinaryHeap::new();
        for (agent, mut waiting) in agents {
            let name = short(agent);
            let had = shown.get(&name).copied();
            waiting
                .retain(|(by, id, _)| had.is_none_or(|Turn(_, last, last_id)| (*by, *id) > (last, last_id)));
            waiting.sort_unstable_by(|a, b| b.cmp(a));
            let count = had.map_or(0, |Turn(count, ..)| count);
            if let Some(first) = waiting.pop() {
                turns.push(Reverse((count, first, name, waiting)));
            }
        }
        while let Some(Reverse((count, (by, id, at), name, mut waiting))) = turns.pop() {
            chosen.push(at);
            if chosen.len() > limit {
                return (chosen, end);
            }
            shown.insert(name.clone(), Turn(count.saturating_add(1), by, id));
            if chosen.len() == limit {
                end = Place::Turns(level, shown.clone());
            }
            if let Some(next) = waiting.pop() {
                turns.push(Reverse((count.saturating_add(1), next, name, waiting)));
            }
        }
    }
    (chosen, end)
}

/// An agent's name, short.
fn short(agent: &AgentId) -> String {
    let digest = sha256(&[agent.as_str().as_bytes()]);
    base64url(digest.first_chunk::<9>().map_or(&[][..], |start| &start[..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Agent, level, opened and decide-by of an escalation of this number.
    type Made = (u8, u8, u64, u64);

    struct World {
        agents: Vec<AgentId>,
        made: Vec<Made>,
    }

    const LEVELS: [Level; 4] = [Level::Low, Level::Medium, Level::High, Level::Critical];

    impl World {
        fn new(made: Vec<Made>) -> Self {
            Self { agents: (0..8).map(|n| AgentId::new(&format!("agent:{n}")).unwrap()).collect(), made }
        }

        fn items(&self, ended: &[usize]) -> Vec<Item<'_>> {
            let made = self.made.iter().enumerate().filter(|(n, _)| !ended.contains(n));
            made.map(|(n, (agent, level, opened, length))| {
                let mut bits = [0; 16];
                bits[8..].copy_from_slice(&(n as u64).to_be_bytes());
                Item {
                    id: EscalationId::from_random(bits),
                    agent: &self.agents[usize::from(agent % 8)],
                    level: LEVELS[usize::from(level % 4)],
                    opened_at: Moment::from_unix_seconds(*opened),
                    decide_by: Moment::from_unix_seconds(opened + length),
                }
            })
            .collect()
        }
    }

    fn begin(at: u64) -> Cursor {
        Cursor::first("list".to_owned(), Moment::from_unix_seconds(at))
    }

    /// Every page, read as a client does.
    fn all(items: &[Item<'_>], order: Order, limit: usize) -> Vec<EscalationId> {
        let mut shown = Vec::new();
        let mut cursor = Some(begin(1000));
        while let Some(here) = cursor {
            let (chosen, next) = page(items, order, limit, here);
            assert!(chosen.len() <= limit && (next.is_none() || chosen.len() == limit));
            shown.extend(chosen.into_iter().map(|at| items[at].id));
            cursor = next.map(|next| Cursor::read(&next.to_token()).unwrap());
        }
        shown
    }

    fn made() -> impl Strategy<Value = Vec<Made>> {
        proptest::collection::vec((0..4_u8, 0..4_u8, 0..100_u64, 1..100_u64), 0..40)
    }

    proptest! {
        #[test]
        fn pages_of_any_size_show_everything_once_in_the_same_order(made in made(), limit in 1..10_usize) {
            let world = World::new(made);
            let items = world.items(&[]);
            for order in [Order::Newest, Order::Oldest, Order::Urgent] {
                let whole = all(&items, order, 1000);
                prop_assert_eq!(&all(&items, order, limit), &whole);
                let mut ids: Vec<_> = items.iter().map(|item| item.id).collect();
                let mut sorted = whole;
                ids.sort_unstable();
                sorted.sort_unstable();
                prop_assert_eq!(ids, sorted);
            }
        }

        #[test]
        fn what_is_opened_or_ends_in_between_moves_nothing(
            made in made(), later in made(), gone in proptest::collection::vec(0..40_usize, 0..20), limit in 1..10_usize,
        ) {
            let before = World::new(made.clone());
            let later = later.into_iter().map(|(agent, level, opened, length)| (agent, level, opened + 500, length));
            let after = World::new(made.into_iter().chain(later).collect());
            for order in [Order::Newest, Order::Oldest, Order::Urgent] {
                let (items, changed) = (before.items(&[]), after.items(&gone));
                let (first, next) = page(&items, order, limit, begin(400));
                let mut shown: Vec<_> = first.into_iter().map(|at| items[at].id).collect();
                let mut cursor = next;
                while let Some(here) = cursor {
                    let (chosen, next) = page(&changed, order, limit, here);
                    shown.extend(chosen.into_iter().map(|at| changed[at].id));
                    cursor = next;
                }
                let mut once = shown.clone();
                once.sort_unstable();
                once.dedup();
                prop_assert_eq!(once.len(), shown.len(), "nothing twice");
                prop_assert!(items.iter().filter(|item| shown.contains(&item.id)).count() == shown.len(), "nothing new");
                if items.len() > limit {
                    let still = changed.iter().filter(|item| item.opened_at <= Moment::from_unix_seconds(400));
                    for item in still {
                        prop_assert!(shown.contains(&item.id), "nothing left out");
                    }
                }
            }
        }

        #[test]
        fn nobody_waits_behind_more_than_one_turn_of_each_other(made in made()) {
            let world = World::new(made);
            let items = world.items(&[]);
            let of = |id: &EscalationId| *items.iter().find(|item| item.id == *id).unwrap();
            let shown: Vec<_> = all(&items, Order::Urgent, 1000).iter().map(of).collect();
            prop_assert!(shown.is_sorted_by(|one, next| one.level >= next.level));
            for (at, item) in shown.iter().enumerate() {
                let before = |agent: &AgentId| {
                    shown[..at].iter().filter(|other| other.level == item.level && other.agent == agent).count()
                };
                let own = before(item.agent);
                prop_assert!(world.agents.iter().all(|other| before(other) <= own + 1));
                let earlier = shown[..at].iter().filter(|other| other.level == item.level && other.agent == item.agent);
                prop_assert!(earlier.into_iter().all(|other| other.decide_by <= item.decide_by));
            }
        }

        #[test]
        fn no_token_makes_it_stumble(token in "[A-Za-z0-9_-]{0,200}", made in made()) {
            let world = World::new(made);
            if let Some(cursor) = Cursor::read(&token) {
                page(&world.items(&[]), Order::Urgent, 5, cursor);
            }
        }
    }

    #[test]
    fn a_flood_stands_behind_the_one_question_of_another() {
        let mut made: Vec<Made> = (0..1000).map(|n| (0, 2, n % 50, 10)).collect();
        made.push((1, 2, 60, 900));
        made.push((2, 1, 0, 1));
        made.push((3, 3, 60, 900));
        let world = World::new(made);
        let items = world.items(&[]);
        let shown = all(&items, Order::Urgent, 4);
        let place = |n: usize| shown.iter().position(|id| *id == items[n].id).unwrap();
        assert_eq!(place(1002), 0, "the highest level first");
        assert_eq!(place(1000), 2, "after one of the flood");
        assert_eq!(place(1001), 1002, "the lowest level last");
    }

    #[test]
    fn a_token_is_bounded_and_strict() {
        assert!(Cursor::read(&"A".repeat(MAX_PAGE_TOKEN + 1)).is_none());
        let token = begin(1).to_token();
        assert!(Cursor::read(&token).is_some());
        assert!(Cursor::read(&format!("{token}=")).is_none());
        assert!(Cursor::read(&base64url(br#"{"list":"","began":1,"place":"Start","more":1}"#)).is_none());
    }
}
