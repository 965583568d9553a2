//! Redirections and here-documents.

use super::parse::{Fault, Parser, Pending, is_meta};
use super::tree::{Redirect, RedirectKind, Word, is_name};

impl Parser<'_> {
    /// Whether `<(` or `>(` is ahead: a word, not a redirection.
    pub(super) fn at_process(&self) -> bool {
        matches!(self.peek(), Some('<' | '>')) && self.peek_after(1) == Some('(')
    }

    /// One redirection, if one is ahead.
    pub(super) fn redirect(&mut self, redirects: &mut Vec<Redirect>) -> Result<bool, Fault> {
        self.blanks();
        let before = self.at;
        if self.peek() == Some('{') {
            let name: String =
                self.text.iter().skip(self.at + 1).take(64).take_while(|c| **c != '}').collect();
            if is_name(&name) && matches!(self.peek_after(name.len() + 2), Some('<' | '>')) {
                self.at += name.len() + 2;
            }
        } else {
            while self.peek().is_some_and(|c| c.is_ascii_digit()) {
                self.at += 1;
            }
        }
        let numbered = self.at > before;
        if !numbered && (self.take("&>>") || self.take("&>")) {
            let append = self.text.get(self.at - 2) == Some(&'>');
            let kind = if append { RedirectKind::Append } else { RedirectKind::Truncate };
            let target = self.operand()?;
            redirects.push(Redirect { kind, target });
            return Ok(true);
        }
        if !matches!(self.peek(), Some('<' | '>')) || (!numbered && self.at_process()) {
            self.at = before;
            return Ok(false);
        }
        let kind = match () {
            () if self.take("<<<") => RedirectKind::HereString,
            () if self.looking_at("<<") => return self.document(redirects).map(|()| true),
            () if self.take("<>") => RedirectKind::ReadWrite,
            () if self.take("<&") => RedirectKind::Duplicate,
            () if self.take("<") => RedirectKind::Read,
            () if self.take(">>") => RedirectKind::Append,
            () if self.take(">&") => {
                let target = self.operand()?;
                let bare = target.literal().unwrap_or_default();
                let another = bare.trim_end_matches('-').bytes().all(|b| b.is_ascii_digit());
                let kind = if another { RedirectKind::Duplicate } else { RedirectKind::Truncate };
                redirects.push(Redirect { kind, target });
                return Ok(true);
            }
            () => {
                self.at += 1;
                self.take("|");
                RedirectKind::Truncate
            }
        };
        let target = self.operand()?;
        redirects.push(Redirect { kind, target });
        Ok(true)
    }

    fn document(&mut self, redirects: &mut Vec<Redirect>) -> Result<(), Fault> {
        self.at += 2;
        let strip = self.take("-");
        self.blanks();
        let from = self.at;
        let word = self.operand()?;
        let source: String =
            self.text.iter().skip(from).take(self.at.saturating_sub(from)).collect::<String>();
        let quoted = source.contains(['\'', '"', '\\']);
        let delimiter = word.literal().unwrap_or(source);
        let number = self.documents.len();
        self.documents.push(Word::default());
        self.pending.push(Pending { number, delimiter, quoted, strip });
        redirects.push(Redirect { kind: RedirectKind::Document(number), target: Word::default() });
        Ok(())
    }

    fn operand(&mut self) -> Result<Word, Fault> {
        self.blanks();
        match self.peek() {
            Some(c) if !is_meta(c) || self.at_process() => self.word(),
            _ => Err(Fault::Syntax),
        }
    }

    /// The bodies of the here-documents that the line before began.
    pub(super) fn bodies(&mut self) -> Result<(), Fault> {
        for Pending { number, delimiter, quoted, strip } in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            while self.peek().is_some() {
                let mut line: String = self.text.iter().skip(self.at).take_while(|c| **c != '\n').collect();
                self.at += line.chars().count();
                self.take("\n");
                if strip {
                    line = line.trim_start_matches('\t').to_owned();
                }
                if line == delimiter {
                    break;
                }
                body.push_str(&line);
                body.push('\n');
            }
            let word = if quoted {
                let mut word = Word::default();
                word.push(&body, true);
                word
            } else {
                self.within(&body, |parser| parser.double(None))?
            };
            if let Some(document) = self.documents.get_mut(number) {
                *document = word;
            }
        }
        Ok(())
    }
}
