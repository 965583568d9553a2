//! Programs that run another program: they are seen through.

use super::{Argument, Call, Options, Reader, Style, path};
use crate::classify::shell::{Session, Stream};
use crate::classify::{Act, Extent, Kind, Why};

/// A program that runs its operands: its options with a value, and how many operands come before the program.
struct Plain {
    name: &'static str,
    valued: &'static [&'static str],
    before: usize,
}

const fn plain(name: &'static str, valued: &'static [&'static str], before: usize) -> Plain {
    Plain { name, valued, before }
}

const PLAIN: &[Plain] = &[
    plain("nohup", &[], 0),
    plain("setsid", &[], 0),
    plain("nice", &["-n", "--adjustment"], 0),
    plain("ionice", &["-c", "-n", "-p", "--class", "--classdata"], 0),
    plain("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], 0),
    plain("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    plain("gtimeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    plain("time", &["-f", "-o", "--format", "--output"], 0),
    plain("chrt", &["-p"], 1),
    plain("taskset", &[], 1),
    plain("unbuffer", &[], 0),
    plain("setarch", &[], 1),
    plain("chronic", &[], 0),
    plain("caffeinate", &["-t", "-w"], 0),
    plain("strace", &["-e", "-o", "-p", "-s", "-u", "-P"], 0),
    plain("ltrace", &["-e", "-o", "-p", "-s", "-u"], 0),
    plain("catchsegv", &[], 0),
    plain("unshare", &["-S", "-G", "-R", "-w"], 0),
    plain("firejail", &[], 0),
    plain("systemd-run", &["-p", "-u", "-t", "--unit", "--property", "--slice"], 0),
    plain("systemd-inhibit", &[], 0),
];

pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "sudo" | "doas" | "pkexec" | "run0" | "gosu" | "su-exec" | "sudoedit" => sudo,
        "su" | "runuser" => su,
        "env" => env,
        "xargs" | "parallel" => xargs,
        "find" | "fd" | "fdfind" => find,
        "watch" => watch,
        "flock" => flock,
        "chroot" | "nsenter" => chroot,
        "script" => script,
        "at" | "batch" => at,
        "crontab" => crontab,
        "aws-vault" | "direnv" | "op" | "doppler" | "dotenv" | "poetry" | "uv" | "bundle" | "pipenv"
        | "rbenv" | "mise" => environment_of,
        name if PLAIN.iter().any(|plain| plain.name == name) => through,
        _ => return None,
    })
}

fn owned(words: &[&Argument]) -> Vec<Argument> {
    words.iter().map(|word| (*word).clone()).collect()
}

fn through(session: &mut Session, call: &Call<'_>) {
    let Some(Plain { valued, before, .. }) = PLAIN.iter().find(|plain| plain.name == call.name) else {
        return;
    };
    let options = Options::new(call.arguments, valued, Style::First);
    let words: Vec<Argument> = options.operands.iter().skip(*before).map(|word| (*word).clone()).collect();
    session.run(&words, call.input);
}

/// Assignments before a program, as `env` and `sudo` take them.
fn assignments<'a>(session: &mut Session, operands: &'a [&'a Argument]) -> (Vec<String>, &'a [&'a Argument]) {
    let mut places = Vec::new();
    let mut rest = operands;
    while let Some((first, others)) = rest.split_first() {
        let Some((name, value)) = first.text.split_once('=') else { break };
        let value = Argument { sure: first.sure, ..Argument::new(value) };
        super::environment(session, name, &value);
        places.extend(super::place_of(name, &value));
        rest = others;
    }
    (places, rest)
}

fn sudo(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group", "--host",
        "--chdir", "--prompt", "--chroot",
    ];
    let options = Options::new(call.arguments, &valued, Style::First);
    let mut operands = options.operands.as_slice();
    let mut users = options.values(&["-u", "--user"]);
    if matches!(call.name, "gosu" | "su-exec")
        && let Some((user, rest)) = operands.split_first()
    {
        users.push(user.text.clone());
        operands = rest;
    }
    session.act(Act { targets: users, ..Act::new(call.name, Kind::Admin) });
    if call.name == "sudoedit" || options.has(&["-e", "--edit"]) {
        return session.act(Act { targets: super::names(operands), ..Act::new("sudoedit", Kind::Admin) });
    }
    let (places, words) = assignments(session, operands);
    if words.is_empty() {
        if options.has(&["-i", "-s", "--login", "--shell"]) {
            super::interpreter::given(session, call.name, call.input);
        }
        return;
    }
    session.at(places, |session| session.run(&owned(words), call.input));
}

