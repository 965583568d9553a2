//! Bounds: whether the tree of a text is small enough to be built, walked, written and dropped on a small stack.

use super::lexeme::{Lexeme, lexeme};
use super::{MAX_DEPTH, MAX_OPERATORS, MAX_TOKENS};
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Operators within one pair of parentheses.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// In the expression that is going on.
    current: usize,
    /// The most in one that is done.
    most: usize,
}

impl Frame {
    /// Begins another expression, beside the one before and not in it.
    fn separate(&mut self) {
        self.most = self.most.max(self.current);
        self.current = 0;
    }
}

/// Whether tokens are few, and their tree is neither deep nor long to the left.
pub(super) fn bounded(tokens: &[TokenWithSpan]) -> bool {
    if tokens.len() > MAX_TOKENS {
        return false;
    }
    let mut frames = vec![Frame::default()];
    // What hangs on each other across the clauses of a statement: its joins, and the queries of a UNION.
    let mut links = 0_usize;
    for token in tokens {
        let Some(frame) = frames.last_mut() else { return false };
        #[expect(clippy::wildcard_enum_match_arm, reason = "every other mark is an operator")]
        match &token.token {
            Token::LParen | Token::LBrace => frames.push(Frame::default()),
            Token::LBracket => {
                frame.current += 1;
                frames.push(Frame::default());
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                let inner = frame.most.max(frame.current);
                if frames.len() > 1 {
                    frames.pop();
                }
                if let Some(outer) = frames.last_mut() {
                    // It may stand at the left end of what comes around it.
                    outer.current += inner;
                }
            }
            Token::SemiColon => links = 0,
            Token::Comma => frame.separate(),
            Token::Period => {}
            Token::Word(word) if word.quote_style.is_some() => {}
            Token::Word(word) => {
                let is = |list: &[&str]| list.iter().any(|one| word.value.eq_ignore_ascii_case(one));
                links += usize::from(is(LINKS));
                if is(CLAUSES) {
                    frame.separate();
                } else if is(CHAINS) {
                    frame.current += 1;
                }
            }
            _ => frame.current += usize::from(matches!(lexeme(token), Lexeme::Mark | Lexeme::Equals)),
        }
        if token.token == Token::SemiColon && frames.len() == 1 {
            frames = vec![Frame::default()];
        }
        let operators: usize = frames.iter().map(|frame| frame.current).sum();
        if frames.len() > MAX_DEPTH + 1 || operators > MAX_OPERATORS || links > MAX_OPERATORS {
            return false;
        }
    }
    true
}

/// Words that begin a clause, and with it another expression.
const CLAUSES: &[&str] = &["where", "having", "on", "group", "order", "set", "values", "limit"];

/// Words that hang a query or a table on the one before.
const LINKS: &[&str] = &[
    "union",
    "intersect",
    "except",
    "minus",
    "join",
    "apply",
    "select",
    "with",
    "explain",
    "prepare",
    "execute",
    "if",
    "while",
    "begin",
    "table",
    "pivot",
    "unpivot",
    "from",
];

/// Words that make an expression or a type deeper.
const CHAINS: &[&str] = &[
    "and",
    "or",
    "xor",
    "not",
    "is",
    "in",
    "like",
    "ilike",
    "rlike",
    "regexp",
    "similar",
    "between",
    "collate",
    "at",
    "case",
    "when",
    "div",
    "mod",
    "overlaps",
    "isnull",
    "notnull",
    "array",
    "interval",
    "operator",
    "prior",
    "member",
    "struct",
    "map",
    "glob",
    "match",
    "escape",
    "exists",
    "any",
    "all",
    "some",
    "connect_by_root",
    "nullable",
    "lowcardinality",
    "tuple",
    "nested",
];
