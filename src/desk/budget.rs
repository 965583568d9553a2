//! The budget of open escalations: one agent's flood takes none of the room of another (complaint: prompt fatigue).

use super::Room;
use crate::party::{AgentId, EscalationId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each agent has open or under way.
#[derive(Debug, Default)]
pub struct Budget {
    agents: Mutex<HashMap<AgentId, Used>>,
}

#[derive(Debug, Default)]
struct Used {
    open: BTreeSet<EscalationId>,
    /// Those that are being decided and may be opened.
    under_way: usize,
}

impl Budget {
    fn agents(&self) -> MutexGuard<'_, HashMap<AgentId, Used>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether this escalation of this agent waits for people.
    pub fn note(&self, agent: &AgentId, id: EscalationId, waits: bool) {
        let mut agents = self.agents();
        let used = agents.entry(agent.clone()).or_default();
        if waits {
            used.open.insert(id)
        } else {
            used.open.remove(&id)
        };
        if used.open.is_empty() && used.under_way == 0 {
            agents.remove(agent);
        }
    }

    /// Room for one more, held until it is dropped: by then what was decided is open, or is not.
    #[must_use]
    pub fn room(self: &Arc<Self>, agent: &AgentId, most: usize) -> Option<Room> {
        let mut agents = self.agents();
        let used = agents.entry(agent.clone()).or_default();
        if used.open.len() + used.under_way >= most {
            return None;
        }
        used.under_way += 1;
        Some(Room::new(Held { budget: self.clone(), agent: agent.clone() }))
    }
}

struct Held {
    budget: Arc<Budget>,
    agent: AgentId,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut agents = self.budget.agents();
        if let Some(used) = agents.get_mut(&self.agent) {
            used.under_way = used.under_way.saturating_sub(1);
            if used.open.is_empty() && used.under_way == 0 {
                agents.remove(&self.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_its_own_room_and_gets_it_back() {
        let budget = Arc::new(Budget::default());
        let (flood, quiet) = (AgentId::new("flood").unwrap(), AgentId::new("quiet").unwrap());
        let id = |n| EscalationId::from_random([n; 16]);
        budget.note(&flood, id(1), true);
        let held = budget.room(&flood, 2);
        assert!(held.is_some());
        assert!(budget.room(&flood, 2).is_none(), "one is open, one under way");
        assert!(budget.room(&quiet, 2).is_some(), "another agent's room is another");
        drop(held);
        let held = budget.room(&flood, 2);
        budget.note(&flood, id(2), true);
        drop(held);
        assert!(budget.room(&flood, 2).is_none());
        budget.note(&flood, id(1), false);
        budget.note(&flood, id(1), false);
        assert!(budget.room(&flood, 2).is_some());
        budget.note(&flood, id(2), false);
        assert!(budget.agents().is_empty(), "nothing is kept of who has nothing open");
    }
}
