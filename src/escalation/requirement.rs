//! Who must agree: seats that distinct people fill, combined by *all of* and *any so many of* (DESIGN §5.4).

mod completion;
mod matching;
mod pool;
mod seat;
mod standing;
mod table;
mod written;

pub use pool::{Group, Membership, NotAGroup, Pool, RoleName, TeamName};
pub use seat::Seat;
pub use standing::{Agreement, Filled, Standing};

use crate::token::Assurance;
use core::fmt;

/// The most seats, counted with their number of people, that one way of satisfying a requirement may have.
pub const MAX_PEOPLE: usize = 32;
/// The most ways in which a requirement may be satisfied.
pub const MAX_WAYS: usize = 256;
/// How deep `all` and `any` may be nested.
pub const MAX_DEPTH: usize = 8;

/// Who must agree to an operation. A value of this type always asks for at least one person.
///
/// Each person fills one seat at most, however many roles they have: finding who fills which is a matching.
///
/// ```
/// use countersign::escalation::requirement::{Pool, Requirement, Seat};
/// use countersign::token::Assurance;
///
/// let pool = Pool::new([], ["dba".parse()?], ["platform".parse()?])?;
/// let two_of_them = Requirement::seat(Seat::new(pool, 2, Assurance::Signed)?);
/// assert_eq!(two_of_them.people(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "written::Written", into = "written::Written")]
pub struct Requirement {
    node: Node,
    /// Every seat, in the order they are written.
    seats: Vec<Seat>,
    /// Each way to satisfy it: the places in `seats` that have to be filled, all by different people.
    ways: Vec<Vec<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Seat(Seat),
    All(Vec<Self>),
    Any { least: usize, of: Vec<Self> },
}

/// Why something is not a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequirementError {
    /// It asks for nobody: a seat for zero people, `all` of nothing, `any` zero of something.
    NoSeat,
    /// A pool names no person, role or team.
    EmptyPool,
    /// A seat wants more people than its pool names.
    LargerThanPool,
    /// `any` wants more of its parts than there are.
    MoreThanParts,
    /// It asks for more people, ways or depth than [`MAX_PEOPLE`], [`MAX_WAYS`] and [`MAX_DEPTH`].
    TooLarge,
}

impl fmt::Display for RequirementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeat => f.write_str("the requirement asks for nobody: at least one approval is needed"),
            Self::EmptyPool => f.write_str("the pool names no person, role or team"),
            Self::LargerThanPool => f.write_str("the seat wants more people than its pool names"),
            Self::MoreThanParts => f.write_str("`any` wants more of its parts than there are"),
            Self::TooLarge => write!(
                f,
                "the requirement is too large: at most {MAX_PEOPLE} people, {MAX_WAYS} ways and {MAX_DEPTH} levels"
            ),
        }
    }
}

impl std::error::Error for RequirementError {}

impl Requirement {
    /// One seat: so many people of a pool.
    #[must_use]
    pub fn seat(seat: Seat) -> Self {
        Self { seats: vec![seat.clone()], ways: vec![vec![0]], node: Node::Seat(seat) }
    }

    /// All of these, each person in one seat at most.
    ///
    /// # Errors
    /// [`RequirementError::NoSeat`] for an empty list, [`RequirementError::TooLarge`].
    pub fn all(parts: Vec<Self>) -> Result<Self, RequirementError> {
        Self::from_node(Node::All(parts.into_iter().map(|part| part.node).collect()))
    }

    /// At least so many of these, each person in one seat at most.
    ///
    /// # Errors
    /// [`RequirementError::NoSeat`] for zero, [`RequirementError::MoreThanParts`], [`RequirementError::TooLarge`].
    pub fn any(least: usize, parts: Vec<Self>) -> Result<Self, RequirementError> {
        Self::from_node(Node::Any { least, of: parts.into_iter().map(|part| part.node).collect() })
    }

    /// The same, where nobody needs to be known more surely than this. It serves to try things out.
    #[must_use]
    pub fn known_at_most(&self, most: Assurance) -> Self {
        let seats = self.seats.iter().cloned().map(|seat| seat.known_at_most(most)).collect();
        Self { node: self.node.known_at_most(most), seats, ways: self.ways.clone() }
    }

