//! Interpreters: shells, whose scripts are read, and other languages, which are not.

use super::{Argument, Call, Options, Reader, Style};
use crate::classify::shell::{Session, Stream};
use crate::classify::{Act, Kind, Why};

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "mksh" | "rbash" | "yash" | "fish" => shell,
        "busybox" | "toybox" => applet,
        "awk" | "gawk" | "mawk" | "nawk" => awk,
        "sed" | "gsed" => sed,
        "make" | "gmake" | "just" | "rake" | "task" | "ansible" | "ansible-playbook" | "ansible-console" => {
            recipe
        }
        _ if is_language(name) => language,
        _ => return None,
    })
}

/// `python3.12` is a `python`.
fn is_language(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    matches!(
        plain,
        "python"
            | "pypy"
            | "ipython"
            | "perl"
            | "ruby"
            | "irb"
            | "node"
            | "nodejs"
            | "deno"
            | "bun"
            | "php"
            | "lua"
            | "luajit"
            | "tclsh"
            | "expect"
            | "osascript"
            | "pwsh"
            | "powershell"
            | "Rscript"
            | "R"
            | "julia"
            | "ghci"
            | "runghc"
            | "groovy"
            | "scala"
            | "jshell"
            | "java"
            | "gdb"
            | "lldb"
            | "ed"
            | "ex"
            | "vi"
            | "vim"
            | "nvim"
            | "emacs"
            | "m"
            | "racket"
            | "elixir"
            | "dc"
            | "ts-node"
            | "tsx"
    )
}

/// A script that comes through the standard input.
pub(super) fn given(session: &mut Session, name: &str, input: &Stream) {
    if input.encoded {
        session.doubt(Why::Encoded, name);
    }
    match &input.text {
        Some(text) => {
            session.script(text, &Stream::unknown());
        }
        None => {
            session.act(Act::new(name, Kind::Unknown));
            if !input.encoded {
                session.doubt(Why::Dynamic, name);
            }
        }
    }
}

