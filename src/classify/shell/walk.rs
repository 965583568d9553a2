//! The walk over a script: every command that it may run is read, with what is known of variables and pipes.

use super::parse::{self, Fault};
use super::stream::Stream;
use super::tree::{self, Assign, Chain, Command, List, Redirect, RedirectKind, Stage, Word};
use super::{MAX_BYTES, MAX_DEPTH, MAX_VALUE, MAX_WORDS, rough};
use crate::classify::command::{self, Argument};
use crate::classify::disguise::undisguise;
use crate::classify::{Act, Kind, Language, Reading, Why};
use std::collections::{BTreeMap, BTreeSet};

/// What has been read so far, what is known, and how much more may be looked at.
pub(in crate::classify) struct Session {
    reading: Reading,
    /// Levels, words and bytes that are left, for the text and every text inside it together.
    depth: usize,
    pub(super) words: usize,
    bytes: usize,
    /// Values that are known; `None` where a name was assigned something that is not.
    variables: BTreeMap<String, Option<String>>,
    /// Names that a function or a trap may assign at any time.
    tainted: BTreeSet<String>,
    functions: BTreeSet<String>,
    /// The functions whose bodies are being read, the innermost last.
    defining: Vec<String>,
    /// Names that say where, of all acts that follow.
    places: Vec<String>,
    directory: Option<String>,
    /// Above 0, what is read may not run.
    conditional: usize,
}

impl Session {
    pub(super) fn new(language: Language) -> Self {
        let known = [("HOME", "~"), ("PWD", "."), ("IFS", " \t\n")];
        Self {
            reading: Reading::new(language),
            depth: MAX_DEPTH,
            words: MAX_WORDS,
            // A text may hold texts: together they are still bounded.
            bytes: 4 * MAX_BYTES,
            variables: known.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect(),
            tainted: BTreeSet::new(),
            functions: BTreeSet::new(),
            defining: Vec::new(),
            places: Vec::new(),
            directory: None,
            conditional: 0,
        }
    }

    /// What was read; a payload that does nothing is a read of nothing.
    pub(super) fn finish(mut self) -> Reading {
        if self.reading.acts.is_empty() && self.reading.doubts.is_empty() {
            self.reading.act(Act::new("nothing", Kind::Read));
        }
        self.reading
    }

    /// Adds an act, once, at the places that hold here.
    pub(in crate::classify) fn act(&mut self, mut act: Act) {
        act.what.truncate(act.what.floor_char_boundary(Act::MAX_NAME));
        for place in self.places.iter().chain(&self.directory) {
            if !act.places.contains(place) {
                act.places.push(place.clone());
            }
        }
        if !self.reading.acts.contains(&act) {
            self.reading.act(act);
        }
    }

    /// Adds a doubt.
    pub(in crate::classify) fn doubt(&mut self, why: Why, part: &str) {
        self.reading.doubt(why, part);
    }

    /// Adds what the reader of another language found, at the places that hold here and `places`.
    pub(in crate::classify) fn absorb(&mut self, inner: Reading, places: &[String]) {
        for mut act in inner.acts {
            act.places.extend(places.iter().cloned());
            self.act(act);
        }
        for doubt in inner.doubts {
            self.doubt(doubt.why, &doubt.part);
        }
    }

    /// Goes one level deeper, if there is one left.
    fn deeper<T: Default>(&mut self, part: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        let Some(left) = self.depth.checked_sub(1) else {
            self.doubt(Why::TooMuch, part);
            return T::default();
        };
        self.depth = left;
        let result = inner(self);
        self.depth += 1;
        result
    }

    /// Reads a text as a script of its own, such as that of `bash -c`.
    pub(in crate::classify) fn script(&mut self, text: &str, input: &Stream) -> Stream {
        self.deeper(text, |session| session.text(text, input))
    }

    /// Reads a text that runs at `place`: on another host, in a container.
    pub(in crate::classify) fn script_at(&mut self, text: &str, place: Vec<String>, input: &Stream) {
        self.at(place, |session| session.script(text, input));
    }

    /// Reads a program and its arguments, such as those that `sudo` is given.
    pub(in crate::classify) fn run(&mut self, words: &[Argument], input: &Stream) -> Stream {
        let part = words.first().map(|word| word.text.clone()).unwrap_or_default();
        self.deeper(&part, |session| command::read(session, words, input))
    }

    /// Does `inner` with further places.
    pub(in crate::classify) fn at<T>(
        &mut self,
        places: Vec<String>,
        inner: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.places.clone();
        let directory = self.directory.clone();
        self.places.extend(places);
        let result = inner(self);
        (self.places, self.directory) = (before, directory);
        result
    }

    /// A place of everything that follows.
    pub(in crate::classify) fn place(&mut self, place: String) {
        if !self.places.contains(&place) && self.places.len() < Act::MAX_NAMES {
            self.places.push(place);
        }
    }

