//! What is left of a text after a syntax error, cut into words without understanding it.

use crate::classify::command::{self, Argument};

/// The commands whose programs are known, as far as cutting at operators and dropping quotes shows them.
pub(super) fn commands(rest: &str) -> Vec<Vec<Argument>> {
    let plain = rest.replace(['"', '\'', '\\'], "");
    let pieces = plain.split(['\n', ';', '|', '&', '(', ')', '`', '{', '}', '<', '>']);
    let words = |piece: &str| -> Vec<Argument> {
        let words = piece.split_whitespace().skip_while(|word| !command::is_program(word));
        words.map(Argument::new).collect()
    };
    pieces.map(words).filter(|words| !words.is_empty()).collect()
}
