//! The JUnit report of suites, as build servers read it.

use super::suite::Run;
use core::fmt::Write as _;

/// One `testsuite` for each suite; a case that failed has a `failure` with what differs.
pub(super) fn report(runs: &[Run]) -> String {
    let total: usize = runs.iter().map(|run| run.report.cases.len()).sum();
    let failed: usize = runs.iter().map(|run| run.report.failed()).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"countersign policy test\" tests=\"{total}\" failures=\"{failed}\">"
    );
    for Run { file, report } in runs {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">",
            escaped(file),
            report.cases.len(),
            report.failed()
        );
        for case in &report.cases {
            let (name, file) = (escaped(&case.name), escaped(file));
            let _ = write!(
                xml,
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"",
                case.line
            );
            if case.differences.is_empty() {
                xml.push_str("/>\n");
                continue;
            }
            let keys: Vec<&str> = case.differences.iter().map(|difference| difference.key).collect();
            let _ = writeln!(xml, ">\n      <failure message=\"{}\">", escaped(&keys.join(", ")));
            for difference in &case.differences {
                let (expected, found) = (escaped(&difference.expected), escaped(&difference.found));
                let _ = writeln!(xml, "{}: expected {expected}, found {found}", difference.key);
            }
            xml.push_str("</failure>\n    </testcase>\n");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text for an element or an attribute. What XML 1.0 has no way to write becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_an_attribute() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'\n\u{1b}"),
            "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;&#10;\u{fffd}"
        );
    }
}