fn su(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(
        call.arguments,
        &["-c", "--command", "-s", "--shell", "-g", "-u", "--user"],
        Style::Mixed,
    );
    let users =
        options.operands.iter().filter(|operand| operand.text != "-").take(1).copied().collect::<Vec<_>>();
    session.act(Act { targets: super::names(&users), ..Act::new(call.name, Kind::Admin) });
    match options.value(&["-c", "--command"]) {
        Some(text) => {
            session.script(&text, call.input);
        }
        None if options.value(&["-u", "--user"]).is_some() => {
            session.run(&owned(&options.operands), call.input);
        }
        None => super::interpreter::given(session, call.name, call.input),
    }
}

fn env(session: &mut Session, call: &Call<'_>) {
    let valued = ["-u", "--unset", "-C", "--chdir", "-S", "--split-string", "-P"];
    let options = Options::new(call.arguments, &valued, Style::First);
    for text in options.values(&["-S", "--split-string"]) {
        session.script(&text, call.input);
    }
    let (places, words) = assignments(session, &options.operands);
    if words.is_empty() {
        return session.act(Act::new("env", Kind::Read));
    }
    session.at(places, |session| session.run(&owned(words), call.input));
}

/// `xargs`: nobody knows what it is given, nor how much. So whatever it fills in stands for everything.
fn xargs(session: &mut Session, call: &Call<'_>) {
    let valued = [
        "-I",
        "-L",
        "-n",
        "-P",
        "-s",
        "-d",
        "-a",
        "-E",
        "-j",
        "-S",
        "-C",
        "--max-args",
        "--max-procs",
        "--delimiter",
        "--arg-file",
        "--replace",
        "--jobs",
        "--sshlogin",
        "--colsep",
    ];
    let options = Options::new(call.arguments, &valued, Style::First);
    let mark = options.value(&["-I", "--replace"]).or_else(|| options.has(&["-i"]).then(|| "{}".to_owned()));
    let mark = mark.or_else(|| (call.name == "parallel").then(|| "{}".to_owned()));
    let mut words = owned(&options.operands);
    if let Some(at) = words.iter().position(|word| matches!(word.text.as_str(), ":::" | "::::" | ":::+")) {
        words.truncate(at);
        session.doubt(Why::Dynamic, call.name);
    }
    if words.is_empty() {
        if call.name == "parallel" {
            return super::interpreter::given(session, call.name, call.input);
        }
        return session.act(Act::new("echo", Kind::Read));
    }
    // Only words that are surely cut at blanks are known: not those between quotes, nor those cut elsewhere.
    let elsewhere = options.has(&["-0", "-d", "--null", "--delimiter", "-L", "-a", "--arg-file"]);
    let known = call
        .input
        .text
        .as_ref()
        .filter(|text| mark.is_none() && !elsewhere && !text.contains(['"', '\'', '\\']));
    match (&mark, known) {
        (Some(mark), _) if words.iter().any(|word| word.text.contains(mark.as_str())) => {
            fill(&mut words, mark, false)
        }
        (_, Some(text)) => words.extend(
            text.split(|c: char| c.is_whitespace() || c == '\0')
                .filter(|word| !word.is_empty())
                .map(Argument::new),
        ),
        (_, None) => words.push(Argument { sure: false, ..Argument::many("{}") }),
    }
    // `parallel 'rm {}'` is a text for a shell.
    if let ([only], "parallel") = (words.as_slice(), call.name) {
        session.doubt(Why::Dynamic, &only.text);
        session.script(&only.text, &Stream::unknown());
        return;
    }
    session.run(&words, &Stream::unknown());
}

/// Puts what is filled in at its marks; as part of a word nobody knows what that becomes.
fn fill(words: &mut [Argument], mark: &str, named: bool) {
    for word in words.iter_mut().filter(|word| word.text.contains(mark)) {
        word.pattern = true;
        word.sure &= named && word.text == mark;
    }
}

fn find(session: &mut Session, call: &Call<'_>) {
    let starts = |argument: &&Argument| !argument.text.starts_with(['-', '(', ')', '!']);
    let roots: Vec<&Argument> = call.arguments.iter().take_while(starts).collect();
    let roots =
        if roots.is_empty() || call.name != "find" { vec![".".to_owned()] } else { super::names(&roots) };
    let mut looks = true;
    let mut rest = call.arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.text.as_str() {
            "-delete" => {
                looks = false;
                session.act(Act {
                    targets: roots.clone(),
                    extent: Extent::Everything,
                    irreversible: true,
                    ..Act::new("find -delete", Kind::Delete)
                });
            }
            "-fprint" | "-fprint0" | "-fprintf" | "-fls" => {
                let targets: Vec<String> = rest.next().map(|file| file.text.clone()).into_iter().collect();
                let path = targets.first().map_or("", String::as_str);
                let kind = path::kind_of_change(path, Kind::Update);
                session.act(Act { targets, ..Act::new("find -fprint", kind) });
            }
            "-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "-X" | "--exec" | "--exec-batch" => {
                looks = false;
                let mut words: Vec<Argument> = rest
                    .by_ref()
                    .take_while(|word| !matches!(word.text.as_str(), ";" | "+"))
                    .cloned()
                    .collect();
                fill(&mut words, "{}", true);
                if call.name != "find" && !words.iter().any(|word| word.pattern) {
                    words.push(Argument::many("{}"));
                }
                session.at(roots.clone(), |session| session.run(&words, &Stream::unknown()));
            }
            _ => {}
        }
    }
    if looks {
        session.act(Act { targets: roots, ..Act::new(call.name, Kind::Read) });
    }
}

