//! Compound commands: groups, branches, loops, tests and functions.

use super::parse::{Fault, Parser, is_meta};
use super::tree::{Chain, Command, List, is_name};

impl Parser<'_> {
    /// The compound command that is ahead, if one is.
    pub(super) fn compound(&mut self) -> Result<Option<Command>, Fault> {
        let group = |sections| Command::Compound { sections, words: Vec::new(), variable: None };
        if self.peek() == Some('(') {
            if let Some(test) = self.arithmetic_command()? {
                return Ok(Some(test));
            }
            self.at += 1;
            let list = self.list(false)?;
            return if self.take(")") { Ok(Some(group(vec![list]))) } else { Err(Fault::Syntax) };
        }
        let word = self.ahead();
        match word.as_str() {
            "{" => {
                self.at += 1;
                let list = self.list(false)?;
                self.expect("}")?;
                Ok(Some(group(vec![list])))
            }
            "if" => {
                self.at += 2;
                let mut sections = vec![self.list(false)?];
                loop {
                    self.expect("then")?;
                    sections.push(self.list(false)?);
                    if self.take_reserved("elif")? {
                        sections.push(self.list(false)?);
                        continue;
                    }
                    if self.take_reserved("else")? {
                        sections.push(self.list(false)?);
                    }
                    self.expect("fi")?;
                    return Ok(Some(group(sections)));
                }
            }
            "while" | "until" => {
                self.at += 5;
                let test = self.list(false)?;
                let body = self.body()?;
                Ok(Some(group(vec![test, body])))
            }
            "for" | "select" => {
                self.at += word.len();
                self.each().map(Some)
            }
            "case" => {
                self.at += 4;
                self.case().map(Some)
            }
            "[[" => {
                self.at += 2;
                self.test().map(Some)
            }
            "function" => {
                self.at += 8;
                self.blanks();
                let name = self.word()?.literal().ok_or(Fault::Syntax)?;
                self.blanks();
                if self.take("(") {
                    self.blanks();
                    if !self.take(")") {
                        return Err(Fault::Syntax);
                    }
                }
                self.function(name).map(Some)
            }
            "coproc" => {
                self.at += 6;
                self.blanks();
                let before = self.at;
                // A name only stands before a compound command.
                if is_name(&self.ahead()) {
                    self.word()?;
                    self.blanks();
                    if !matches!(self.ahead().as_str(), "{" | "while" | "until" | "for" | "if" | "case")
                        && self.peek() != Some('(')
                    {
                        self.at = before;
                    }
                }
                let stage = self.stage()?;
                let chain = Chain { pipelines: vec![vec![stage]], either: false, background: true };
                Ok(Some(group(vec![vec![chain]])))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn function(&mut self, name: String) -> Result<Command, Fault> {
        self.newlines()?;
        let body = self.deeper(Self::stage)?;
        match &body.command {
            Command::Compound { .. } | Command::Test { .. } => {
                Ok(Command::Function { name, body: Box::new(body) })
            }
            Command::Simple { .. } | Command::Function { .. } => Err(Fault::Syntax),
        }
    }

    /// `do … done`, or the braces that bash takes as well.
    fn body(&mut self) -> Result<List, Fault> {
        let end = if self.take_reserved("{")? {
            "}"
        } else {
            self.expect("do")?;
            "done"
        };
        let list = self.list(false)?;
        self.expect(end)?;
        Ok(list)
    }

    fn each(&mut self) -> Result<Command, Fault> {
        self.blanks();
        let mut words = Vec::new();
        let mut variable = None;
        if self.looking_at("((") {
            let Some(Command::Test { words: tests, .. }) = self.arithmetic_command()? else {
                return Err(Fault::Syntax);
            };
            words = tests;
        } else {
            let name = self.word()?.literal().filter(|name| is_name(name));
            variable = Some(name.ok_or(Fault::Syntax)?);
            if self.take_reserved("in")? {
                self.blanks();
                while self.peek().is_some_and(|c| !is_meta(c) || self.at_process()) {
                    words.push(self.word()?);
                    self.blanks();
                }
                if !matches!(self.peek(), Some(';' | '\n')) {
                    return Err(Fault::Syntax);
                }
            }
        }
        self.blanks();
        self.take(";");
        let body = self.body()?;
        Ok(Command::Compound { sections: vec![body], words, variable })
    }

    fn case(&mut self) -> Result<Command, Fault> {
        self.blanks();
        let mut words = vec![self.word()?];
        self.expect("in")?;
        let mut sections = Vec::new();
        while !self.take_reserved("esac")? {
            self.take("(");
            loop {
                self.blanks();
                words.push(self.word()?);
                self.blanks();
                if !self.take("|") {
                    break;
                }
            }
            if !self.take(")") {
                return Err(Fault::Syntax);
            }
            sections.push(self.list(true)?);
            self.newlines()?;
            let ended = self.take(";;&") || self.take(";;") || self.take(";&");
            if !ended && self.ahead() != "esac" {
                return Err(Fault::Syntax);
            }
        }
        Ok(Command::Compound { sections, words, variable: None })
    }

    fn test(&mut self) -> Result<Command, Fault> {
        let mut words = Vec::new();
        while !self.take_reserved("]]")? {
            match self.peek() {
                None | Some(';') => return Err(Fault::Syntax),
                Some(c) if is_meta(c) && !self.at_process() => self.at += 1,
                Some(_) => words.push(self.word()?),
            }
        }
        if words.is_empty() { Err(Fault::Syntax) } else { Ok(Command::Test { words, source: None }) }
    }

    /// `(( … ))`, if that is what is ahead and not a subshell in a subshell.
    fn arithmetic_command(&mut self) -> Result<Option<Command>, Fault> {
        let Some(source) = self.arithmetic_ahead("((") else { return Ok(None) };
        self.at += source.chars().count() + 4;
        let word = self.within(&source, |parser| parser.double(None))?;
        Ok(Some(Command::Test { words: vec![word], source: Some(source) }))
    }
}
