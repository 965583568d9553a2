//! The shell reader against its corpus, against the real bash, and against whatever chance comes up with.

use super::corpus;
use countersign::classify::{Act, Kind, Reading, Why, shell};
use proptest::prelude::*;
use std::process::Command;

const SHELL: &str = include_str!("shell.txt");
const COMMAND: &str = include_str!("command.txt");

fn doubts(reading: &Reading, why: Why) -> bool {
    reading.doubts.iter().any(|doubt| doubt.why == why)
}

fn acts(reading: &Reading) -> Vec<String> {
    reading.acts.iter().map(ToString::to_string).collect()
}

#[test]
fn command_lines_say_what_they_do() {
    corpus::check("shell.txt", SHELL, shell::read);
    corpus::check("command.txt", COMMAND, shell::read);
}

#[test]
fn the_corpus_is_large_enough() {
    let payloads = || corpus::payloads(SHELL).into_iter().chain(corpus::payloads(COMMAND));
    assert!(payloads().count() >= 220);
    let evasions =
        SHELL.split("# Evasions").skip(1).flat_map(|part| corpus::payloads(part.split_once('\n').unwrap().1));
    assert!(evasions.count() >= 60);
}

/// Nothing is run: `-n` only parses.
fn bash_accepts(text: &str) -> bool {
    let output = Command::new("bash").args(["-n", "-c", text]).env_clear().output().unwrap();
    output.status.success()
}

#[test]
fn bash_parses_what_is_read_without_a_doubt_of_syntax() {
    for text in corpus::payloads(SHELL).into_iter().chain(corpus::payloads(COMMAND)) {
        let ours = !doubts(&shell::read(&text), Why::Syntax);
        assert_eq!(ours, bash_accepts(&text), "{text}");
    }
}

#[test]
fn bash_refuses_what_is_refused_here() {
    let mut wrong = Vec::new();
    for text in [
        "echo 'a",
        "echo \"a",
        "echo `a",
        "echo $(a",
        "echo ${a",
        "(a",
        "a)",
        "{ a; ",
        "a; }",
        "if a; then b",
        "if a; b; fi",
        "if; then a; fi",
        "while a; do b",
        "for x in a; do b",
        "case a in b) c",
        "case a b) c;; esac",
        "a &&",
        "a ||",
        "a |",
        "| a",
        "&& a",
        "; a",
        "a ;; b",
        "a & & b",
        "a >",
        "a <",
        "a < > b",
        "fi",
        "done",
        "then a",
        "esac",
        "else",
        "f() ",
        "f() a",
        "()",
        "( )",
        "{ }",
        "a (b)",
        "a b()",
        "[[ a",
        "do a",
        "!(",
        "a | | b",
        "echo $(a; ; b)",
        "echo $((1",
        "if a; then fi",
        "while; do a; done",
        "a; ; b",
        "a=(b",
        "for x; done",
        "case a in b c) d;; esac",
        "coproc",
        "function",
    ] {
        let accepted = (bash_accepts(text), !doubts(&shell::read(text), Why::Syntax));
        if accepted != (false, false) {
            wrong.push((text, accepted));
        }
    }
    assert!(wrong.is_empty(), "accepted by (bash, us): {wrong:?}");
}

