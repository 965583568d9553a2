//! The parser: lists, pipelines, compound commands, functions and redirections.

use super::tree::{Assign, Chain, Command, List, Piece, Stage, Word, is_name};

/// Why a text was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not of the language.
    Syntax,
    /// It is too deep or has too many words.
    TooMuch,
}

/// What was read of a text.
pub(super) struct Parsed {
    /// The commands that were complete.
    pub(super) list: List,
    /// The bodies of its here-documents.
    pub(super) documents: Vec<Word>,
    /// Escapes that spell what could have been written as itself.
    pub(super) spelled: Vec<String>,
    /// What went wrong, and the text from the first command that was not complete.
    pub(super) fault: Option<(Fault, String)>,
}

/// A here-document whose body has not come yet.
pub(super) struct Pending {
    pub(super) number: usize,
    pub(super) delimiter: String,
    pub(super) quoted: bool,
    pub(super) strip: bool,
}

/// The state of the parser. Every way to nest goes through [`Parser::deeper`], which bounds the stack.
pub(super) struct Parser<'a> {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) words: &'a mut usize,
    pub(super) documents: Vec<Word>,
    pub(super) pending: Vec<Pending>,
    pub(super) spelled: Vec<String>,
}

/// Reads a text, at most `depth` levels deep and taking from the number of `words` that are left.
pub(super) fn parse(text: &str, depth: usize, words: &mut usize) -> Parsed {
    let text = text.chars().collect();
    let mut parser =
        Parser { text, at: 0, depth, words, documents: Vec::new(), pending: Vec::new(), spelled: Vec::new() };
    let mut list = List::new();
    let mut complete = 0;
    let result = loop {
        match parser.chain_of(&mut list) {
            Ok(true) => complete = parser.at,
            Ok(false) if parser.peek().is_none() => break Ok(()),
            Ok(false) => break Err(Fault::Syntax),
            Err(fault) => break Err(fault),
        }
    };
    let rest = |parser: &Parser<'_>| parser.text.iter().skip(complete).collect();
    let fault = result.err().map(|fault| (fault, rest(&parser)));
    Parsed { list, documents: parser.documents, spelled: parser.spelled, fault }
}

/// Words that end a list.
const CLOSING: &[&str] = &["then", "do", "done", "fi", "elif", "else", "esac", "}"];