    /// The directory of everything that follows.
    pub(in crate::classify) fn enter(&mut self, directory: Option<String>) {
        self.directory = directory;
    }

    pub(super) fn text(&mut self, text: &str, input: &Stream) -> Stream {
        let Some(left) = self.bytes.checked_sub(text.len()).filter(|_| text.len() <= MAX_BYTES) else {
            self.doubt(Why::TooMuch, text);
            return Stream::unknown();
        };
        self.bytes = left;
        let plain = undisguise(text);
        if let Some(marks) = plain.marks {
            self.doubt(Why::Disguised, &marks);
        }
        let parsed = parse::parse(&plain.text, self.depth, &mut self.words);
        for spelled in &parsed.spelled {
            self.doubt(Why::Encoded, &format!("$'{spelled}'"));
        }
        let output = self.list(&parsed.list, &parsed.documents, input);
        let Some((fault, rest)) = parsed.fault else { return output };
        let why = match fault {
            Fault::Syntax => Why::Syntax,
            Fault::TooMuch => Why::TooMuch,
        };
        self.doubt(why, rest.trim());
        for words in rough::commands(&rest) {
            if let Some(left) = self.words.checked_sub(words.len()) {
                self.words = left;
                self.run(&words, &Stream::unknown());
            }
        }
        Stream::unknown()
    }

    /// A list whose assignments don't reach what is outside: a substitution.
    pub(super) fn inside(&mut self, list: &List, documents: &[Word], input: &Stream) -> Stream {
        self.section(list, documents, input)
    }

    /// A list that may run or not, or again.
    fn section(&mut self, list: &List, documents: &[Word], input: &Stream) -> Stream {
        let mut names = Vec::new();
        tree::assigned(list, &mut names);
        self.forget(names.iter().map(String::as_str));
        let directory = self.directory.clone();
        self.conditional += 1;
        let output = self.deeper("", |session| session.list(list, documents, input));
        self.conditional -= 1;
        self.directory = directory;
        self.forget(names.iter().map(String::as_str));
        output
    }

    fn list(&mut self, list: &List, documents: &[Word], input: &Stream) -> Stream {
        let mut last = Stream::unknown();
        for chain in list {
            last = self.chain(chain, documents, input);
        }
        if list.len() == 1 { last } else { Stream::unknown() }
    }

    fn chain(&mut self, chain: &Chain, documents: &[Word], input: &Stream) -> Stream {
        let several = chain.pipelines.len() > 1;
        // What a later command of a chain assigns holds for the rest of that chain only; with `||` nowhere.
        let mut names = Vec::new();
        for stage in chain.pipelines.iter().skip(usize::from(!chain.background)).flatten() {
            tree::assigned_by(stage, &mut names);
        }
        let names = || names.iter().map(String::as_str);
        if chain.either {
            self.forget(names());
        }
        let mut last = Stream::unknown();
        for (index, pipeline) in chain.pipelines.iter().enumerate() {
            self.conditional += usize::from(index > 0 || chain.background);
            last = self.pipeline(pipeline, documents, input);
            self.conditional -= usize::from(index > 0 || chain.background);
            if chain.either {
                self.forget(names());
            }
        }
        self.forget(names());
        if several || chain.background { Stream::unknown() } else { last }
    }

    fn pipeline(&mut self, stages: &[Stage], documents: &[Word], input: &Stream) -> Stream {
        if let [stage] = stages {
            return self.stage(stage, documents, input);
        }
        let mut names = Vec::new();
        for stage in stages {
            tree::assigned_by(stage, &mut names);
        }
        self.forget(names.iter().map(String::as_str));
        self.conditional += 1;
        let mut flow = input.clone();
        for stage in stages {
            flow = self.stage(stage, documents, &flow);
            self.forget(names.iter().map(String::as_str));
        }
        self.conditional -= 1;
        flow
    }

