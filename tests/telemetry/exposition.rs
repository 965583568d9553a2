//! A strict reader of the OpenMetrics text format, which refuses whatever a scraper might take amiss.

use std::collections::{BTreeMap, BTreeSet};

/// A metric as it is declared, with its samples.
#[derive(Debug, Default)]
pub(crate) struct Metric {
    pub(crate) kind: String,
    pub(crate) unit: Option<String>,
    pub(crate) help: String,
    /// By name and labels.
    pub(crate) samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

/// Everything that was told, by the metrics' names.
#[derive(Debug)]
pub(crate) struct Exposition(pub(crate) BTreeMap<String, Metric>);

impl Exposition {
    /// Reads it, and panics at what does not follow the format.
    pub(crate) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
        let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
        let mut current = String::new();
        for line in body.lines() {
            assert_eq!(line.trim(), line, "blank around a line");
            assert!(!line.is_empty(), "an empty line");
            if let Some(said) = line.strip_prefix("# ") {
                let (what, rest) = said.split_once(' ').unwrap();
                let (name, value) = rest.split_once(' ').unwrap();
                if name != current {
                    assert!(!metrics.contains_key(name), "`{name}` is told in two places");
                    current = name.to_owned();
                }
                let metric = metrics.entry(current.clone()).or_default();
                assert!(metric.samples.is_empty(), "`{line}` after samples");
                let before = match what {
                    "HELP" => std::mem::replace(&mut metric.help, value.to_owned()),
                    "TYPE" => std::mem::replace(&mut metric.kind, value.to_owned()),
                    "UNIT" => metric.unit.replace(value.to_owned()).unwrap_or_default(),
                    _ => panic!("what is `{line}`?"),
                };
                assert_eq!(before, "", "`{name}` says {what} twice");
                continue;
            }
            let (sample, value) = read_sample(line);
            let metric = metrics.get_mut(&current).unwrap_or_else(|| panic!("`{line}` was not declared"));
            let suffixes: &[&str] = match metric.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                other => panic!("`{current}` is a {other}"),
            };
            assert!(
                suffixes.iter().any(|suffix| sample.0 == format!("{current}{suffix}")),
                "`{}` is no sample of the {} `{current}`",
                sample.0,
                metric.kind
            );
            assert!(metric.kind == "gauge" || value >= 0.0, "`{line}` is below zero");
            assert!(metric.samples.insert(sample, value).is_none(), "`{line}` comes twice");
        }
        let read = Self(metrics);
        read.check();
        read
    }

    fn check(&self) {
        for (name, metric) in &self.0 {
            assert!(!metric.samples.is_empty(), "`{name}` has no samples");
            assert!(metric.help.ends_with('.') && metric.help.len() > 10, "`{name}`: {}", metric.help);
            assert!(name.starts_with("countersign_") || name.starts_with("process_"), "{name}");
            if let Some(unit) = &metric.unit {
                assert!(name.ends_with(&format!("_{unit}")), "`{name}` is in {unit}");
            }
            if metric.kind == "histogram" {
                histogram(name, metric);
            }
        }
    }

    /// The sum of a counter's or gauge's samples with these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let declared = name.strip_suffix("_total").unwrap_or(name);
        let of_histogram = name.strip_suffix("_count").unwrap_or(declared);
        let metric = self.0.get(declared).or(self.0.get(of_histogram));
        let metric = metric.unwrap_or_else(|| panic!("there is no `{name}`"));
        let has = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| of.get(*label).is_some_and(|had| had == value))
        };
        metric
            .samples
            .iter()
            .filter(|((sample, of), _)| sample == name && has(of))
            .map(|(_, value)| value)
            .sum()
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> usize {
        self.0.values().map(|metric| metric.samples.len()).sum()
    }

    /// Each metric under the name that queries use (counters with their `_total`), with its labels' names.
    pub(crate) fn names(&self) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let named = self.0.iter().map(|(name, metric)| {
            let labels = metric.samples.keys().flat_map(|(_, labels)| labels.keys().cloned());
            let labels = labels.filter(|label| label != "le").collect();
            let name = if metric.kind == "counter" { format!("{name}_total") } else { name.clone() };
            (name, (metric.kind.clone(), labels))
        });
        named.collect()
    }
}

/// Buckets rise, end with infinity, and come to the count.
fn histogram(name: &str, metric: &Metric) {
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for ((sample, labels), value) in &metric.samples {
        if sample.ends_with("_bucket") {
            let mut labels = labels.clone();
            let edge = labels.remove("le").expect("a bucket has an edge");
            let edge = if edge == "+Inf" { f64::INFINITY } else { edge.parse().unwrap() };
            series.entry(labels).or_default().push((edge, *value));
        }
    }
    for (labels, mut buckets) in series {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{name}");
        let (edge, all) = buckets[buckets.len() - 1];
        assert_eq!(edge, f64::INFINITY, "{name}");
        assert_eq!(metric.samples[&(format!("{name}_count"), labels)], all, "{name}");
    }
}

fn read_sample(line: &str) -> ((String, BTreeMap<String, String>), f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, rest) = line.split_at(end);
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(!name.is_empty() && name.chars().all(letters), "the name in `{line}`");
    let mut labels = BTreeMap::new();
    let rest = match rest.strip_prefix('{') {
        None => rest,
        // A family that is told only where it makes sense, without labels.
        Some(rest) if rest.starts_with('}') => &rest[1..],
        Some(mut rest) => loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            assert!(label.chars().all(letters), "the label `{label}` in `{line}`");
            let (value, after) = read_quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "`{label}` twice in `{line}`");
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => break after.strip_prefix('}').unwrap(),
            }
        },
    };
    let value = rest.strip_prefix(' ').unwrap();
    let value = if value == "NaN" { f64::NAN } else { value.parse().unwrap_or_else(|_| panic!("`{line}`")) };
    ((name.to_owned(), labels), value)
}

fn read_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                other @ ('\\' | '"') => other,
                other => panic!("`\\{other}` means nothing"),
            }),
            other => value.push(other),
        }
    }
    panic!("a label's value does not end: {text}")
}

#[test]
fn what_is_amiss_is_refused() {
    let good = "# HELP countersign_x A thing of note.\n# TYPE countersign_x gauge\ncountersign_x{a=\"b\"} 1\n# EOF\n";
    assert_eq!(Exposition::read(good).sum("countersign_x", &[("a", "b")]), 1.0);
    let amiss = [
        good.replace("# EOF\n", ""),
        good.replace("gauge", "counter"),
        good.replace("countersign_x{a=\"b\"} 1\n", "countersign_x{a=\"b\"} 1\ncountersign_x{a=\"b\"} 2\n"),
        good.replace("countersign_x{a=\"b\"} 1\n", ""),
        good.replace("{a=\"b\"}", "{a=\"b}"),
        good.replace(" 1\n", " one\n"),
        good.replace("countersign_x{", "countersign_y{"),
        good.replace("# TYPE", "# HELP"),
    ];
    for text in amiss {
        assert!(std::panic::catch_unwind(|| Exposition::read(&text)).is_err(), "{text}");
    }
}
