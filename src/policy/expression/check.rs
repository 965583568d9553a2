//! The check of an expression: every name, function and operand against the schema; what passes is a program.

use super::fault::{ExpressionProblem as Problem, Wrong};
use super::program::{Arithmetic, Conversion, Node, Order, Quantifier, Search};
use super::schema::{ACT, FUNCTIONS, NAMES, Name, may_be_absent};
use super::syntax::{Part, Syntax};
use super::types::{Type, Words, calculated, closed, comparable, joined, ordered};
use crate::risk::Level;
use crate::risk::pattern::Glob;

type Typed = (Node, Type);

/// Checks that an expression is a condition; whether it reads the agent's words comes with it.
pub(super) fn condition(part: &Part<'_>) -> Result<(Node, bool), Wrong> {
    let mut check = Check { variables: Vec::new(), reads_request: false };
    let (node, kind) = check.of(part)?;
    match kind {
        Type::Bool | Type::Dyn => Ok((node, check.reads_request)),
        Type::Null | Type::Int | Type::Double | Type::Text(_) | Type::List(_) | Type::Act => {
            Err(Wrong::new(0, Problem::NotACondition(kind.to_string())))
        }
    }
}

/// The most quantifiers within each other.
pub(super) const MAX_QUANTIFIERS: usize = 2;

/// The largest program of a regular expression, and the largest cache of one, in bytes.
const MAX_REGEX: usize = 256 * 1024;

struct Check<'s> {
    variables: Vec<(&'s str, Type)>,
    reads_request: bool,
}

