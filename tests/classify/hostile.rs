//! Payloads made to break a reader: on a small stack nothing overflows, nothing panics, and what is told is bounded.

use countersign::classify::{Act, Doubt, Reading, http, sql};
use proptest::prelude::*;

/// The stack of a server's worker thread, in an unoptimized build as well.
const STACK: usize = 2 * 1024 * 1024;

/// Runs `work` on a stack of [`STACK`].
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
}

/// Checks the promises that every reading keeps.
fn bounded(reading: &Reading) {
    assert!(reading.acts.len() <= Reading::MAX_ACTS);
    assert!(reading.doubts.len() <= Reading::MAX_ACTS);
    for Act { targets, places, .. } in &reading.acts {
        for names in [targets, places] {
            assert!(names.len() <= Act::MAX_NAMES);
            assert!(names.iter().all(|name| name.len() <= Act::MAX_NAME));
        }
    }
    assert!(reading.doubts.iter().all(|doubt| doubt.part.chars().count() <= Doubt::SHOWN));
}

/// A text far beyond what is read, which must be a doubt.
fn too_much(text: &str) {
    let reading = sql::read(text);
    bounded(&reading);
    assert!(!reading.doubts.is_empty(), "{}", &text[..text.floor_char_boundary(80)]);
}

#[test]
fn deep_and_long_sql_is_refused_and_not_followed() {
    on_a_small_stack(|| {
        for depth in [100, 10_000, 500_000] {
            too_much(&format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth)));
            too_much(&format!("SELECT {}", "(".repeat(depth)));
            too_much(&format!("SELECT * FROM {}t", "(SELECT * FROM ".repeat(depth)));
            too_much(&"/*! ".repeat(depth));
            too_much(&format!("SELECT {}1", "/*! */".repeat(depth)));
        }
        for terms in [1_000, 50_000] {
            for operator in
                ["+", "OR", "AND", "||", "=", "::int", "->", "IS NULL OR", "UNION SELECT", "COLLATE x ||"]
            {
                too_much(&format!("SELECT 1 {}", format!("{operator} 1 ").repeat(terms)));
            }
            too_much(&format!("SELECT {} 1", "NOT ".repeat(terms)));
            too_much(&format!("SELECT {} 1", "- ".repeat(terms)));
            too_much(&format!("SELECT 1 {}", "IS NULL ".repeat(terms)));
            too_much(&format!("SELECT CAST(1 AS {}int{})", "ARRAY<".repeat(terms), ">".repeat(terms)));
            too_much(&format!("SELECT a{}", "[1]".repeat(terms)));
            too_much(&format!("{} SELECT 1", "EXPLAIN ".repeat(terms)));
            too_much(&format!("SELECT {}", "CASE WHEN 1 THEN ".repeat(terms)));
        }
        too_much(&"x".repeat(1 << 20));
        too_much(&"SELECT 1;".repeat(20_000));
    });
}

#[test]
fn the_largest_sql_that_is_read_fits_the_stack() {
    on_a_small_stack(|| {
        for operator in
            ["+", "OR", "AND", "=", "->", "UNION ALL SELECT", ", 1 +", "OR a =", "IS NULL +", "+ a +"]
        {
            for count in (1..=sql::MAX_OPERATORS).rev().step_by(3) {
                let chain = format!("{operator} 1 ").repeat(count);
                bounded(&sql::read(&format!("DELETE FROM t WHERE a {chain} = b")));
                bounded(&sql::read(&format!("DELETE FROM t WHERE a = b {chain} OR 1")));
                bounded(&sql::read(&format!("WITH x AS (DELETE FROM t WHERE a {chain}) SELECT 1")));
                bounded(&sql::read(&format!(
                    "DELETE FROM t WHERE {}a {chain}{}",
                    "(".repeat(9),
                    ")".repeat(9)
                )));
                bounded(&sql::read(&format!(
                    "DELETE FROM t WHERE 1 {}",
                    format!("{operator} 1 ").repeat(count)
                )));
                bounded(&sql::read(&format!("SELECT 1 {}", format!("{operator} 1 ").repeat(count))));
            }
        }
        for depth in 1..=sql::MAX_DEPTH {
            let (open, close) = ("(".repeat(depth), ")".repeat(depth));
            bounded(&sql::read(&format!("DELETE FROM t WHERE {open}1{close}")));
            bounded(&sql::read(&format!("SELECT {}1{close}", "(SELECT ".repeat(depth))));
            bounded(&sql::read(&format!("SELECT * FROM {}t{close}", "(SELECT * FROM ".repeat(depth))));
            bounded(&sql::read(&format!("SELECT {}1{close}", "f(1 + ".repeat(depth))));
            bounded(&sql::read(&format!(
                "SELECT 1 WHERE {}1{close}",
                "EXISTS (SELECT 1 WHERE ".repeat(depth)
            )));
            bounded(&sql::read(&format!(
                "SELECT {}1{}",
                "CASE WHEN 1 THEN ".repeat(depth),
                " END".repeat(depth)
            )));
            bounded(&sql::read(&format!(
                "WITH a AS {}SELECT 1{close} SELECT 1",
                "(WITH a AS ".repeat(depth)
            )));
        }
    });
}