/// Only `printf` is run, in an empty environment and an empty folder.
fn words_of_bash(words: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("printf '%s\\0' {words}");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script])
        .env_clear()
        .env("HOME", "~")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder.path());
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{words}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn words_are_those_that_bash_makes_of_them() {
    let mut wrong = String::new();
    for puzzle in [
        "a b  c",
        "'a b' c",
        "\"a b\" c",
        r"a\ b c",
        r"'a'\''b'",
        r#""a\"b""#,
        r#""a\b\$\`\\""#,
        "a'b'\"c\"d",
        "'' a",
        "\"\"",
        "a''b",
        r"\a\'\\",
        r"$'a\tb\n'",
        r"$'\x41\102\u0043\U00000044'",
        r"$'\e\a\?\''",
        r"$'\cA'",
        r"$'\q\x'",
        r"$'a\0b'c",
        r"$'\1012'",
        r#"$"a b""#,
        "a\\\nb",
        "\"a\\\nb\"",
        "'a\\\nb'",
        "{a,b}",
        "x{a,b}y",
        "{a,b}{c,d}",
        "{a,{b,c}}",
        "{a}",
        "{}",
        "{a,b",
        "a,b}",
        "{1..5}",
        "{5..1}",
        "{01..03}",
        "{a..e}",
        "{1..10..3}",
        "{e..a..2}",
        "{,}",
        "x{,}",
        "'{a,b}'",
        "{a,'b c'}",
        r"{a\,b,c}",
        "{{a,b},c}",
        "{a,b{c,d}e}",
        "{a..}",
        "{1..b}",
        "a{b}c{d,e}",
        "{a,b}\"{c,d}\"",
        "${IFS}a${IFS}b",
        "a${IFS}b",
        "\"a${IFS}b\"",
        "x$IFS",
        "~x",
        "$HOME",
        "\"$HOME\"/a",
        "${HOME}b",
        "'$HOME'",
        r"\$HOME",
        "$",
        "a$",
        "\"$\"",
        "$%",
        "a#b",
        "a #b",
        "'#a'",
        "$(echo a b)",
        "\"$(echo a b)\"",
        "$(printf 'a\\n\\n')b",
        "`echo a`",
        "x`echo a b`y",
        "$(echo $(echo a))",
        "$(echo '$HOME')",
        "`echo \\`echo a\\``",
        "\"`echo \\\"a b\\\"`\"",
        "\"$(echo \"a b\")\"",
        "$(echo)",
        "a$(echo)b",
        "\"$(echo)\"",
        "\"'\"",
        "'\"'",
        r#""\'""#,
        "a\\ ",
        "-n",
        "--",
        "=a",
        "a=b",
        "%s",
        r"\\",
        r"'\'",
        "ä'ö'\"ü\"",
        "日本 '語'",
        "!",
        "a!b",
        "\"!\"",
        "{a,b,}",
        "$(printf %s a)",
        "${IFS}",
        "\"${IFS}\"",
        "a{1..3}b",
        "{3..-1}",
        "{-1..1}",
        "a:{b,c}",
        "[",
        "]",
        "^",
        "@",
        "+",
        ":",
        "a{,b}c",
        "{\"a\",b}",
        "{a' ',b}",
        "{$'x',y}",
    ] {
        let ours = shell::words(&format!("printf {puzzle}"));
        let bash = words_of_bash(puzzle);
        // Without a word, printf prints its format once.
        let none = bash == [""] && ours.as_ref().is_some_and(|ours| ours.len() == 1);
        let bash = if none { Vec::new() } else { bash };
        if ours.as_ref().and_then(|ours| ours.get(1..)) != Some(&bash[..]) {
            wrong.push_str(&format!("{puzzle}\n  here: {ours:?}\n  bash: {bash:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_depends_on_the_world_is_not_known() {
    for word in [
        "$x",
        "${x}",
        "\"$x\"",
        "$@",
        "$1",
        "$((1+1))",
        "*",
        "a?",
        "[ab]",
        "$(ls)",
        "${HOME%x}",
        "${#HOME}",
        "${!x}",
        "$RANDOM",
        "$(echo 'a\\b')",
    ] {
        assert_eq!(shell::words(&format!("printf {word}")), None, "{word}");
    }
}

#[test]
fn an_argv_is_not_expanded() {
    for (words, expected) in [
        (&["rm", "-rf", "/srv"][..], "delete: rm -rf on /srv, everything, for good"),
        (&["rm", "$HOME"], "delete: rm on $HOME, everything, for good"),
        (&["rm", "a b"], "delete: rm on a b, at most 1, for good"),
        (&["echo", "$(rm -rf /)"], "read: nothing"),
        (&["bash", "-c", "rm -rf /srv"], "delete: rm -rf on /srv, everything, for good"),
        (
            &["kubectl", "--context", "prod", "delete", "ns", "a"],
            "delete: kubectl delete namespace on ns/a at prod, everything, for good",
        ),
    ] {
        let reading = shell::read_argv(words);
        assert_eq!((acts(&reading), reading.doubts.len()), (vec![expected.to_owned()], 0), "{words:?}");
    }
    assert!(doubts(&shell::read_argv(&[]), Why::Missing));
    assert!(doubts(&shell::read_argv(&["a"; 5_000]), Why::TooMuch));
    assert!(doubts(&shell::read_argv(&["ѕudo", "ls"]), Why::Disguised));
}

/// What is built to be deep, long or to multiply: it is refused by its size, on a stack of two megabytes.
#[test]
fn bombs_are_too_much() {
    let deep = |open: &str, close: &str| format!("{}rm -rf /{}", open.repeat(200), close.repeat(200));
    let doubled: String = (0..40).map(|n| format!("X{}=\"$X{n}$X{n}\";", n + 1)).collect();
    let evals: String = (0..20).map(|n| format!("E{}='eval \"$E{n}\"; eval \"$E{n}\"';", n + 1)).collect();
    let quoted = (0..40).fold("rm".to_owned(), |inner, _| {
        format!("bash -c '{}'", inner.replace('\'', r"'\''")).chars().take(60_000).collect()
    });
    let bombs = [
        deep("$(", ")"),
        deep("(", ")"),
        deep("{ ", "; }"),
        deep("${x:-", "}"),
        deep("$((", "))"),
        deep("\"$(", ")\""),
        deep("if ", "; then a; fi"),
        deep("f() { ", "; }"),
        deep("<(", ")"),
        deep("a[$(", ")]=1"),
        deep("$[", "]"),
        "(".repeat(60_000),
        "$(".repeat(30_000),
        "{".repeat(60_000) + ",",
        "{a,b}".repeat(30),
        "{1..999999999}".to_owned(),
        "{a,".repeat(10_000) + &"}".repeat(10_000),
        "a ".repeat(30_000),
        "sudo ".repeat(3_000) + "rm",
        "eval ".repeat(3_000) + "rm",
        "xargs ".repeat(2_000) + "rm",
        "env -S 'env -S '".repeat(500),
        "a".repeat(70_000),
        format!("X0=aaaaaaaaaaaaaaaa;{doubled} $X40"),
        format!("E0='rm -rf /';{evals} eval \"$E20\""),
        quoted,
        "`".repeat(50_000),
        "rm a;".repeat(2_000),
        "x=1;".repeat(15_000),
    ];
    let run = move || {
        for bomb in &bombs {
            let reading = shell::read(bomb);
            let shown: String = bomb.chars().take(40).collect();
            let grave = reading.acts.iter().any(|act| act.kind == Kind::Delete);
            assert!(
                grave || !reading.doubts.is_empty() || bomb.starts_with("x=1;") || bomb.starts_with("env"),
                "{shown}"
            );
            assert!(reading.acts.iter().all(|act| act.what.len() <= Act::MAX_NAME), "{shown}");
            assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

/// One way of writing a character so that the shell sees the same.
fn written(c: char, way: u8) -> String {
    match way % 9 {
        0 => c.to_string(),
        1 => format!("\\{c}"),
        2 => format!("'{c}'"),
        3 => format!("\"{c}\""),
        4 => format!("$'\\x{:02x}'", u32::from(c)),
        5 => format!("$'\\{:03o}'", u32::from(c)),
        6 => format!("{c}''"),
        7 => format!("$(printf {c})"),
        _ => format!("\\\n{c}"),
    }
}

fn quoted(word: &str, ways: &[u8]) -> String {
    word.chars().zip(ways.iter().cycle()).map(|(c, way)| written(c, *way)).collect()
}

const LINES: &[(&str, &str)] = &[
    ("rm", "-rf /srv"),
    ("kubectl", "--context prod delete ns a"),
    ("git", "push --force origin main"),
    ("sudo", "reboot"),
    ("terraform", "destroy"),
    ("bash", "-c 'rm -rf /'"),
    ("dd", "if=/dev/zero of=/dev/sda"),
    ("psql", "-c 'DROP TABLE users'"),
    ("find", "/ -delete"),
    ("frobnicate", "x"),
    ("python3", "-c 1"),
    ("eval", "'rm -rf /'"),
    ("xargs", "rm"),
    ("exec", "rm a"),
];

const TOKENS: &[&str] = &[
    "rm",
    "-rf",
    "/",
    "sudo",
    "bash",
    "-c",
    "eval",
    "echo",
    "$(",
    ")",
    "`",
    "'",
    "\"",
    "\\",
    "$",
    "${",
    "}",
    "{",
    "(",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "<",
    ">",
    ">>",
    "<<EOF",
    "EOF",
    "\n",
    " ",
    "  ",
    "if",
    "then",
    "fi",
    "for",
    "x",
    "in",
    "do",
    "done",
    "while",
    "case",
    "esac",
    ";;",
    "=",
    "X=",
    "$X",
    "*",
    "?",
    "[",
    "]",
    "[[",
    "]]",
    "((",
    "))",
    "#",
    "!",
    "~",
    ",",
    "..",
    "$'",
    "\\x41",
    "function",
    "f()",
    "kubectl",
    "delete",
    "git",
    "-",
    "--",
    "xargs",
    "find",
    "-exec",
    "{}",
    "\\;",
    "psql",
    "DROP TABLE a",
    "curl",
    "http://a",
    "base64",
    "-d",
    "time",
    "coproc",
    "<(",
    "<<<",
    "2>&1",
    "\u{200b}",
    "ѕ",
    "é",
    "\t",
    "1",
];

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let reading = shell::read(&text);
        prop_assert!(!reading.acts.is_empty() || !reading.doubts.is_empty());
        prop_assert!(reading.acts.len() <= Reading::MAX_ACTS);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let reading = shell::read(&text);
        prop_assert!(!reading.acts.is_empty() || !reading.doubts.is_empty());
    }

    #[test]
    fn any_soup_of_tokens_is_read(
        tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..60),
        glue in proptest::sample::select(&["", " "][..]),
    ) {
        let text = tokens.join(glue);
        let reading = shell::read(&text);
        prop_assert!(!reading.acts.is_empty() || !reading.doubts.is_empty(), "{}", text);
        prop_assert_eq!(&reading, &shell::read(&text));
        let _ = shell::read_argv(&tokens);
        // In a shell inside a shell everything is there again.
        let nested = shell::read_argv(&["sh", "-c", "--", &text]);
        if !doubts(&reading, Why::TooMuch) && !doubts(&nested, Why::TooMuch) {
            prop_assert_eq!(&nested.acts, &reading.acts, "{}", text);
        }
    }

    /// Whatever the quotes, what the plain line does is there, or there is a doubt that was not.
    #[test]
    fn quoting_a_name_never_makes_the_reading_milder(
        line in proptest::sample::select(LINES),
        ways in proptest::collection::vec(any::<u8>(), 1..8),
        prefix in proptest::sample::select(&["", "true; ", "sudo ", "X=1 ", "env ", "nohup ", "a | ", "( "][..]),
    ) {
        let (name, rest) = line;
        let suffix = if prefix == "( " { " )" } else { "" };
        let plain = shell::read(&format!("{prefix}{name} {rest}{suffix}"));
        let text = format!("{prefix}{} {rest}{suffix}", quoted(name, &ways));
        let other = shell::read(&text);
        let found = acts(&other);
        for act in acts(&plain) {
            prop_assert!(found.contains(&act), "{text}: {found:?} without {act}");
        }
        for doubt in &plain.doubts {
            prop_assert!(other.doubts.iter().any(|found| found.why == doubt.why), "{text}: no {doubt}");
        }
    }

    /// A nothing in the middle of a name: what the name would be without it is read, and doubted.
    #[test]
    fn a_variable_in_a_name_is_a_doubt(
        line in proptest::sample::select(LINES),
        at in any::<proptest::sample::Index>(),
        nothing in proptest::sample::select(&["$@", "$*", "${x}", "$9", "${x:-}", "\"$x\"", "$(cat nothing)", "${x#y}"][..]),
    ) {
        let (name, rest) = line;
        let at = at.index(name.len());
        let text = format!("{}{nothing}{} {rest}", &name[..at], &name[at..]);
        prop_assert!(doubts(&shell::read(&text), Why::Dynamic), "{text}");
    }
}