impl<'s> Check<'s> {
    fn of(&mut self, part: &Part<'s>) -> Result<Typed, Wrong> {
        Ok(match &part.syntax {
            Syntax::Null => (Node::Null, Type::Null),
            Syntax::Bool(truth) => (Node::Bool(*truth), Type::Bool),
            Syntax::Int(number) => {
                let int = i64::try_from(*number);
                let int = int.map_err(|_| Wrong::new(part.at, Problem::Number(number.to_string())))?;
                (Node::Int(int), Type::Int)
            }
            Syntax::Double(number) => (Node::Double(*number), Type::Double),
            Syntax::Text(text) => (Node::Text(text.as_str().into()), Type::Text(Words::Any)),
            Syntax::Name(_) | Syntax::Select(..) => self.path(part)?,
            Syntax::List(elements) => self.list(elements)?,
            Syntax::Index(whole, index) => self.index(part.at, whole, index)?,
            Syntax::Call(target, name, arguments) => {
                self.call(part.at, target.as_deref(), name, arguments)?
            }
            Syntax::Not(inner) => (Node::Not(self.truth(inner, "`!`")?), Type::Bool),
            Syntax::Negate(inner) => self.negate(part.at, inner)?,
            Syntax::Binary(operator, left, right) => self.binary(part.at, operator, left, right)?,
            Syntax::All(parts) => (Node::All(self.truths(parts, "`&&`")?), Type::Bool),
            Syntax::Any(parts) => (Node::Any(self.truths(parts, "`||`")?), Type::Bool),
            Syntax::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = *self.truth(condition, "`?`")?;
                let ((then, one), (otherwise, other)) = (self.of(then)?, self.of(otherwise)?);
                let kind = joined(one, other);
                (Node::Choose(Box::new([condition, then, otherwise])), kind)
            }
        })
    }

    fn truth(&mut self, part: &Part<'s>, operator: &str) -> Result<Box<Node>, Wrong> {
        let (node, kind) = self.of(part)?;
        match kind {
            Type::Bool | Type::Dyn => Ok(Box::new(node)),
            Type::Null | Type::Int | Type::Double | Type::Text(_) | Type::List(_) | Type::Act => {
                Err(wrong_type(part.at, operator, "bool", kind))
            }
        }
    }

    fn truths(&mut self, parts: &[Part<'s>], operator: &str) -> Result<Vec<Node>, Wrong> {
        parts.iter().map(|part| self.truth(part, operator).map(|node| *node)).collect()
    }

    fn text(&mut self, part: &Part<'s>, taker: &str) -> Result<(Box<Node>, Words), Wrong> {
        let (node, kind) = self.of(part)?;
        match kind {
            Type::Text(words) => Ok((Box::new(node), words)),
            Type::Dyn => Ok((Box::new(node), Words::Any)),
            Type::Null | Type::Bool | Type::Int | Type::Double | Type::List(_) | Type::Act => {
                Err(wrong_type(part.at, taker, "string", kind))
            }
        }
    }

    fn list(&mut self, elements: &[Part<'s>]) -> Result<Typed, Wrong> {
        let mut nodes = Vec::with_capacity(elements.len());
        let mut kind = None;
        for element in elements {
            let (node, of) = self.of(element)?;
            kind = Some(kind.map_or(of, |kind| joined(kind, of)));
            nodes.push(node);
        }
        let element: &'static Type = match kind.unwrap_or(Type::Dyn) {
            Type::Null => &Type::Null,
            Type::Bool => &Type::Bool,
            Type::Int => &Type::Int,
            Type::Double => &Type::Double,
            Type::Text(_) => &Type::Text(Words::Any),
            Type::List(_) | Type::Dyn => &Type::Dyn,
            Type::Act => &Type::Act,
        };
        Ok((Node::List(nodes), Type::List(element)))
    }

    /// A name, or a field of something.
    fn path(&mut self, part: &Part<'s>) -> Result<Typed, Wrong> {
        if let Some((path, at)) = dotted(part)
            && let Some(root) = path.split('.').next()
            && self.variable(root).is_none()
        {
            if let Some(name) = NAMES.iter().find(|name| name.path == path) {
                return Ok(self.name(name));
            }
            if let Some(group) = group(&path) {
                return Err(Wrong::new(part.at, Problem::Group(group.to_owned())));
            }
            let parent = path.rsplit_once('.');
            match parent {
                None => return Err(Wrong::new(part.at, Problem::UnknownName(path))),
                Some((parent, field)) => {
                    if let Some(group) = group(parent) {
                        return Err(Wrong::new(at, Problem::UnknownField(group, field.to_owned())));
                    }
                }
            }
        }
        if let Syntax::Name(name) = part.syntax {
            let unknown = || Wrong::new(part.at, Problem::UnknownName(name.to_owned()));
            let (number, kind) = self.variable(name).ok_or_else(unknown)?;
            return Ok((Node::Variable(number), kind));
        }
        let Syntax::Select(whole, field, at) = &part.syntax else { return self.of(part) };
        let (node, kind) = self.of(whole)?;
        match kind {
            Type::Dyn => Ok((Node::Member(Box::new(node), (*field).into()), Type::Dyn)),
            Type::Act => match ACT.iter().find(|known| known.name == *field) {
                Some(known) => Ok((Node::Act(Box::new(node), known.field), known.kind)),
                None => {
                    let known = ACT.iter().map(|known| known.name.to_owned()).collect();
                    Err(Wrong::new(*at, Problem::UnknownActField((*field).to_owned(), known)))
                }
            },
            Type::Null | Type::Bool | Type::Int | Type::Double | Type::Text(_) | Type::List(_) => {
                Err(Wrong::new(*at, Problem::NoFields(kind.to_string())))
            }
        }
    }

    fn name(&mut self, name: &Name) -> Typed {
        self.reads_request |= name.path.starts_with("request.");
        (Node::Field(name.field), name.kind)
    }

    fn variable(&self, name: &str) -> Option<(usize, Type)> {
        let found = self.variables.iter().position(|(known, _)| *known == name)?;
        self.variables.get(found).map(|(_, kind)| (found, *kind))
    }

    fn index(&mut self, at: usize, whole: &Part<'s>, index: &Part<'s>) -> Result<Typed, Wrong> {
        let (whole, kind) = self.of(whole)?;
        let (index_node, by) = self.of(index)?;
        let element = match (kind, by) {
            (Type::List(element), Type::Int | Type::Dyn) => *element,
            (Type::Dyn, Type::Int | Type::Text(_) | Type::Dyn) => Type::Dyn,
            (Type::List(_), _) => return Err(wrong_type(index.at, "the index of a list", "number", by)),
            (Type::Dyn, _) => return Err(wrong_type(index.at, "an index", "number or a string", by)),
            _ => return Err(wrong_type(at, "`[]`", "list", kind)),
        };
        Ok((Node::Index(Box::new(whole), Box::new(index_node)), element))
    }

    fn negate(&mut self, at: usize, inner: &Part<'s>) -> Result<Typed, Wrong> {
        if let Syntax::Int(number) = inner.syntax {
            let int = i64::try_from(-i128::from(number));
            let int = int.map_err(|_| Wrong::new(at, Problem::Number(format!("-{number}"))))?;
            return Ok((Node::Int(int), Type::Int));
        }
        let (node, kind) = self.of(inner)?;
        match kind {
            Type::Int | Type::Double | Type::Dyn => Ok((Node::Negate(Box::new(node)), kind)),
            Type::Null | Type::Bool | Type::Text(_) | Type::List(_) | Type::Act => {
                Err(wrong_type(at, "`-`", "number", kind))
            }
        }
    }

    fn binary(
        &mut self,
        at: usize,
        operator: &'static str,
        left: &Part<'s>,
        right: &Part<'s>,
    ) -> Result<Typed, Wrong> {
        let ((one, first), (other, second)) = (self.of(left)?, self.of(right)?);
        let refused = || Wrong::new(at, Problem::Operands(operator, first.to_string(), second.to_string()));
        let (one, other) = (Box::new(one), Box::new(other));
        let order = |order| {
            if closed(first) || closed(second) {
                return Err(Wrong::new(at, Problem::NoOrder));
            }
            let kind = ordered(first, second).ok_or_else(refused)?;
            Ok((order, kind))
        };
        let arithmetic = |operation, texts| {
            let kind = calculated(first, second, texts).ok_or_else(refused)?;
            Ok((operation, kind))
        };
        Ok(match operator {
            "==" | "!=" => {
                comparable(first, second).then_some(()).ok_or_else(refused)?;
                word_of(first, right)?;
                word_of(second, left)?;
                let equal = Node::Equal(one, other);
                (if operator == "==" { equal } else { Node::Not(Box::new(equal)) }, Type::Bool)
            }
            "in" => {
                match second {
                    Type::List(element) => {
                        comparable(first, *element).then_some(()).ok_or_else(refused)?;
                        word_of(*element, left)?;
                        if let Syntax::List(elements) = &right.syntax {
                            elements.iter().try_for_each(|element| word_of(first, element))?;
                        }
                    }
                    Type::Dyn => {}
                    Type::Null | Type::Bool | Type::Int | Type::Double | Type::Text(_) | Type::Act => {
                        return Err(refused());
                    }
                }
                (Node::In(one, other), Type::Bool)
            }
            "<" | "<=" | ">" | ">=" => {
                let by = match operator {
                    "<" => Order::Less,
                    "<=" => Order::LessOrEqual,
                    ">" => Order::Greater,
                    _ => Order::GreaterOrEqual,
                };
                let (by, kind) = order(by)?;
                (Node::Order(by, one, other), kind)
            }
            _ => {
                let (operation, kind) = match operator {
                    "+" => arithmetic(Arithmetic::Add, true)?,
                    "-" => arithmetic(Arithmetic::Subtract, false)?,
                    "*" => arithmetic(Arithmetic::Multiply, false)?,
                    "/" => arithmetic(Arithmetic::Divide, false)?,
                    _ if first == Type::Double || second == Type::Double => return Err(refused()),
                    _ => arithmetic(Arithmetic::Remainder, false)?,
                };
                (Node::Arithmetic(operation, one, other), kind)
            }
        })
    }

    fn call(
        &mut self,
        at: usize,
        target: Option<&Part<'s>>,
        name: &str,
        arguments: &[Part<'s>],
    ) -> Result<Typed, Wrong> {
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            return Err(Wrong::new(at, Problem::UnknownFunction(name.to_owned())));
        };
        let called = || Wrong::new(at, Problem::Called(function.form));
        let quoted = format!("`{name}`");
        let truth = |node| (node, Type::Bool);
        match (name, target, arguments) {
            ("has", None, [field]) => self.has(at, field),
            ("size", None, [of]) | ("size", Some(of), []) => self.size(of),
            ("int" | "double" | "string", None, [of]) => self.convert(name, of),
            ("contains" | "startsWith" | "endsWith", Some(text), [wanted]) => {
                let search = match name {
                    "contains" => Search::Contains,
                    "startsWith" => Search::StartsWith,
                    _ => Search::EndsWith,
                };
                let (text, _) = self.text(text, &quoted)?;
                let (wanted, _) = self.text(wanted, &quoted)?;
                Ok(truth(Node::Search(search, text, wanted)))
            }
            ("matches", Some(text), [pattern]) => {
                let (text, _) = self.text(text, &quoted)?;
                let written = literal(pattern, "matches")?;
                let regex = regex::RegexBuilder::new(written)
                    .size_limit(MAX_REGEX)
                    .dfa_size_limit(MAX_REGEX)
                    .nest_limit(32)
                    .build()
                    .map_err(|error| Wrong::new(pattern.at, Problem::Pattern(said(&error))))?;
                Ok(truth(Node::Matches(text, regex)))
            }
            ("glob", Some(text), [pattern]) => {
                let (text, _) = self.text(text, &quoted)?;
                let glob = Glob::new(literal(pattern, "glob")?).ok_or_else(|| {
                    Wrong::new(pattern.at, Problem::Pattern("a pattern has 1 to 512 bytes".to_owned()))
                })?;
                Ok(truth(Node::Glob(text, glob)))
            }
            ("lowerAscii", Some(text), []) => {
                let (text, _) = self.text(text, &quoted)?;
                Ok((Node::Lower(text), Type::Text(Words::Any)))
            }
            ("at_least", Some(level), [least]) => {
                let (node, kind) = self.of(level)?;
                if kind != Type::Text(Words::Level) {
                    return Err(wrong_type(at, &quoted, "level of risk", kind));
                }
                let text = literal(least, "at_least")?;
                word_of(kind, least)?;
                let least = Level::ALL.into_iter().find(|level| level.as_str() == text);
                Ok(truth(Node::AtLeast(Box::new(node), least.ok_or_else(called)?)))
            }
            ("exists" | "all" | "exists_one", Some(list), [variable, condition]) => {
                self.quantified(at, name, list, variable, condition)
            }
            _ => Err(called()),
        }
    }

    fn has(&mut self, at: usize, part: &Part<'s>) -> Result<Typed, Wrong> {
        let Syntax::Select(whole, field, _) = &part.syntax else {
            let form = FUNCTIONS.iter().find(|function| function.name == "has").map(|function| function.form);
            return Err(Wrong::new(at, Problem::Called(form.unwrap_or_default())));
        };
        let (node, _) = self.path(part)?;
        let node = if let Node::Member(..) = node {
            Node::HasMember(Box::new(self.of(whole)?.0), (*field).into())
        } else if let Node::Field(field) = node
            && may_be_absent(field)
        {
            Node::HasField(field)
        } else {
            Node::Bool(true)
        };
        Ok((node, Type::Bool))
    }

    fn size(&mut self, part: &Part<'s>) -> Result<Typed, Wrong> {
        let (node, kind) = self.of(part)?;
        match kind {
            Type::Text(_) | Type::List(_) | Type::Dyn => Ok((Node::Size(Box::new(node)), Type::Int)),
            Type::Null | Type::Bool | Type::Int | Type::Double | Type::Act => {
                Err(wrong_type(part.at, "`size`", "string or a list", kind))
            }
        }
    }

    fn convert(&mut self, name: &str, part: &Part<'s>) -> Result<Typed, Wrong> {
        let (node, kind) = self.of(part)?;
        let (to, result) = match name {
            "int" => (Conversion::Int, Type::Int),
            "double" => (Conversion::Double, Type::Double),
            _ => (Conversion::Text, Type::Text(Words::Any)),
        };
        match kind {
            Type::Int | Type::Double | Type::Text(_) | Type::Dyn => {}
            Type::Bool if to == Conversion::Text => {}
            Type::Null | Type::Bool | Type::List(_) | Type::Act => {
                return Err(wrong_type(part.at, &format!("`{name}`"), "number or a string", kind));
            }
        }
        Ok((Node::Convert(to, Box::new(node)), result))
    }

    fn quantified(
        &mut self,
        at: usize,
        name: &str,
        list: &Part<'s>,
        variable: &Part<'s>,
        condition: &Part<'s>,
    ) -> Result<Typed, Wrong> {
        let (list_node, kind) = self.of(list)?;
        let element = match kind {
            Type::List(element) => *element,
            Type::Dyn => Type::Dyn,
            Type::Null | Type::Bool | Type::Int | Type::Double | Type::Text(_) | Type::Act => {
                return Err(wrong_type(at, &format!("`{name}`"), "list", kind));
            }
        };
        let Syntax::Name(word) = variable.syntax else {
            return Err(Wrong::new(
                variable.at,
                Problem::Unexpected("the name of a variable", "a value".to_owned()),
            ));
        };
        if self.variable(word).is_some() || group(word).is_some() {
            return Err(Wrong::new(variable.at, Problem::Shadow(word.to_owned())));
        }
        if self.variables.len() >= MAX_QUANTIFIERS {
            return Err(Wrong::new(at, Problem::Quantifiers));
        }
        let quantifier = match name {
            "exists" => Quantifier::Exists,
            "all" => Quantifier::All,
            _ => Quantifier::ExistsOne,
        };
        let number = self.variables.len();
        self.variables.push((word, element));
        let condition = self.truth(condition, &format!("`{name}`"))?;
        self.variables.pop();
        Ok((Node::Quantified(quantifier, Box::new(list_node), condition, number), Type::Bool))
    }
}