/// Whatever the grammar repeats on its own account, the bounds come first.
#[test]
fn no_keyword_repeated_overflows_the_stack() {
    on_a_small_stack(|| {
        for keyword in sqlparser::keywords::ALL_KEYWORDS {
            for text in [
                format!("SELECT {}1", format!("{keyword} ").repeat(250)),
                format!("SELECT {}1", format!("{keyword} (").repeat(20)),
                format!("CREATE TABLE t (a {})", format!("{keyword}<").repeat(100)),
            ] {
                bounded(&sql::read(&text));
            }
        }
    });
}

#[test]
fn long_and_odd_urls_are_bounded() {
    on_a_small_stack(|| {
        let long = "../".repeat(400_000);
        for url in [
            long.as_str(),
            "",
            ":",
            "://",
            "http://",
            "http://[",
            "http://[::1",
            "http://@:",
            "http://%",
            "?",
            "//",
        ] {
            bounded(&http::read("GET", url, &[("Host", url), ("X-HTTP-Method-Override", url)]));
        }
        assert!(!http::read("GET", &format!("http://a/{long}"), &[]).doubts.is_empty());
        assert!(!http::read("", "", &[]).doubts.is_empty());
        let headers = vec![("a", "b"); http::MAX_HEADERS + 1];
        assert!(!http::read("GET", "http://a/", &headers).doubts.is_empty());
    });
}

/// Text of the pieces that the readers look for, so that random text reaches beyond the first error.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "SELECT",
        "DELETE FROM",
        "UPDATE t SET a =",
        "INSERT INTO t VALUES",
        "WHERE",
        "(",
        ")",
        "'",
        "\"",
        "`",
        "\\",
        ",",
        ";",
        "--",
        "/*",
        "*/",
        "/*!",
        "#",
        "$$",
        "1",
        "id",
        "=",
        "OR",
        "AND",
        "WITH x AS (",
        "\u{200b}",
        "é",
        "{{",
        "}}",
        "${",
        "}",
        "[",
        "]",
        "%",
        "://",
        "@",
        ":",
        "/",
        "..",
        "%2e",
        "\n",
        "0x7f",
        "CREATE",
        "ALTER TABLE t",
        "DROP",
        "SET",
        "COPY t TO",
        "EXPLAIN ANALYZE",
        "CASE WHEN",
        "END",
        "IN",
        "BETWEEN",
        "UNION",
        "LIMIT",
        "EXEC",
        "COPY t FROM STDIN",
        "CREATE PROCEDURE p AS BEGIN",
        "IF 1 THEN",
        "DO",
        "MERGE INTO",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in prop_oneof![any::<String>(), ".{0,300}", pieces()]) {
        bounded(&sql::read(&text));
        bounded(&http::read("GET", &text, &[(&text, &text)]));
        bounded(&http::read(&text, "http://example.com/", &[]));
    }

    #[test]
    fn sql_that_drops_is_never_milder(before in pieces()) {
        // A statement of its own at the end, unless a quote, a comment or a template before it took it in.
        let takes_in = ['\'', '"', '`', '$', '[', '#', '\\', '{', '}', '%', '/', '-'];
        let reading = sql::read(&format!("{} ; DROP TABLE users", before.replace(takes_in, " ")));
        prop_assert!(reading.acts.iter().any(|act| act.irreversible), "{reading:?}");
    }
}