fn shell(session: &mut Session, call: &Call<'_>) {
    // fish has another grammar, but close enough that reading it shows more than not reading it.
    if call.name == "fish" {
        session.doubt(Why::Foreign, "fish");
    }
    let valued = ["-o", "-O", "--rcfile", "--init-file"];
    // `+x` unsets what `-x` sets.
    let dashes = call.arguments.iter().position(|argument| argument.text == "--").unwrap_or(usize::MAX);
    let kept =
        call.arguments.iter().enumerate().filter(|(at, word)| *at > dashes || !word.text.starts_with('+'));
    let arguments: Vec<Argument> = kept.map(|(_, argument)| argument.clone()).collect();
    let options = Options::new(&arguments, &valued, Style::First);
    if options.value(&["--rcfile", "--init-file"]).is_some() {
        session.doubt(Why::Foreign, call.name);
    }
    if options.has_exactly(&["--version", "--help"]) {
        return session.act(Act::new(call.name, Kind::Read));
    }
    let Some(first) = options.operands.first() else { return given(session, call.name, call.input) };
    if options.has(&["-c", "--command"]) {
        if first.pattern || !first.sure {
            session.doubt(Why::Dynamic, &first.text);
        }
        session.script(&first.text, call.input);
    } else if options.has(&["-s"])
        || matches!(first.text.as_str(), "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
    {
        given(session, call.name, call.input);
    } else {
        let why = if first.text.starts_with("<(") { Why::Dynamic } else { Why::Foreign };
        session.act(Act { targets: vec![first.text.clone()], ..Act::new(call.name, Kind::Unknown) });
        session.doubt(why, &first.text);
    }
}

fn applet(session: &mut Session, call: &Call<'_>) {
    if call.arguments.first().is_none_or(|first| first.text.starts_with('-')) {
        return session.act(Act::new(call.name, Kind::Read));
    }
    session.run(call.arguments, call.input);
}

fn language(session: &mut Session, call: &Call<'_>) {
    let texts: Vec<&str> = call.arguments.iter().map(|argument| argument.text.as_str()).collect();
    if let ["--version" | "-V" | "-v" | "--help" | "-h"] = texts.as_slice() {
        return session.act(Act::new(call.name, Kind::Read));
    }
    // `python -m pip install …` is pip.
    if let ["-m", module @ ("pip" | "pipx" | "ansible"), ..] = texts.as_slice()
        && call.name.starts_with("python")
    {
        let mut words = vec![Argument::new(module)];
        words.extend(call.arguments.iter().skip(2).cloned());
        session.run(&words, call.input);
        return;
    }
    let code = texts.iter().find(|text| {
        matches!(**text, "-c" | "-e" | "-r" | "-E" | "--eval" | "-m" | "-p" | "-pe" | "-ne" | "eval" | "run")
    });
    let what = code.map_or_else(|| call.name.to_owned(), |code| format!("{} {code}", call.name));
    let file = texts.iter().find(|text| !text.starts_with('-')).filter(|_| code.is_none());
    session.act(Act {
        targets: file.map(|file| (*file).to_owned()).into_iter().collect(),
        ..Act::new(&what, Kind::Unknown)
    });
    let part = std::iter::once(call.name).chain(texts.iter().copied()).collect::<Vec<_>>().join(" ");
    if call.input.encoded && file.is_none() {
        session.doubt(Why::Encoded, call.name);
    }
    session.doubt(Why::Foreign, &part);
}

fn awk(session: &mut Session, call: &Call<'_>) {
    let valued = ["-F", "-v", "-f", "-i", "-l", "--file", "--assign", "--field-separator", "--include"];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let (program, files) = options.verb();
    let outside =
        ["-f", "--file", "-i", "--include", "-l"].iter().any(|flag| options.value(&[flag]).is_some());
    let runs = ["system", "|", "getline", ">", "@", "ENVIRON"].iter().any(|word| program.contains(word));
    if outside || runs {
        session.act(Act::new(call.name, Kind::Unknown));
        return session.doubt(Why::Foreign, &format!("{} {program}", call.name));
    }
    session.act(Act { targets: super::names(&files), ..Act::new(call.name, Kind::Read) });
}

fn sed(session: &mut Session, call: &Call<'_>) {
    let valued = ["-e", "-f", "--expression", "--file", "-l"];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let mut scripts = options.values(&["-e", "--expression"]);
    let mut files = options.operands.clone();
    if scripts.is_empty() && options.value(&["-f", "--file"]).is_none() && !files.is_empty() {
        scripts.push(files.remove(0).text.clone());
    }
    if options.value(&["-f", "--file"]).is_some() || !scripts.iter().all(|script| is_tame(script)) {
        session.doubt(Why::Foreign, &format!("sed {}", scripts.join(" ")));
    }
    let places = call
        .arguments
        .iter()
        .any(|argument| argument.text.starts_with("-i") || argument.text.starts_with("--in-place"));
    if places || options.has(&["-i", "--in-place"]) {
        let system = files.iter().any(|file| super::path::is_system(&file.text));
        let kind = if system { Kind::Admin } else { Kind::Update };
        let extent = super::extent(&files);
        session.act(Act { targets: super::names(&files), extent, ..Act::new("sed -i", kind) });
    } else {
        session.act(Act { targets: super::names(&files), ..Act::new("sed", Kind::Read) });
    }
}

/// Whether a sed script only prints, deletes and substitutes: sed can also run commands (`e`) and write files (`w`).
fn is_tame(script: &str) -> bool {
    let mut rest = script.chars().peekable();
    loop {
        while rest
            .next_if(|c| {
                c.is_whitespace()
                    || matches!(c, ';' | '{' | '}' | '!' | ',' | '$' | '~' | '+')
                    || c.is_ascii_digit()
            })
            .is_some()
        {}
        let Some(command) = rest.next() else { return true };
        match command {
            '/' => {
                if !skip_to(&mut rest, '/') {
                    return false;
                }
                while rest.next_if(|c| matches!(c, 'I' | 'M')).is_some() {}
            }
            's' | 'y' => {
                let Some(delimiter) = rest.next() else { return false };
                if !skip_to(&mut rest, delimiter) || !skip_to(&mut rest, delimiter) {
                    return false;
                }
                while rest.next_if(|c| matches!(c, 'g' | 'p' | 'i' | 'I') || c.is_ascii_digit()).is_some() {}
                if rest.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, ';' | '}')) {
                    return false;
                }
            }
            'p' | 'd' | 'q' | '=' | 'n' | 'N' | 'g' | 'G' | 'h' | 'H' | 'x' | 'l' | 'D' | 'P' => {}
            'a' | 'i' | 'c' => while rest.next_if(|c| *c != '\n').is_some() {},
            _ => return false,
        }
    }
}

fn skip_to(rest: &mut core::iter::Peekable<core::str::Chars<'_>>, end: char) -> bool {
    while let Some(c) = rest.next() {
        if c == '\\' {
            rest.next();
        } else if c == end {
            return true;
        }
    }
    false
}

/// Programs that do what a file of theirs says.
fn recipe(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-C",
        "-f",
        "-I",
        "-j",
        "-o",
        "-i",
        "-l",
        "-e",
        "-u",
        "-m",
        "-a",
        "-t",
        "--directory",
        "--file",
        "--inventory",
        "--limit",
        "--extra-vars",
        "--tags",
        "--user",
    ];
    let options = Options::new(call.arguments, &valued, Style::Mixed);
    let ansible = call.name.starts_with("ansible");
    if options.has_exactly(&["--version", "--help"])
        || (ansible && options.has_exactly(&["--list-hosts", "--syntax-check"]))
    {
        return session.act(Act { targets: options.names(), ..Act::new(call.name, Kind::Read) });
    }
    let places = if ansible {
        options.values(&["-i", "--inventory", "-l", "--limit"])
    } else {
        options.values(&["-C", "--directory"])
    };
    let kind = if ansible { Kind::Update } else { Kind::Unknown };
    session.act(Act { targets: options.names(), places, ..Act::new(call.name, kind) });
    if let (Some(text), true) = (options.value(&["-a"]), ansible) {
        session.script(&text, &Stream::default());
    }
    let part = std::iter::once(call.name.to_owned()).chain(options.names()).collect::<Vec<_>>().join(" ");
    session.doubt(Why::Foreign, &part);
}