fn wrong_type(at: usize, taker: &str, wanted: &'static str, found: Type) -> Wrong {
    Wrong::new(at, Problem::WrongType(taker.to_owned(), wanted, found.to_string()))
}

/// `a.b.c` of names only, and where its last field is written.
fn dotted(part: &Part<'_>) -> Option<(String, usize)> {
    if let Syntax::Name(name) = part.syntax {
        return Some((name.to_owned(), part.at));
    }
    let Syntax::Select(whole, field, at) = &part.syntax else { return None };
    let (path, _) = dotted(whole)?;
    Some((format!("{path}.{field}"), *at))
}

/// The group of names that this is, `facts` or `risk.factors`.
fn group(path: &str) -> Option<&'static str> {
    let within = |name: &Name| name.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    NAMES.iter().find(|name| within(name)).and_then(|name| name.path.get(..path.len()))
}

/// The text of a part that is written out.
fn literal<'p>(part: &'p Part<'_>, function: &'static str) -> Result<&'p str, Wrong> {
    if let Syntax::Text(text) = &part.syntax {
        Ok(text)
    } else {
        Err(Wrong::new(part.at, Problem::NotLiteral(function)))
    }
}

/// A text that is written out beside a word of a closed set must be one of the set.
fn word_of(kind: Type, part: &Part<'_>) -> Result<(), Wrong> {
    if let (Type::Text(words), Syntax::Text(text)) = (kind, &part.syntax)
        && let Some(known) = words.known()
        && !known.contains(&text.as_str())
    {
        let known = known.into_iter().map(str::to_owned).collect();
        return Err(Wrong::new(part.at, Problem::UnknownWord(text.clone(), known)));
    }
    Ok(())
}

/// The last line of a regular expression's error says what is wrong.
fn said(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "the regular expression is too large".to_owned();
    }
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
