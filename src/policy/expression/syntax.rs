//! The syntax of an expression: a tree whose every part knows its place, bounded in depth and size.

use super::Expression;
use super::fault::{ExpressionProblem as Problem, Wrong};
use super::lex::{Token, tokens};

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Part<'s> {
    /// Where to point for it: its beginning, its operator, or its function's name.
    pub(super) at: usize,
    pub(super) syntax: Syntax<'s>,
    depth: usize,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(super) enum Syntax<'s> {
    Null,
    Bool(bool),
    /// Without its sign.
    Int(u64),
    Double(f64),
    Text(String),
    Name(&'s str),
    List(Vec<Part<'s>>),
    /// `a.b`, and where `b` is.
    Select(Box<Part<'s>>, &'s str, usize),
    Index(Box<Part<'s>>, Box<Part<'s>>),
    /// `f(…)` or `a.f(…)`
    Call(Option<Box<Part<'s>>>, &'s str, Vec<Part<'s>>),
    Not(Box<Part<'s>>),
    Negate(Box<Part<'s>>),
    Binary(&'static str, Box<Part<'s>>, Box<Part<'s>>),
    /// `a && b && …`
    All(Vec<Part<'s>>),
    /// `a || b || …`
    Any(Vec<Part<'s>>),
    /// `a ? b : c`
    Choose(Box<[Part<'s>; 3]>),
}

/// Reads a source.
pub(super) fn parse(source: &str) -> Result<Part<'_>, Wrong> {
    let tokens = tokens(source)?;
    let mut parser =
        Parser { tokens: tokens.into_iter().peekable(), end: source.len(), nesting: 0, parts: 0 };
    if matches!(parser.peek(), Token::End) {
        return Err(Wrong::new(0, Problem::Empty));
    }
    let part = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(part),
        Token::Name(_) | Token::Int(_) | Token::Double(_) | Token::Text(_) | Token::Symbol(_) => {
            Err(parser.unexpected("an operator"))
        }
    }
}

struct Parser<'s> {
    tokens: core::iter::Peekable<std::vec::IntoIter<(usize, Token<'s>)>>,
    end: usize,
    nesting: usize,
    parts: usize,
}

/// Words that are never a name, as CEL has it; `in` is an operator, and the first three are literals.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

impl<'s> Parser<'s> {
    fn peek(&mut self) -> &Token<'s> {
        self.tokens.peek().map_or(&Token::End, |(_, token)| token)
    }

    fn at(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |(at, _)| *at)
    }

    fn next(&mut self) -> Token<'s> {
        self.tokens.next().map_or(Token::End, |(_, token)| token)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        self.tokens.next_if(|(_, token)| matches!(token, Token::Symbol(found) if *found == symbol)).is_some()
    }

    fn expect(&mut self, symbol: &str, wanted: &'static str) -> Result<(), Wrong> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    fn unexpected(&mut self, wanted: &'static str) -> Wrong {
        let found = self.peek().shown();
        Wrong::new(self.at(), Problem::Unexpected(wanted, found))
    }

    /// Which of these operators stands here; it is taken.
    fn operator(&mut self, operators: &[&'static str]) -> Option<(&'static str, usize)> {
        let at = self.at();
        let found = match self.peek() {
            Token::Symbol(symbol) => operators.iter().find(|operator| *operator == symbol),
            Token::Name(name) => operators.iter().find(|operator| *operator == name),
            Token::Int(_) | Token::Double(_) | Token::Text(_) | Token::End => None,
        };
        found.map(|operator| {
            self.next();
            (*operator, at)
        })
    }

    /// A part above others, unless that is too many or too deep.
    fn part(
        &mut self,
        at: usize,
        syntax: Syntax<'s>,
        below: impl IntoIterator<Item = usize>,
    ) -> Result<Part<'s>, Wrong> {
        let depth = below.into_iter().max().unwrap_or_default() + 1;
        self.parts += 1;
        if depth > Expression::MAX_DEPTH {
            return Err(Wrong::new(at, Problem::TooDeep(Expression::MAX_DEPTH)));
        }
        if self.parts > Expression::MAX_PARTS {
            return Err(Wrong::new(at, Problem::TooManyParts(Expression::MAX_PARTS)));
        }
        Ok(Part { at, syntax, depth })
    }

    fn expression(&mut self) -> Result<Part<'s>, Wrong> {
        self.nesting += 1;
        if self.nesting > Expression::MAX_DEPTH {
            return Err(Wrong::new(self.at(), Problem::TooDeep(Expression::MAX_DEPTH)));
        }
        let mut part = self.any()?;
        let at = self.at();
        if self.eat("?") {
            let then = self.any()?;
            self.expect(":", "`:` and what else it is")?;
            let otherwise = self.expression()?;
            let below = [part.depth, then.depth, otherwise.depth];
            part = self.part(at, Syntax::Choose(Box::new([part, then, otherwise])), below)?;
        }
        self.nesting -= 1;
        Ok(part)
    }

    fn any(&mut self) -> Result<Part<'s>, Wrong> {
        self.chain("||", Self::all, Syntax::Any)
    }

    fn all(&mut self) -> Result<Part<'s>, Wrong> {
        self.chain("&&", Self::relation, Syntax::All)
    }

    fn chain(
        &mut self,
        operator: &'static str,
        below: impl Fn(&mut Self) -> Result<Part<'s>, Wrong>,
        syntax: impl FnOnce(Vec<Part<'s>>) -> Syntax<'s>,
    ) -> Result<Part<'s>, Wrong> {
        let first = below(self)?;
        let Some((_, at)) = self.operator(&[operator]) else { return Ok(first) };
        let mut parts = vec![first, below(self)?];
        while self.operator(&[operator]).is_some() {
            parts.push(below(self)?);
        }
        let depths: Vec<usize> = parts.iter().map(|part| part.depth).collect();
        self.part(at, syntax(parts), depths)
    }

    fn relation(&mut self) -> Result<Part<'s>, Wrong> {
        self.left_to_right(&["==", "!=", "<=", ">=", "<", ">", "in"], Self::sum)
    }

    fn sum(&mut self) -> Result<Part<'s>, Wrong> {
        self.left_to_right(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Part<'s>, Wrong> {
        self.left_to_right(&["*", "/", "%"], Self::unary)
    }

    fn left_to_right(
        &mut self,
        operators: &[&'static str],
        below: impl Fn(&mut Self) -> Result<Part<'s>, Wrong>,
    ) -> Result<Part<'s>, Wrong> {
        let mut left = below(self)?;
        while let Some((operator, at)) = self.operator(operators) {
            let right = below(self)?;
            let depths = [left.depth, right.depth];
            left = self.part(at, Syntax::Binary(operator, Box::new(left), Box::new(right)), depths)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Part<'s>, Wrong> {
        let mut signs = Vec::new();
        while let Some(sign) = self.operator(&["!", "-"]) {
            signs.push(sign);
        }
        let mut part = self.member()?;
        for (sign, at) in signs.into_iter().rev() {
            let depth = part.depth;
            let inner = Box::new(part);
            let syntax = if sign == "!" { Syntax::Not(inner) } else { Syntax::Negate(inner) };
            part = self.part(at, syntax, [depth])?;
        }
        Ok(part)
    }

    fn member(&mut self) -> Result<Part<'s>, Wrong> {
        let mut part = self.primary()?;
        loop {
            let at = self.at();
            let depth = part.depth;
            if self.eat(".") {
                let name_at = self.at();
                let Token::Name(name) = *self.peek() else {
                    return Err(self.unexpected("the name of a field"));
                };
                if matches!(name, "true" | "false" | "null" | "in") {
                    return Err(Wrong::new(name_at, Problem::Reserved(name.to_owned())));
                }
                self.next();
                part = if self.eat("(") {
                    let arguments = self.list(")", "`,` or `)`")?;
                    let depths: Vec<usize> = arguments.iter().map(|part| part.depth).chain([depth]).collect();
                    self.part(name_at, Syntax::Call(Some(Box::new(part)), name, arguments), depths)?
                } else {
                    let at = part.at;
                    self.part(at, Syntax::Select(Box::new(part), name, name_at), [depth])?
                };
            } else if self.eat("[") {
                let index = self.expression()?;
                self.expect("]", "`]`")?;
                let depths = [depth, index.depth];
                part = self.part(at, Syntax::Index(Box::new(part), Box::new(index)), depths)?;
            } else if matches!(self.peek(), Token::Symbol("{")) {
                return Err(Wrong::new(at, Problem::NotInConditions("messages")));
            } else {
                return Ok(part);
            }
        }
    }

    fn primary(&mut self) -> Result<Part<'s>, Wrong> {
        const WANTED: &str = "a value";
        let at = self.at();
        let syntax = match self.peek() {
            Token::Symbol("(") => {
                self.next();
                let part = self.expression()?;
                self.expect(")", "an operator or `)`")?;
                return Ok(part);
            }
            Token::Symbol("[") => {
                self.next();
                let elements = self.list("]", "`,` or `]`")?;
                let depths: Vec<usize> = elements.iter().map(|part| part.depth).collect();
                return self.part(at, Syntax::List(elements), depths);
            }
            Token::Symbol("{") => return Err(Wrong::new(at, Problem::NotInConditions("maps"))),
            Token::Symbol(_) | Token::End => return Err(self.unexpected(WANTED)),
            Token::Name("true") => Syntax::Bool(true),
            Token::Name("false") => Syntax::Bool(false),
            Token::Name("null") => Syntax::Null,
            Token::Name(name) if RESERVED.contains(name) => {
                return Err(Wrong::new(at, Problem::Reserved((*name).to_owned())));
            }
            Token::Name(name) => Syntax::Name(name),
            Token::Int(number) => Syntax::Int(*number),
            Token::Double(number) => Syntax::Double(*number),
            Token::Text(text) => Syntax::Text(text.clone()),
        };
        self.next();
        if let Syntax::Name(name) = syntax
            && self.eat("(")
        {
            let arguments = self.list(")", "`,` or `)`")?;
            let depths: Vec<usize> = arguments.iter().map(|part| part.depth).collect();
            return self.part(at, Syntax::Call(None, name, arguments), depths);
        }
        self.part(at, syntax, [])
    }

    /// Expressions with commas between them, up to `close`.
    fn list(&mut self, close: &'static str, wanted: &'static str) -> Result<Vec<Part<'s>>, Wrong> {
        let mut parts = Vec::new();
        if self.eat(close) {
            return Ok(parts);
        }
        loop {
            parts.push(self.expression()?);
            if !self.eat(",") {
                self.expect(close, wanted)?;
                return Ok(parts);
            }
            // A list may end with a comma, a call may not.
            if close == "]" && self.eat(close) {
                return Ok(parts);
            }
        }
    }
}
