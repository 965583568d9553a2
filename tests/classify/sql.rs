//! SQL statements, by the corpus; and that neither case nor comments change what they do.

use super::corpus::{check, payloads};
use countersign::classify::{Kind, sql};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn statements_do_what_the_corpus_says() {
    check("sql.txt", include_str!("sql.txt"), sql::read);
}

fn kinds(text: &str) -> BTreeSet<Kind> {
    sql::read(text).acts.iter().map(|act| act.kind).collect()
}

/// Another spelling of the same statement: each letter outside quotes in either case, each space with a comment.
fn respelled(text: &str, upper: &[bool], comments: &[bool]) -> String {
    let mut quote = None;
    let mut spelled = String::new();
    for (at, c) in text.chars().enumerate() {
        match (quote, c) {
            (None, '\'' | '"' | '`' | '[' | '$' | '{' | '/' | '-' | '#' | '\\') => quote = Some(c),
            (Some(_), _) => {}
            (None, ' ') if comments[at % comments.len()] => {
                spelled.push_str(" /* where 1=1; \u{2192} */ ");
                continue;
            }
            (None, _) => {}
        }
        // From the first quote or comment on, everything stays as it is.
        if quote.is_none() && upper[at % upper.len()] {
            spelled.extend(c.to_uppercase());
        } else {
            spelled.push(c);
        }
    }
    spelled
}

proptest! {
    #[test]
    fn case_and_comments_change_nothing(
        which in any::<prop::sample::Index>(),
        upper in prop::collection::vec(any::<bool>(), 1..40),
        comments in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let payloads = payloads(include_str!("sql.txt"));
        let payload = which.get(&payloads);
        let other = respelled(payload, &upper, &comments);
        prop_assert_eq!(kinds(payload), kinds(&other), "{} as {}", payload, other);
    }
}
