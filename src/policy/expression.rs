//! Expression: a condition in CEL, checked against a closed set of names and types when a policy is loaded, and
//! evaluated within a bound.
//!
//! The language is a part of the Common Expression Language: literals, the names of [`Expression::names`], the
//! functions of [`Expression::functions`], arithmetic, comparisons, `&&`, `||`, `!`, `?:`, `in`, `has`, and the
//! quantifiers `exists`, `all` and `exists_one`. What an expression of it says is what CEL says, but for three
//! things, each to make fewer conditions fail: an int beside a double counts as a double; a whole number in the
//! parameters is an int; and a level is compared by `at_least` and not by the alphabet.
//!
//! A name, field or function that does not exist, operands of the wrong type, a word outside a closed set
//! (`facts.environment == "prod"`) and a result that is not a truth value are faults of the source, found by
//! [`Expression::compile`]. Only `operation.parameters` has types that nobody knows beforehand; what goes wrong
//! there is an [`EvaluationFault`].
//!
//! # Cost
//! A source has at most [`Expression::MAX_SOURCE`] bytes, [`Expression::MAX_PARTS`] parts and is nested at most
//! [`Expression::MAX_DEPTH`] deep; there is no loop but the three quantifiers, which nest twice. An evaluation
//! spends one unit for each part that it visits, for each element that it looks at and for every 64 bytes of text
//! that it reads (16 where a regular expression does), and gives up beyond [`Expression::MAX_COST`]. A text that is
//! put together has at most 64 KiB. So time, memory and stack are bounded by counts, whatever an agent sends.

mod check;
mod evaluate;
mod fault;
mod inputs;
mod lex;
mod program;
mod quantify;
mod schema;
mod syntax;
mod types;
mod value;

pub use evaluate::EvaluationFault;
pub use fault::{ExpressionFault, ExpressionProblem};
pub use inputs::Inputs;

use core::fmt;
use program::Node;
use std::sync::Arc;

/// A condition that was compiled. A copy costs nothing.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    node: Node,
    reads_request: bool,
}

impl Expression {
    /// The longest source in bytes.
    pub const MAX_SOURCE: usize = 4096;
    /// The most operators, calls, names and literals of one source.
    pub const MAX_PARTS: usize = 512;
    /// The deepest nesting.
    pub const MAX_DEPTH: usize = 48;
    /// The most units that one evaluation spends.
    pub const MAX_COST: u32 = 200_000;

    /// Compiles a condition.
    ///
    /// # Errors
    /// [`ExpressionFault`]: the first thing that is wrong, and where.
    pub fn compile(source: &str) -> Result<Self, ExpressionFault> {
        let compiled = if source.len() > Self::MAX_SOURCE {
            Err(fault::Wrong::new(0, ExpressionProblem::TooLong(Self::MAX_SOURCE)))
        } else {
            syntax::parse(source).and_then(|part| check::condition(&part))
        };
        let (node, reads_request) = compiled.map_err(|wrong| wrong.within(source))?;
        Ok(Self(Arc::new(Compiled { source: source.into(), node, reads_request })))
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether it looks at `request`, which is the agent's own words.
    #[must_use]
    pub fn reads_request(&self) -> bool {
        self.0.reads_request
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`EvaluationFault`]: nobody can say. A caller treats that as whatever widens no authority.
    pub fn holds(&self, inputs: &Inputs<'_>) -> Result<bool, EvaluationFault> {
        evaluate::holds(&self.0.node, inputs)
    }

    /// Every name: its path, its type, and what it is.
    pub fn names() -> impl Iterator<Item = (&'static str, String, &'static str)> {
        schema::NAMES.iter().map(|name| (name.path, name.kind.described(), name.about))
    }

    /// Every field of an act, an element of `facts.acts`: its name, its type, and what it is.
    pub fn act_fields() -> impl Iterator<Item = (&'static str, String, &'static str)> {
        schema::ACT.iter().map(|field| (field.name, field.kind.described(), field.about))
    }

    /// Every function and quantifier: how it is called, and what it says.
    pub fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
        schema::FUNCTIONS.iter().map(|function| (function.form, function.about))
    }
}

/// Two expressions are the same if their sources are.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.0.source)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}
