//! What somebody wants to see of the queue, as the address says it.

use crate::desk::queue::{Filter, MAX_PAGE_TOKEN, Order};
use crate::escalation::Status;
use crate::party::PersonId;
use crate::risk::Level;
use crate::risk::pattern::Glob;

/// Which part of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Show {
    /// What waits for whoever looks.
    #[default]
    Yours,
    /// What waits for anybody.
    Open,
    /// What is over.
    Ended,
}

impl Show {
    const ALL: [Self; 3] = [Self::Yours, Self::Open, Self::Ended];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Yours => "yours",
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }
}

/// The states in which nothing is to be decided any more.
const ENDED: [Status; 6] =
    [Status::Claimed, Status::Denied, Status::Expired, Status::Cancelled, Status::Blocked, Status::Lapsed];

/// What somebody wants to see.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) show: Show,
    pub(super) levels: Vec<Level>,
    pub(super) states: Vec<Status>,
    pub(super) agent: Option<Glob>,
    pub(super) action: Option<Glob>,
    pub(super) after: Option<String>,
}

impl Wanted {
    /// Reads the address; what is empty is not said.
    pub(super) fn read(query: &[(String, String)]) -> Result<Self, &'static str> {
        let mut wanted = Self::default();
        let said = query.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in said {
            let pattern = || {
                // Names have no other characters, and what can't be seen would come back unseen.
                let plain = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
                let pattern = plain.then(|| Glob::new(value)).flatten();
                pattern.map(Some).ok_or("a pattern is printable ASCII, and not long")
            };
            match name.as_str() {
                "show" => {
                    let show = Show::ALL.into_iter().find(|show| show.name() == value);
                    wanted.show = show.ok_or("there is no such part of the queue")?;
                }
                "level" => {
                    let level = Level::ALL.into_iter().find(|level| level.as_str() == value);
                    let level = level.ok_or("there is no such level")?;
                    if !wanted.levels.contains(&level) {
                        wanted.levels.push(level);
                    }
                }
                "state" => {
                    let state = ENDED.into_iter().find(|state| state.as_str() == value);
                    let state = state.ok_or("there is no such state")?;
                    if !wanted.states.contains(&state) {
                        wanted.states.push(state);
                    }
                }
                "agent" => wanted.agent = pattern()?,
                "action" => wanted.action = pattern()?,
                "after" if value.len() <= MAX_PAGE_TOKEN => wanted.after = Some(value.clone()),
                // Somebody else's parameter, of a chat or a mail program: nothing of ours.
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// As the desk looks for it.
    pub(super) fn filter(&self, person: &PersonId) -> Filter {
        let statuses = match (self.show, self.states.is_empty()) {
            (Show::Ended, true) => ENDED.to_vec(),
            (Show::Ended, false) => self.states.clone(),
            (Show::Yours | Show::Open, _) => Vec::new(),
        };
        Filter {
            statuses,
            agent: self.agent.clone(),
            action: self.action.clone(),
            levels: self.levels.clone(),
            awaits: (self.show == Show::Yours).then(|| person.clone()),
            since: None,
            until: None,
        }
    }

    pub(super) const fn order(&self) -> Order {
        match self.show {
            Show::Yours | Show::Open => Order::Urgent,
            Show::Ended => Order::Newest,
        }
    }

    /// Whether something was filtered away.
    pub(super) const fn is_narrow(&self) -> bool {
        !self.levels.is_empty() || !self.states.is_empty() || self.agent.is_some() || self.action.is_some()
    }

    pub(super) fn is(&self, show: &str) -> bool {
        self.show.name() == show
    }

    pub(super) fn has_level(&self, level: &Level) -> bool {
        self.levels.contains(level)
    }

    pub(super) fn has_state(&self, state: &Status) -> bool {
        self.states.contains(state)
    }

    pub(super) fn agent(&self) -> &str {
        self.agent.as_ref().map_or("", Glob::as_str)
    }

    pub(super) fn action(&self) -> &str {
        self.action.as_ref().map_or("", Glob::as_str)
    }

    pub(super) const fn ended(&self) -> [Status; 6] {
        ENDED
    }

    /// The address of this list, from a page on.
    pub(super) fn link(&self, after: Option<&str>) -> String {
        let mut link = format!("/?show={}", self.show.name());
        let levels = self.levels.iter().map(|level| ("level", level.as_str()));
        let states = self.states.iter().map(|state| ("state", state.as_str()));
        let rest = [("agent", self.agent()), ("action", self.action()), ("after", after.unwrap_or_default())];
        for (name, value) in levels.chain(states).chain(rest) {
            if !value.is_empty() {
                link.push_str(&format!("&{name}={}", super::super::visitor::percent(value)));
            }
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Wanted, &'static str> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Wanted::read(&pairs)
    }

    #[test]
    fn an_address_says_what_is_wanted_and_a_link_says_it_again() {
        for (query, link) in [
            ("", "/?show=yours"),
            ("show=open", "/?show=open"),
            ("show=ended&state=denied&state=denied", "/?show=ended&state=denied"),
            ("level=high&level=medium&agent=", "/?show=yours&level=high&level=medium"),
            ("agent=a b*&action=db.*", "/?show=yours&agent=a%20b%2A&action=db.%2A"),
            ("utm_source=mail", "/?show=yours"),
        ] {
            let wanted = read(query).unwrap();
            assert_eq!(wanted.link(None), link, "{query}");
            assert_eq!(wanted.link(Some("t")), format!("{link}&after=t"));
        }
        for query in [
            "show=all",
            "level=severe",
            "state=pending",
            "agent=a\u{202e}",
            &format!("agent={}", "a".repeat(513)),
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
