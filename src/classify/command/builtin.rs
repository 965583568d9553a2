//! What the shell does itself.

use super::{Argument, Call, Options, Reader, Style};
use crate::classify::shell::{Session, Stream};
use crate::classify::{Act, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "cd" | "pushd" | "popd" => change_directory,
        "export" | "declare" | "typeset" | "local" | "readonly" => declare,
        "read" | "mapfile" | "readarray" | "getopts" | "let" | "unset" | "printf" => forget,
        "eval" => eval,
        "source" | "." => source,
        "trap" => trap,
        "alias" => alias,
        "exec" | "command" | "builtin" => through,
        "set" | "shopt" | "enable" | "bind" | "complete" | "compgen" => settings,
        "hash" => hash,
        name if is_idle(name) => nothing,
        _ => return None,
    })
}

/// Whether a command of the shell can do nothing outside it, whatever it is given.
pub(super) fn is_harmless(name: &str) -> bool {
    is_idle(name)
        || matches!(name, "cd" | "pushd" | "popd" | "export" | "declare" | "typeset" | "local" | "readonly")
        || matches!(name, "read" | "mapfile" | "readarray" | "getopts" | "unset" | "printf")
}

/// Whether a command takes its arguments for arithmetic or for names with subscripts, which are.
pub(super) fn evaluates(name: &str, arguments: &[Argument]) -> bool {
    let assigns = name == "printf" && arguments.iter().any(|argument| argument.text.starts_with("-v"));
    let declares = matches!(
        name,
        "export" | "declare" | "typeset" | "local" | "readonly" | "unset" | "let" | "test" | "["
    );
    assigns
        || declares
        || matches!(name, "read" | "mapfile" | "readarray" | "getopts" | "wait" | "shift" | "return" | "exit")
}

fn is_idle(name: &str) -> bool {
    matches!(
        name,
        "true"
            | "false"
            | ":"
            | "test"
            | "["
            | "exit"
            | "return"
            | "break"
            | "continue"
            | "shift"
            | "wait"
            | "sleep"
            | "echo"
            | "umask"
            | "ulimit"
            | "pwd"
            | "type"
            | "jobs"
            | "bg"
            | "fg"
            | "disown"
            | "times"
            | "dirs"
            | "logout"
            | "caller"
            | "unalias"
            | "usleep"
            | "clear"
            | "tput"
    )
}

fn nothing(_: &mut Session, _: &Call<'_>) {}

/// Where the commands that follow act.
fn change_directory(session: &mut Session, call: &Call<'_>) {
    let target = call.arguments.iter().find(|argument| !argument.text.starts_with('-'));
    session.enter(target.map(|target| target.text.clone()).filter(|_| call.name != "popd"));
}

fn declare(session: &mut Session, call: &Call<'_>) {
    // A reference to another name, or a value that is changed on the way.
    let changed = call.arguments.iter().any(|argument| {
        argument.text.starts_with('-') && argument.text.contains(['n', 'i', 'u', 'l', 'c', 'a', 'A', 'f'])
    });
    for argument in call.arguments.iter().filter(|argument| !argument.text.starts_with(['-', '+'])) {
        let (name, value) = argument.text.split_once('=').unwrap_or((&argument.text, ""));
        if changed && argument.text.contains('=') {
            session.doubt(Why::Dynamic, &argument.text);
        }
        if let Some(name) = name.strip_suffix('+') {
            session.forget([name]);
        } else if argument.text.contains('=') {
            let sure = argument.sure && !changed;
            session.assign(name, &Argument { sure, ..Argument::new(value) });
        } else if call.name != "export" || changed {
            session.forget([name]);
        }
        if !argument.sure && !argument.known.contains('=') {
            session.doubt(Why::Dynamic, &argument.text);
        }
    }
}

/// What assigns names: they are not followed any more.
fn forget(session: &mut Session, call: &Call<'_>) {
    let texts = call.arguments.iter().map(|argument| argument.text.as_str());
    let printf = call.name == "printf";
    let mut after = false;
    for text in texts {
        if !printf || after {
            session.forget([text, text.split(['=', '[', '+']).next().unwrap_or_default()]);
        }
        after = text == "-v";
        if let Some(name) = text.strip_prefix("-v").filter(|_| printf) {
            session.forget([name]);
        }
        if call.name == "unset" {
            session.forget_functions();
        }
    }
    if matches!(call.name, "mapfile" | "readarray")
        && call.arguments.iter().any(|argument| argument.text.starts_with("-C"))
    {
        session.doubt(Why::Dynamic, call.name);
    }
}

fn joined(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| argument.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn eval(session: &mut Session, call: &Call<'_>) {
    session.script(&joined(call.arguments), call.input);
}

/// What a file holds, or what a substitution gives.
fn source(session: &mut Session, call: &Call<'_>) {
    let Some(file) = call.arguments.first() else { return session.doubt(Why::Syntax, call.name) };
    if matches!(file.text.as_str(), "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") {
        return super::interpreter::given(session, call.name, call.input);
    }
    let why = if file.text.starts_with("<(") { Why::Dynamic } else { Why::Foreign };
    session.act(Act { targets: vec![file.text.clone()], ..Act::new("source", Kind::Unknown) });
    session.doubt(why, &format!("{} {}", call.name, file.text));
    // It may assign and define anything.
    session.forget_functions();
}

fn trap(session: &mut Session, call: &Call<'_>) {
    if let Some(action) =
        call.arguments.iter().find(|argument| !argument.text.starts_with('-') && !argument.text.is_empty())
        && call.arguments.len() > 1
    {
        session.script(&action.text, &Stream::default());
        session.doubt(Why::Dynamic, &format!("trap {}", action.text));
    }
}

fn alias(session: &mut Session, call: &Call<'_>) {
    for argument in call.arguments {
        if let Some((_, text)) = argument.text.split_once('=') {
            session.doubt(Why::Dynamic, &format!("alias {}", argument.text));
            session.script(text, &Stream::default());
        }
    }
}

fn through(session: &mut Session, call: &Call<'_>) {
    let valued: &[&str] = if call.name == "exec" { &["-a"] } else { &[] };
    let options = Options::new(call.arguments, valued, Style::First);
    if call.name == "command" && options.has(&["-v", "-V"]) {
        return;
    }
    let words: Vec<Argument> = options.operands.iter().map(|word| (*word).clone()).collect();
    session.run(&words, call.input);
}

/// Settings of the shell: those that load code or change how commands are looked up.
fn settings(session: &mut Session, call: &Call<'_>) {
    let text = joined(call.arguments);
    let loads = call.name == "enable" && text.contains("-f");
    let binds = matches!(call.name, "bind" | "complete" | "compgen");
    let changes = ["expand_aliases", "extglob", "lastpipe", "keyword"].iter().any(|name| text.contains(name));
    if loads || binds || changes {
        session.doubt(Why::Dynamic, &format!("{} {text}", call.name));
    }
}

/// `hash -p /tmp/x ls` makes a name mean another program.
fn hash(session: &mut Session, call: &Call<'_>) {
    if call.arguments.iter().any(|argument| argument.text.starts_with("-p")) {
        session.doubt(Why::Dynamic, &format!("hash {}", joined(call.arguments)));
    }
}
