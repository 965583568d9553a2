//! Command lines: what known programs do with their arguments.
//!
//! Each family of programs has a file. Programs that only look, whatever they are given, are a list; others are
//! functions from their arguments to acts. What is on neither is an act of unknown kind and a doubt. An argument that
//! is not known is a doubt too, unless the program could do no harm with any.

mod builtin;
mod cloud;
mod container;
mod database;
mod documents;
mod environment;
mod files;
mod git;
mod infrastructure;
mod interpreter;
mod kubectl;
mod looks;
mod network;
mod options;
mod package;
mod path;
mod system;
mod wrapper;

pub(super) use environment::{environment, place_of};

use super::shell::{RedirectKind, Session, Stream};
use super::{Act, Extent, Kind, Why};
use options::{Options, Style};

/// A word that a program is given.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    /// The word; what is not known of it, as it was written.
    pub(super) text: String,
    /// The word without what is not known of it.
    pub(super) known: String,
    /// Whether all of it is known.
    pub(super) sure: bool,
    /// Whether it stands for many: it has a wildcard, or is filled in from a list.
    pub(super) pattern: bool,
}

impl Default for Argument {
    fn default() -> Self {
        Self::new("")
    }
}

impl Argument {
    /// A word that is known.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), known: text.to_owned(), sure: true, pattern: false }
    }

    /// What `xargs` and `find` fill in: nobody knows how many.
    fn many(text: &str) -> Self {
        Self { pattern: true, ..Self::new(text) }
    }
}

/// A program that is called.
struct Call<'a> {
    name: &'a str,
    arguments: &'a [Argument],
    input: &'a Stream,
}

/// What a program does with its arguments.
type Reader = fn(&mut Session, &Call<'_>);

fn reader(name: &str) -> Option<Reader> {
    builtin::reader(name)
        .or_else(|| wrapper::reader(name))
        .or_else(|| interpreter::reader(name))
        .or_else(|| files::reader(name))
        .or_else(|| system::reader(name))
        .or_else(|| network::reader(name))
        .or_else(|| package::reader(name))
        .or_else(|| database::reader(name))
        .or_else(|| documents::reader(name))
        .or_else(|| container::reader(name))
        .or_else(|| infrastructure::reader(name))
        .or_else(|| cloud::reader(name))
        .or_else(|| (name == "git").then_some(git::git as Reader))
        .or_else(|| matches!(name, "kubectl" | "oc" | "k").then_some(kubectl::kubectl as Reader))
}

/// Whether a word is a program that is known, by name or by path.
pub(super) fn is_program(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    reader(name).is_some() || looks::looks(name)
}

/// Whether a text begins with a program that is known.
pub(super) fn begins_with_program(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|word| is_program(word.trim_start_matches(['(', '{'])))
}

/// Reads one program with its arguments; the answer is what it writes.
pub(super) fn read(session: &mut Session, words: &[Argument], input: &Stream) -> Stream {
    let Some((first, arguments)) = words.split_first() else { return Stream::unknown() };
    if !first.sure || first.pattern {
        unknown_name(session, first, arguments, input);
        return Stream::unknown();
    }
    // `.` is a command of the shell, not a folder.
    let plain = if first.text == "." { first.text.clone() } else { path::normal(&first.text) };
    let (folder, name) = plain.rsplit_once('/').map_or((None, plain.as_str()), |(f, n)| (Some(f), n));
    if !name.is_ascii() {
        session.doubt(Why::Disguised, &name.escape_unicode().to_string());
    }
    if folder.is_some_and(|folder| !path::holds_programs(folder)) {
        session.act(Act::new(first.text.as_str(), Kind::Unknown));
        session.doubt(Why::Foreign, &first.text);
        if !is_program(name) {
            return Stream::unknown();
        }
    }
    if session.calls_itself(name) {
        session.doubt(Why::TooMuch, name);
    }
    let call = Call { name, arguments, input };
    if builtin::evaluates(name, arguments)
        && let Some(argument) = arguments.iter().find(|argument| hides_code(&argument.text))
    {
        session.doubt(Why::Dynamic, &argument.text);
    }
    if let Some(read) = reader(name) {
        if !is_wary(name)
            && let Some(argument) = arguments.iter().find(|argument| !argument.sure)
        {
            session.doubt(Why::Dynamic, &argument.text);
        }
        read(session, &call);
    } else if looks::looks(name) {
        session.act(looks::act(&call));
    } else if !session.has_function(name) {
        session.act(Act::new(name, Kind::Unknown));
        session.doubt(Why::Unfamiliar, name);
        if let Some(argument) = arguments.iter().find(|argument| !argument.sure) {
            session.doubt(Why::Dynamic, &argument.text);
        }
    }
    session.output(name, arguments, input)
}

/// Whether a text would run something if it were taken for arithmetic: `a[$(reboot)]`.
pub(super) fn hides_code(text: &str) -> bool {
    text.contains('[') && (text.contains("$(") || text.contains('`'))
}

/// Programs that do no harm whatever they are given, or that judge themselves what is not known.
fn is_wary(name: &str) -> bool {
    builtin::is_harmless(name)
}

/// A program whose name is only known when it runs: what it is if what is not known turns out to be nothing.
fn unknown_name(session: &mut Session, first: &Argument, arguments: &[Argument], input: &Stream) {
    session.doubt(Why::Dynamic, &first.text);
    session.act(Act::new(first.text.as_str(), Kind::Unknown));
    if first.known.is_empty() {
        if arguments.first().is_some_and(|next| next.sure && is_program(&next.text)) {
            session.run(arguments, input);
        }
    } else if is_program(&first.known) && !first.pattern {
        let mut words = vec![Argument::new(&first.known)];
        words.extend_from_slice(arguments);
        session.run(&words, input);
    }
}

/// A redirection of a command's output or input.
pub(super) fn redirect(session: &mut Session, kind: RedirectKind, target: &Argument) {
    let (sign, plain) = match kind {
        RedirectKind::Read => ("<", Kind::Read),
        RedirectKind::Append => (">>", Kind::Write),
        RedirectKind::Truncate | RedirectKind::ReadWrite => (">", Kind::Update),
        RedirectKind::Document(_) | RedirectKind::HereString | RedirectKind::Duplicate => return,
    };
    if !target.sure && kind != RedirectKind::Read {
        session.doubt(Why::Dynamic, &target.text);
    }
    let path = path::normal(&target.text);
    let network = ["/dev/tcp/", "/dev/udp/"].into_iter().find_map(|device| path.strip_prefix(device));
    if let Some(host) = network {
        return session
            .act(Act { targets: vec![host.replace('/', ":")], ..Act::new("/dev/tcp", Kind::ExternalCall) });
    }
    let harmless = kind == RedirectKind::Read || path::is_sink(&path) || target.text.starts_with(">(");
    if !harmless {
        let kind = path::kind_of_change(&path, plain);
        let irreversible = path::is_device(&path);
        session.act(Act { targets: vec![target.text.clone()], irreversible, ..Act::new(sign, kind) });
    }
}

/// The texts of arguments, as targets.
fn names(arguments: &[&Argument]) -> Vec<String> {
    arguments.iter().map(|argument| argument.text.clone()).collect()
}

/// How much the operands of a program are: everything where one stands for many or is a root.
fn extent(operands: &[&Argument]) -> Extent {
    if operands.is_empty() {
        return Extent::Unstated;
    }
    if operands.iter().any(|operand| operand.pattern || path::is_root(&operand.text)) {
        return Extent::Everything;
    }
    u64::try_from(operands.len()).map_or(Extent::Unstated, Extent::Counted)
}
