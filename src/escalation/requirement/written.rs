//! A requirement as it is written in events: `{"seat": …}`, `{"all": […]}`, `{"any": {"least": …, "of": […]}}`.

use super::pool::{Pool, RoleName, TeamName};
use super::seat::Seat;
use super::{Node, Requirement, RequirementError};
use crate::party::{PersonId, SeatName};
use crate::token::Assurance;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Written {
    Seat(WrittenSeat),
    All(Vec<Self>),
    Any { least: usize, of: Vec<Self> },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSeat {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<SeatName>,
    #[serde(default, skip_serializing_if = "is_false")]
    everyone: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    persons: Vec<PersonId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<RoleName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    teams: Vec<TeamName>,
    people: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_role: Option<RoleName>,
    assurance: Assurance,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl From<Requirement> for Written {
    fn from(requirement: Requirement) -> Self {
        Self::from(requirement.node)
    }
}

impl From<Node> for Written {
    fn from(node: Node) -> Self {
        let write = |parts: Vec<Node>| parts.into_iter().map(Self::from).collect();
        match node {
            Node::Seat(seat) => Self::Seat(WrittenSeat {
                name: seat.name().cloned(),
                everyone: seat.pool().everyone,
                persons: seat.pool().people.iter().cloned().collect(),
                roles: seat.pool().roles.iter().cloned().collect(),
                teams: seat.pool().teams.iter().cloned().collect(),
                people: seat.people(),
                min_role: seat.min_role().cloned(),
                assurance: seat.assurance(),
            }),
            Node::All(parts) => Self::All(write(parts)),
            Node::Any { least, of } => Self::Any { least, of: write(of) },
        }
    }
}

impl TryFrom<Written> for Requirement {
    type Error = RequirementError;

    fn try_from(written: Written) -> Result<Self, RequirementError> {
        Self::from_node(Node::try_from(written)?)
    }
}

impl TryFrom<Written> for Node {
    type Error = RequirementError;

    fn try_from(written: Written) -> Result<Self, RequirementError> {
        let read = |parts: Vec<Written>| parts.into_iter().map(Self::try_from).collect::<Result<_, _>>();
        Ok(match written {
            Written::Seat(seat) => Self::Seat(seat.try_into()?),
            Written::All(parts) => Self::All(read(parts)?),
            Written::Any { least, of } => Self::Any { least, of: read(of)? },
        })
    }
}

impl TryFrom<WrittenSeat> for Seat {
    type Error = RequirementError;

    fn try_from(written: WrittenSeat) -> Result<Self, RequirementError> {
        let named = !(written.persons.is_empty() && written.roles.is_empty() && written.teams.is_empty());
        let pool = match (written.everyone, named) {
            (true, false) => Pool::everyone(),
            // Everyone and someone: whoever wrote this did not mean one of the two.
            (true, true) => return Err(RequirementError::EmptyPool),
            (false, _) => Pool::new(written.persons, written.roles, written.teams)?,
        };
        let mut seat = Self::new(pool, written.people, written.assurance)?;
        if let Some(role) = written.min_role {
            seat = seat.at_least(role);
        }
        if let Some(name) = written.name {
            seat = seat.named(name);
        }
        Ok(seat)
    }
}