fn joined(words: &[&Argument]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn watch(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-n", "--interval", "-q"], Style::First);
    session.script(&joined(&options.operands), &Stream::default());
}

fn flock(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-w", "-E", "--timeout", "--wait"], Style::First);
    let words = owned(options.operands.get(1..).unwrap_or_default());
    match words.split_first() {
        Some((first, rest)) if matches!(first.text.as_str(), "-c" | "--command") => {
            for text in rest.iter().take(1) {
                session.script(&text.text, call.input);
            }
        }
        _ => {
            session.run(&words, call.input);
        }
    }
}

fn chroot(session: &mut Session, call: &Call<'_>) {
    let enters = call.name == "nsenter";
    let valued: &[&str] =
        if enters { &["-t", "--target", "-S", "-G", "-W"] } else { &["--userspec", "--groups"] };
    let options = Options::new(call.arguments, valued, Style::First);
    let mut words = options.operands.as_slice();
    let mut places = options.values(&["-t", "--target"]);
    if !enters && let Some((root, rest)) = words.split_first() {
        places.push(root.text.clone());
        words = rest;
    }
    session.act(Act { places: places.clone(), ..Act::new(call.name, Kind::Admin) });
    if words.is_empty() {
        return super::interpreter::given(session, call.name, call.input);
    }
    session.at(places, |session| session.run(&owned(words), call.input));
}

fn script(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-c", "--command", "-T", "-I", "-O"], Style::Mixed);
    match options.value(&["-c", "--command"]) {
        Some(text) => {
            session.script(&text, call.input);
        }
        None => super::interpreter::given(session, call.name, call.input),
    }
}

/// Commands that run later.
fn at(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-f", "-q", "-t"], Style::Mixed);
    if options.has(&["-l", "-c"]) {
        return session.act(Act::new("at", Kind::Read));
    }
    session.act(Act { targets: options.names(), ..Act::new(call.name, Kind::Admin) });
    if options.value(&["-f"]).is_some() {
        session.doubt(Why::Foreign, call.name);
    } else {
        super::interpreter::given(session, call.name, call.input);
    }
}

fn crontab(session: &mut Session, call: &Call<'_>) {
    let options = Options::new(call.arguments, &["-u"], Style::Mixed);
    let targets = options.values(&["-u"]);
    if options.has(&["-l"]) {
        return session.act(Act { targets, ..Act::new("crontab -l", Kind::Read) });
    }
    if options.has(&["-r"]) {
        let extent = Extent::Everything;
        return session.act(Act {
            targets,
            extent,
            irreversible: true,
            ..Act::new("crontab -r", Kind::Delete)
        });
    }
    session.act(Act { targets, extent: Extent::Everything, ..Act::new("crontab", Kind::Admin) });
    let Some(text) = &call.input.text else { return session.doubt(Why::Dynamic, "crontab") };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields = if line.starts_with('@') { 1 } else { 5 };
        let command: Vec<&str> = line.split_whitespace().skip(fields).collect();
        session.script(&command.join(" "), &Stream::default());
    }
}

/// Programs that run another in an environment of theirs: `aws-vault exec prod -- …`, `poetry run …`.
fn environment_of(session: &mut Session, call: &Call<'_>) {
    let texts = || call.arguments.iter().map(|argument| argument.text.as_str());
    let verb = texts().position(|text| matches!(text, "exec" | "run"));
    let Some(verb) = verb else {
        session.act(Act::new(call.name, Kind::Unknown));
        return session.doubt(Why::Unfamiliar, call.name);
    };
    let after = call.arguments.get(verb + 1..).unwrap_or_default();
    let dashes = after.iter().position(|argument| argument.text == "--");
    let (before, words) = match dashes {
        Some(at) => (after.get(..at).unwrap_or_default(), after.get(at + 1..).unwrap_or_default()),
        None => after
            .split_at_checked(usize::from(matches!(call.name, "aws-vault" | "direnv")))
            .unwrap_or_default(),
    };
    let places =
        before.iter().filter(|word| !word.text.starts_with('-')).map(|word| word.text.clone()).collect();
    session.at(places, |session| session.run(words, call.input));
}
