//! The tree of a script: what the parser makes and the walk goes over.

/// Commands one after the other.
pub(super) type List = Vec<Chain>;

/// Pipelines joined by `&&` and `||`.
pub(super) struct Chain {
    pub(super) pipelines: Vec<Vec<Stage>>,
    /// Whether one of the joints is `||`: then a later one may run although an earlier one did not.
    pub(super) either: bool,
    pub(super) background: bool,
}

/// A command of a pipeline with its redirections.
pub(super) struct Stage {
    pub(super) command: Command,
    pub(super) redirects: Vec<Redirect>,
}

pub(super) enum Command {
    /// Assignments, a program and its arguments.
    Simple { assigns: Vec<Assign>, words: Vec<Word> },
    /// A group, a subshell, a loop or a branch: its lists, any of which may run.
    Compound { sections: Vec<List>, words: Vec<Word>, variable: Option<String> },
    /// A definition: its body counts as done.
    Function { name: String, body: Box<Stage> },
    /// `[[ … ]]` and `(( … ))`; the source of the latter, which older shells read as commands.
    Test { words: Vec<Word>, source: Option<String> },
}

/// `NAME=value`; without a value where it is an array, an element or added to what was there.
pub(super) struct Assign {
    pub(super) name: String,
    pub(super) value: Option<Word>,
    /// The words that are not followed, but whose substitutions run.
    pub(super) others: Vec<Word>,
}

pub(super) struct Redirect {
    pub(super) kind: RedirectKind,
    pub(super) target: Word,
}

/// What a redirection does with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::classify) enum RedirectKind {
    Read,
    Truncate,
    Append,
    ReadWrite,
    /// A here-document, by its number in the script.
    Document(usize),
    HereString,
    /// Another descriptor: nothing is touched.
    Duplicate,
}

/// A word before expansion.
#[derive(Default)]
pub(super) struct Word(pub(super) Vec<Piece>);

pub(super) enum Piece {
    Text {
        text: String,
        quoted: bool,
    },
    Parameter(Parameter),
    Substitution {
        list: List,
        source: String,
        quoted: bool,
    },
    /// `<(…)` and `>(…)`.
    Process {
        list: List,
        source: String,
    },
    Arithmetic {
        word: Word,
        source: String,
    },
}

/// `$NAME` or `${NAME…}`.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) quoted: bool,
    pub(super) change: Change,
    /// The word after the operator, and one in a subscript.
    pub(super) word: Word,
    pub(super) subscript: Word,
}

/// What is done to a parameter's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// `${X:-word}`
    Default,
    /// `${X:=word}`
    Assign,
    /// `${X:+word}`
    Alternative,
    /// Anything else: what comes out is not worked out.
    Other,
}

impl Word {
    /// The text, if there is nothing but text.
    pub(super) fn literal(&self) -> Option<String> {
        let mut whole = String::new();
        for piece in &self.0 {
            let Piece::Text { text, .. } = piece else { return None };
            whole.push_str(text);
        }
        Some(whole)
    }

    /// The text, if there is nothing but text without a quote.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text { text, quoted: false }] => Some(text),
            _ => None,
        }
    }

    /// Adds text, to the piece before where that is quoted alike.
    pub(super) fn push(&mut self, more: &str, quoted: bool) {
        if let Some(Piece::Text { text, quoted: before }) = self.0.last_mut()
            && *before == quoted
        {
            return text.push_str(more);
        }
        self.0.push(Piece::Text { text: more.to_owned(), quoted });
    }
}

/// The names that a list may assign, wherever in it.
pub(super) fn assigned(list: &List, names: &mut Vec<String>) {
    for stage in list.iter().flat_map(|chain| chain.pipelines.iter().flatten()) {
        assigned_by(stage, names);
    }
}

/// The names that a command may assign.
pub(super) fn assigned_by(stage: &Stage, names: &mut Vec<String>) {
    match &stage.command {
        Command::Simple { assigns, words } => {
            let separators = |assign: &&Assign| assign.name == "IFS" && !words.is_empty();
            names.extend(assigns.iter().filter(|a| !separators(a)).map(|assign| assign.name.clone()));
            // `export X=rm`, `read X`, `eval 'X=rm'`: whatever could be a name.
            for piece in words.iter().flat_map(|word| &word.0) {
                if let Piece::Text { text, .. } = piece {
                    names_in(text, names);
                }
            }
        }
        Command::Compound { sections, variable, words: _ } => {
            names.extend(variable.clone());
            for section in sections {
                assigned(section, names);
            }
        }
        Command::Function { body, name: _ } => assigned_by(body, names),
        Command::Test { words, source } => {
            for text in words.iter().filter_map(Word::literal).chain(source.clone()) {
                names_in(&text, names);
            }
        }
    }
}

fn names_in(text: &str, names: &mut Vec<String>) {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    names.extend(parts.filter(|part| is_name(part)).map(str::to_owned));
}

/// Whether a text can name a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