    fn from_node(node: Node) -> Result<Self, RequirementError> {
        if node.depth() > MAX_DEPTH {
            return Err(RequirementError::TooLarge);
        }
        let mut seats = Vec::new();
        let ways = node.ways(&mut seats)?;
        Ok(Self { node, seats, ways })
    }

    /// Every seat, in the order they are written.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The fewest different people that can satisfy it; never zero.
    #[must_use]
    pub fn people(&self) -> usize {
        self.ways.iter().map(|way| self.people_of(way)).min().unwrap_or(usize::MAX)
    }

    fn people_of(&self, way: &[usize]) -> usize {
        way.iter().filter_map(|at| self.seats.get(*at)).map(Seat::people).sum()
    }
}

impl Node {
    fn known_at_most(&self, most: Assurance) -> Self {
        let parts = |parts: &[Self]| parts.iter().map(|part| part.known_at_most(most)).collect();
        match self {
            Self::Seat(seat) => Self::Seat(seat.clone().known_at_most(most)),
            Self::All(of) => Self::All(parts(of)),
            Self::Any { least, of } => Self::Any { least: *least, of: parts(of) },
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Seat(_) => 1,
            Self::All(parts) | Self::Any { of: parts, .. } => {
                1 + parts.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// Lists the ways to satisfy this node and appends its seats.
    fn ways(&self, seats: &mut Vec<Seat>) -> Result<Vec<Vec<usize>>, RequirementError> {
        let ways = match self {
            Self::Seat(seat) => {
                seats.push(seat.clone());
                vec![vec![seats.len() - 1]]
            }
            Self::All(parts) => {
                let parts = parts.iter().map(|part| part.ways(seats)).collect::<Result<Vec<_>, _>>()?;
                choose(&parts, parts.len())?
            }
            Self::Any { least, of } => {
                if *least > of.len() {
                    return Err(RequirementError::MoreThanParts);
                }
                let parts = of.iter().map(|part| part.ways(seats)).collect::<Result<Vec<_>, _>>()?;
                choose(&parts, *least)?
            }
        };
        let people = |way: &Vec<usize>| way.iter().filter_map(|at| seats.get(*at)).map(Seat::people).sum();
        if ways.len() > MAX_WAYS
            || ways.iter().any(|way| -> bool {
                let n: usize = people(way);
                n > MAX_PEOPLE
            })
        {
            return Err(RequirementError::TooLarge);
        }
        Ok(ways)
    }
}

/// Every way to satisfy exactly `least` of `parts`; more than that many can only take more people.
fn choose(parts: &[Vec<Vec<usize>>], least: usize) -> Result<Vec<Vec<usize>>, RequirementError> {
    if least == 0 {
        return Err(RequirementError::NoSeat);
    }
    // chosen[n] holds the ways that satisfy n of the parts looked at so far.
    let mut chosen: Vec<Vec<Vec<usize>>> = vec![Vec::new(); least + 1];
    if let Some(none) = chosen.first_mut() {
        none.push(Vec::new());
    }
    for part in parts {
        for satisfied in (0..least).rev() {
            let longer: Vec<Vec<usize>> = chosen
                .get(satisfied)
                .into_iter()
                .flatten()
                .flat_map(|way| part.iter().map(move |more| [&way[..], more].concat()))
                .take(MAX_WAYS + 1)
                .collect();
            if let Some(next) = chosen.get_mut(satisfied + 1) {
                next.extend(longer);
                if next.len() > MAX_WAYS {
                    return Err(RequirementError::TooLarge);
                }
            }
        }
    }
    let ways = chosen.pop().unwrap_or_default();
    if ways.is_empty() { Err(RequirementError::NoSeat) } else { Ok(ways) }
}

/// In words: `2 of role dba or team platform, signed`; `all of (…; …)`; `any 1 of (…; …)`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match self {
            Self::Seat(seat) => return seat.fmt(f),
            Self::All(parts) => {
                f.write_str("all of (")?;
                parts
            }
            Self::Any { least, of } => {
                write!(f, "any {least} of (")?;
                of
            }
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            part.fmt(f)?;
        }
        f.write_str(")")
    }
}