/// The characters that end a word.
pub(super) const fn is_meta(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn peek_after(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at.saturating_add(ahead)).copied()
    }

    pub(super) fn looking_at(&self, what: &str) -> bool {
        what.chars().enumerate().all(|(ahead, c)| self.peek_after(ahead) == Some(c))
    }

    pub(super) fn take(&mut self, what: &str) -> bool {
        let there = self.looking_at(what);
        if there {
            self.at += what.chars().count();
        }
        there
    }

    /// Runs `inner` one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.depth = self.depth.checked_sub(1).ok_or(Fault::TooMuch)?;
        let result = inner(self);
        self.depth += 1;
        result
    }

    /// Skips blanks, continued lines and a comment.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => self.at += 1,
                Some('\\') if self.peek_after(1) == Some('\n') => self.at += 2,
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Skips blanks and line ends; the bodies of here-documents follow the first of these.
    pub(super) fn newlines(&mut self) -> Result<(), Fault> {
        loop {
            self.blanks();
            if !self.take("\n") {
                return Ok(());
            }
            self.bodies()?;
        }
    }

    /// Reads another text in place of the rest of this one, one level deeper.
    pub(super) fn within<T>(
        &mut self,
        text: &str,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let outer = std::mem::replace(&mut self.text, text.chars().collect());
        let at = std::mem::replace(&mut self.at, 0);
        let pending = std::mem::take(&mut self.pending);
        let result = self.deeper(inner);
        (self.text, self.at, self.pending) = (outer, at, pending);
        result
    }

    /// The unquoted word ahead, up to what ends a word.
    pub(super) fn ahead(&self) -> String {
        self.text.iter().skip(self.at).take(12).take_while(|c| !is_meta(**c)).collect()
    }

    pub(super) fn take_reserved(&mut self, word: &str) -> Result<bool, Fault> {
        self.newlines()?;
        Ok(self.ahead() == word && self.take(word))
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), Fault> {
        if self.take_reserved(word)? { Ok(()) } else { Err(Fault::Syntax) }
    }

    /// One chain, and what separates it from the next, unless the list ends here.
    fn chain_of(&mut self, list: &mut List) -> Result<bool, Fault> {
        self.newlines()?;
        let ends = matches!(self.peek(), None | Some(')')) || self.looking_at(";;") || self.looking_at(";&");
        if ends || CLOSING.contains(&self.ahead().as_str()) {
            return Ok(false);
        }
        let mut chain = self.chain()?;
        self.blanks();
        if self.peek() == Some('&') {
            self.at += 1;
            chain.background = true;
        } else if self.peek() == Some(';') && !matches!(self.peek_after(1), Some(';' | '&')) {
            self.at += 1;
        } else if self.take("\n") {
            self.bodies()?;
        } else if !matches!(self.peek(), None | Some(')' | ';')) && !CLOSING.contains(&self.ahead().as_str())
        {
            return Err(Fault::Syntax);
        }
        list.push(chain);
        Ok(true)
    }

    /// The chains up to a closing word or bracket; an empty list is of the language only where `empty`.
    pub(super) fn list(&mut self, empty: bool) -> Result<List, Fault> {
        let mut list = List::new();
        while self.chain_of(&mut list)? {}
        if list.is_empty() && !empty { Err(Fault::Syntax) } else { Ok(list) }
    }

    fn chain(&mut self) -> Result<Chain, Fault> {
        let mut chain = Chain { pipelines: vec![self.pipeline()?], either: false, background: false };
        loop {
            self.blanks();
            if self.take("||") {
                chain.either = true;
            } else if !self.take("&&") {
                return Ok(chain);
            }
            self.newlines()?;
            chain.pipelines.push(self.pipeline()?);
        }
    }

    fn pipeline(&mut self) -> Result<Vec<Stage>, Fault> {
        loop {
            self.blanks();
            match self.ahead().as_str() {
                "!" => self.at += 1,
                "time" => {
                    self.at += 4;
                    self.blanks();
                    if self.ahead() == "-p" {
                        self.at += 2;
                    }
                    self.blanks();
                    if matches!(self.peek(), None | Some('\n' | ';' | ')')) {
                        return Ok(Vec::new());
                    }
                }
                _ => break,
            }
        }
        let mut stages = vec![self.stage()?];
        loop {
            self.blanks();
            if self.looking_at("||") || !self.take("|") {
                return Ok(stages);
            }
            self.take("&");
            self.newlines()?;
            stages.push(self.stage()?);
        }
    }

    pub(super) fn stage(&mut self) -> Result<Stage, Fault> {
        self.blanks();
        if let Some(command) = self.deeper(Self::compound)? {
            let mut redirects = Vec::new();
            while self.redirect(&mut redirects)? {}
            return Ok(Stage { command, redirects });
        }
        self.simple()
    }

    fn simple(&mut self) -> Result<Stage, Fault> {
        let mut assigns = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        loop {
            if self.redirect(&mut redirects)? {
                continue;
            }
            match self.peek() {
                Some('(') if words.len() == 1 && assigns.is_empty() && redirects.is_empty() => {
                    self.at += 1;
                    self.blanks();
                    let name = words.first().and_then(Word::bare).map(str::to_owned);
                    let (Some(name), true) = (name, self.take(")")) else { return Err(Fault::Syntax) };
                    let command = self.function(name)?;
                    return Ok(Stage { command, redirects });
                }
                Some('(') => return Err(Fault::Syntax),
                Some(c) if !is_meta(c) || self.at_process() => {
                    let word = self.word()?;
                    match words.is_empty().then(|| split_assignment(&word)).flatten() {
                        Some((name, whole)) => assigns.push(self.assign(name, whole, word)?),
                        None => words.push(self.array_argument(word)?),
                    }
                }
                _ => break,
            }
        }
        if assigns.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(Fault::Syntax);
        }
        Ok(Stage { command: Command::Simple { assigns, words }, redirects })
    }

    /// `declare -a X=(…)`: the words in the brackets become part of the argument.
    fn array_argument(&mut self, mut word: Word) -> Result<Word, Fault> {
        let open = matches!(word.0.last(), Some(Piece::Text { text, quoted: false }) if text.ends_with('='));
        if open && self.peek() == Some('(') && split_assignment(&word).is_some() {
            for element in self.elements()? {
                word.0.extend(element.0);
            }
            // What an array holds is not followed.
            word.0.push(Piece::Arithmetic { word: Word::default(), source: "()".to_owned() });
        }
        Ok(word)
    }

    fn assign(&mut self, name: String, whole: bool, mut word: Word) -> Result<Assign, Fault> {
        let empty = matches!(word.0.as_slice(), [Piece::Text { text, .. }] if text.ends_with('='));
        if empty && self.peek() == Some('(') {
            let others = self.elements()?;
            return Ok(Assign { name, value: None, others });
        }
        if !whole {
            return Ok(Assign { name, value: None, others: vec![word] });
        }
        if let Some(Piece::Text { text, .. }) = word.0.first_mut() {
            *text = text.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default();
        }
        Ok(Assign { name, value: Some(word), others: Vec::new() })
    }

    fn elements(&mut self) -> Result<Vec<Word>, Fault> {
        self.at += 1;
        let mut elements = Vec::new();
        loop {
            self.newlines()?;
            match self.peek() {
                Some(')') => break,
                Some(c) if !is_meta(c) || self.at_process() => elements.push(self.word()?),
                _ => return Err(Fault::Syntax),
            }
        }
        self.at += 1;
        Ok(elements)
    }
}

/// The name that a word assigns, and whether it assigns the whole of it.
fn split_assignment(word: &Word) -> Option<(String, bool)> {
    let Some(Piece::Text { text, quoted: false }) = word.0.first() else { return None };
    let (left, _) = text.split_once('=')?;
    if is_name(left) {
        return Some((left.to_owned(), true));
    }
    let name = left.strip_suffix('+').unwrap_or(left);
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    is_name(name).then(|| (name.to_owned(), false))
}
