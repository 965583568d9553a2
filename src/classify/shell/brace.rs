//! Brace expansion: `{rm,-rf,/}` and `{1..3}`.

/// One character of a word on its way to the words that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// As written, without quotes: may be a brace or a wildcard.
    Plain(char),
    /// Between quotes.
    Quoted(char),
    /// From an expansion without quotes: is split at blanks.
    Value(char),
    /// There were quotes here, so that there is a word even if it is empty.
    Mark,
    /// Nothing is known but the source; and what is left of it if what is not known is nothing.
    Unknown { source: String, known: String },
}

/// The most words that one word becomes, and the most units copied on the way.
const MOST: usize = 1024;
const COPIES: usize = 1 << 18;

/// The words that a word becomes; `None` if they are too many.
pub(super) fn expand(units: Vec<Unit>) -> Option<Vec<Vec<Unit>>> {
    let mut done = Vec::new();
    let mut copied = 0_usize;
    let mut stack = vec![units];
    while let Some(units) = stack.pop() {
        let Some((open, close, alternatives)) = first_brace(&units) else {
            done.push(units);
            continue;
        };
        let alternatives = alternatives?;
        for alternative in alternatives.into_iter().rev() {
            let before = units.iter().take(open);
            let after = units.iter().skip(close + 1);
            let word: Vec<Unit> = before.chain(&alternative).chain(after).cloned().collect();
            copied += word.len() + 1;
            stack.push(word);
        }
        if copied > COPIES || stack.len() + done.len() > MOST {
            return None;
        }
    }
    Some(done)
}

type Alternatives = Vec<Vec<Unit>>;

/// What a pair of braces is.
enum Brace {
    /// Alternatives: where their commas are.
    Commas(Vec<usize>),
    /// A sequence, `None` if it is too long.
    Sequence(Option<Alternatives>),
}

/// The first brace that expands: where it opens and closes, and what it stands for (`None`: too many).
fn first_brace(units: &[Unit]) -> Option<(usize, usize, Option<Alternatives>)> {
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut first: Option<(usize, usize, Brace)> = None;
    for (at, unit) in units.iter().enumerate() {
        match unit {
            Unit::Plain('{') => open.push((at, Vec::new())),
            Unit::Plain(',') => {
                if let Some((_, commas)) = open.last_mut() {
                    commas.push(at);
                }
            }
            Unit::Plain('}') => {
                let Some((from, commas)) = open.pop() else { continue };
                if first.as_ref().is_some_and(|(before, ..)| *before < from) {
                    continue;
                }
                if !commas.is_empty() {
                    first = Some((from, at, Brace::Commas(commas)));
                } else if let Some(sequence) = units.get(from + 1..at).and_then(sequence) {
                    first = Some((from, at, Brace::Sequence(sequence)));
                }
                if open.is_empty() && first.is_some() {
                    break;
                }
            }
            Unit::Plain(_) | Unit::Quoted(_) | Unit::Value(_) | Unit::Mark | Unit::Unknown { .. } => {}
        }
    }
    let (from, to, brace) = first?;
    let alternatives = match brace {
        Brace::Commas(commas) if commas.len() > MOST => None,
        Brace::Commas(commas) => Some(split(units, from, &commas, to)),
        Brace::Sequence(sequence) => sequence,
    };
    Some((from, to, alternatives))
}

fn split(units: &[Unit], from: usize, commas: &[usize], to: usize) -> Alternatives {
    let mut start = from + 1;
    let mut alternatives = Vec::new();
    for end in commas.iter().copied().chain([to]) {
        alternatives.push(units.iter().take(end).skip(start).cloned().collect());
        start = end + 1;
    }
    alternatives
}

/// `a..e`, `1..10`, `1..10..2`. `None` if it is none of these, `Some(None)` if it is too long.
fn sequence(inside: &[Unit]) -> Option<Option<Alternatives>> {
    if inside.len() > 64 {
        return None;
    }
    let plain = inside.iter().map(|unit| if let Unit::Plain(c) = unit { Some(*c) } else { None });
    let text: String = plain.collect::<Option<_>>()?;
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, 1),
        [first, last, step] => (*first, *last, step.parse::<i64>().ok()?),
        _ => return None,
    };
    let letter = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
    };
    let word = |text: String| text.chars().map(Unit::Plain).collect::<Vec<_>>();
    let (from, to, letters) = match (letter(first), letter(last)) {
        (Some(from), Some(to)) => (i64::from(u32::from(from)), i64::from(u32::from(to)), true),
        _ => (first.parse::<i64>().ok()?, last.parse::<i64>().ok()?, false),
    };
    let padded =
        |text: &str| text.trim_start_matches('-').starts_with('0') && text.trim_start_matches('-').len() > 1;
    let width = if !letters && (padded(first) || padded(last)) { first.len().max(last.len()) } else { 0 };
    let step = step.unsigned_abs().max(1);
    let count = from.abs_diff(to) / step + 1;
    if count > u64::try_from(MOST).unwrap_or(u64::MAX) {
        return Some(None);
    }
    let mut words = Vec::new();
    for index in 0..count {
        let distance = i64::try_from(index.saturating_mul(step)).unwrap_or(i64::MAX);
        let value = if from <= to { from.saturating_add(distance) } else { from.saturating_sub(distance) };
        let text = if letters {
            u32::try_from(value).ok().and_then(char::from_u32).map(String::from)?
        } else {
            format!("{value:0width$}")
        };
        words.push(word(text));
    }
    Some(Some(words))
}