    fn stage(&mut self, stage: &Stage, documents: &[Word], input: &Stream) -> Stream {
        let mut input = input.clone();
        let mut written = Vec::new();
        for Redirect { kind, target } in &stage.redirects {
            match kind {
                RedirectKind::Document(number) => {
                    let body = documents.get(*number).map(|body| self.expand_whole(body, documents));
                    input = Stream::known(body.map(|body| body.text).unwrap_or_default());
                }
                RedirectKind::HereString => {
                    input = Stream::known(self.expand_whole(target, documents).text + "\n")
                }
                RedirectKind::Read
                | RedirectKind::ReadWrite
                | RedirectKind::Truncate
                | RedirectKind::Append => {
                    let target = self.expand_whole(target, documents);
                    if *kind == RedirectKind::Read {
                        input = Stream::unknown();
                    }
                    written.push((*kind, target));
                }
                RedirectKind::Duplicate => {
                    self.expand_whole(target, documents);
                }
            }
        }
        let output = match &stage.command {
            Command::Simple { assigns, words } => self.simple(assigns, words, documents, &input),
            Command::Compound { sections, words, variable } => {
                for word in words {
                    self.expand(word, documents);
                }
                let several = sections.len() > 1;
                let mut last = Stream::unknown();
                if let Some(name) = variable {
                    self.forget([name.as_str()]);
                }
                for section in sections {
                    last = self.section(section, documents, &input);
                }
                if several || variable.is_some() { Stream::unknown() } else { last }
            }
            Command::Function { name, body } => {
                self.function(name, body, documents);
                Stream::unknown()
            }
            Command::Test { words, source } => {
                for word in words {
                    let word = self.expand_whole(word, documents);
                    if command::hides_code(&word.text) {
                        self.doubt(Why::Dynamic, &word.text);
                    }
                }
                let mut names = Vec::new();
                tree::assigned_by(stage, &mut names);
                self.forget(names.iter().map(String::as_str));
                // Shells other than bash take `((` for two subshells.
                if let Some(source) = source.as_ref().filter(|source| command::begins_with_program(source)) {
                    self.doubt(Why::Dynamic, source);
                    self.script(source, &Stream::unknown());
                }
                Stream::unknown()
            }
        };
        let redirected = !written.is_empty();
        for (kind, target) in written {
            command::redirect(self, kind, &target);
        }
        if redirected && !output.given { Stream::default() } else { output }
    }

    fn function(&mut self, name: &str, body: &Stage, documents: &[Word]) {
        let mut names = Vec::new();
        tree::assigned_by(body, &mut names);
        self.tainted.extend(names);
        if self.conditional == 0 {
            self.functions.insert(name.to_owned());
        }
        self.conditional += 1;
        let before = (self.places.clone(), self.directory.clone());
        self.defining.push(name.to_owned());
        self.deeper(name, |session| session.stage(body, documents, &Stream::unknown()));
        self.defining.pop();
        (self.places, self.directory) = before;
        self.conditional -= 1;
    }

    fn simple(&mut self, assigns: &[Assign], words: &[Word], documents: &[Word], input: &Stream) -> Stream {
        let arguments: Vec<Argument> = words.iter().flat_map(|word| self.expand(word, documents)).collect();
        let mut values = Vec::new();
        for Assign { name, value, others } in assigns {
            for other in others {
                self.expand_whole(other, documents);
            }
            let value = value.as_ref().map(|value| self.expand_whole(value, documents));
            let value = value.unwrap_or_else(|| Argument { sure: false, ..Argument::default() });
            let reads = arguments.first().is_some_and(|first| first.text == "read");
            if arguments.is_empty() {
                self.assign(name, &value);
            } else if name != "IFS" || !reads {
                command::environment(self, name, &value);
            }
            values.push((name, value));
        }
        if arguments.is_empty() {
            return Stream::unknown();
        }
        // Before some commands of the shell an assignment stays; elsewhere the old value comes back.
        self.forget(values.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "IFS"));
        let places: Vec<String> =
            values.iter().filter_map(|(name, value)| command::place_of(name, value)).collect();
        if places.is_empty() {
            return command::read(self, &arguments, input);
        }
        self.at(places, |session| command::read(session, &arguments, input))
    }

    /// An assignment that holds from here on.
    pub(in crate::classify) fn assign(&mut self, name: &str, value: &Argument) {
        command::environment(self, name, value);
        if let Some(place) = command::place_of(name, value) {
            self.place(place);
        }
        // Arithmetic would run it.
        if command::hides_code(&value.text) {
            self.doubt(Why::Dynamic, &value.text);
        }
        let known = value.sure && value.text.len() <= MAX_VALUE && !self.tainted.contains(name);
        self.variables.insert(name.to_owned(), known.then(|| value.text.clone()));
    }

    /// What these names hold is not known any more.
    pub(in crate::classify) fn forget<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.variables.insert(name.to_owned(), None);
        }
    }

    /// The value of a variable, if it is known.
    pub(in crate::classify) fn value(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name)?.clone();
        value.filter(|_| !self.tainted.contains(name))
    }

    /// Whether expansions are split where they are by default.
    pub(super) fn splits_at_blanks(&self) -> bool {
        self.value("IFS").as_deref() == Some(" \t\n")
    }

    /// Whether a function of this name is surely defined.
    pub(in crate::classify) fn has_function(&self, name: &str) -> bool {
        self.functions.contains(name)
    }

    /// Whether this calls the function that it stands in: nobody can tell how often.
    pub(in crate::classify) fn calls_itself(&self, name: &str) -> bool {
        self.defining.iter().any(|defining| defining == name)
    }

    /// Functions may be gone.
    pub(in crate::classify) fn forget_functions(&mut self) {
        self.functions.clear();
    }

    /// Whether what a program writes could be what a function of its name writes.
    pub(in crate::classify) fn output(&self, name: &str, arguments: &[Argument], input: &Stream) -> Stream {
        if self.functions.is_empty() { input.through(name, arguments) } else { Stream::unknown() }
    }
}
