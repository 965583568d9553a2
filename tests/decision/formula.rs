//! The published formula (R1–R3), computed by an independent naive implementation, and what follows from it (R4).

use super::support::{Case, NOON, published};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::risk::{Contribution, Environment, FactorName, Level, Model, Score, Sensitivity, Source};
use proptest::prelude::*;

/// S0's `assess_risk`, line by line, in floating point. `environment` is what its own lookup would find.
fn naive(case: &Published) -> (f64, &'static str) {
    let base = match case.kind {
        "read" => 0.1,
        "write" => 0.3,
        "update" => 0.4,
        "delete" => 0.7,
        "admin" => 0.8,
        "external_call" => 0.5,
        _ => 0.5,
    };
    let environment = if case.resource.contains("prod") {
        0.6
    } else if case.resource.contains("staging") {
        0.3
    } else {
        0.0
    };
    let patterns = ["customer", "user", "payment", "credential", "password", "token", "api_key", "ssn"];
    let sensitivity = if patterns.iter().any(|pattern| case.resource.contains(pattern)) {
        0.7
    } else if case.limit.is_some_and(|limit| limit > 1000) {
        0.5
    } else {
        0.2
    };
    let behaviour = if case.anomalies > 5 {
        0.8
    } else if case.anomalies > 2 {
        0.5
    } else {
        0.1
    };
    let scope = if case.filter == Some("*") || case.where_clause == Some("1=1") {
        0.8
    } else if case.rows.unwrap_or(1) > 10_000 {
        0.7
    } else if case.rows.unwrap_or(1) > 1000 {
        0.4
    } else {
        0.1
    };
    let timing = if case.hour < 6 || case.hour >= 22 { 0.3 } else { 0.0 };
    let score: f64 = base * 0.25
        + environment * 0.25
        + sensitivity * 0.20
        + behaviour * 0.15
        + scope * 0.10
        + timing * 0.05;
    // Sums of decimals in binary land a hair beside them; the published thresholds mean the decimals.
    let score = (score * 1e6).round() / 1e6;
    let level = if score >= 0.8 {
        "critical"
    } else if score >= 0.6 {
        "high"
    } else if score >= 0.3 {
        "medium"
    } else {
        "low"
    };
    (score, level)
}

#[derive(Clone, Copy, Debug)]
struct Published {
    kind: &'static str,
    resource: &'static str,
    limit: Option<u64>,
    filter: Option<&'static str>,
    where_clause: Option<&'static str>,
    rows: Option<u64>,
    anomalies: u32,
    hour: u64,
}

impl Published {
    fn case(&self) -> Case {
        let mut members = Vec::new();
        members.extend(self.limit.map(|limit| format!("\"limit\":{limit}")));
        members.extend(self.filter.map(|filter| format!("\"filter\":\"{filter}\"")));
        members.extend(self.where_clause.map(|clause| format!("\"where_clause\":\"{clause}\"")));
        members.extend(self.rows.map(|rows| format!("\"affected_rows_estimate\":{rows}")));
        let parameters = format!("{{{}}}", members.join(","));
        let mut case = Case::new(&format!("db.{}", self.kind), self.resource, &parameters);
        case.anomalies = self.anomalies;
        case.at = Moment::from_unix_seconds(NOON - 12 * 3600 + self.hour * 3600);
        case
    }
}

const KINDS: [&str; 7] = ["read", "write", "update", "external_call", "delete", "admin", "frobnicate"];
const RESOURCES: [&str; 9] = [
    "test-db/orders",
    "test/customers",
    "staging-db/orders",
    "staging.users",
    "prod-db/orders",
    "prod-db/customers",
    "db-prod-eu/payment",
    "prod/api_key",
    "test-ssn",
];

/// The formula of the published model and nothing else: no floors, and what says nothing is a test environment,
/// as the published code has it.
fn formula() -> countersign::policy::Policy {
    published("risk: {standard_floors: false, environment: {unknown: test}}\n")
}

#[test]
fn every_combination_scores_as_published() {
    let policy = formula();
    let mut cases = 0;
    for kind in KINDS {
        for resource in RESOURCES {
            for (limit, filter, where_clause, rows) in [
                (None, None, None, None),
                (Some(1000), None, None, Some(1000)),
                (Some(1001), None, None, Some(1001)),
                (None, Some("*"), None, None),
                (None, None, Some("1=1"), Some(20_000)),
                (None, Some("id = 7"), None, Some(10_000)),
                (None, None, None, Some(10_001)),
            ] {
                for anomalies in [0, 2, 3, 5, 6] {
                    for hour in [0, 5, 6, 12, 21, 22, 23] {
                        let case =
                            Published { kind, resource, limit, filter, where_clause, rows, anomalies, hour };
                        let (score, level) = naive(&case);
                        let decision = case.case().decided(&policy);
                        let assessment = &decision.assessment;
                        let ours = f64::from(assessment.score.thousandths()) / 1000.0;
                        assert!((ours - score).abs() < 1e-9, "{case:?}: {ours} and not {score}");
                        assert_eq!(assessment.level.as_str(), level, "{case:?}");
                        cases += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cases, 7 * 9 * 7 * 5 * 7);
}

/// Sixty cases computed by hand from the published tables: kind, environment, sensitivity, behaviour, scope, timing,
/// in thousandths of the score.
#[test]
fn a_table_of_cases_by_hand() {
    let table: &[(&str, &str, &str, u32, u64, u16, Level)] = &[
        // kind, resource, parameters, anomalies, hour, thousandths, level
        ("read", "test-db", "{}", 0, 12, 90, Level::Low),
        ("read", "test-db", "{}", 0, 23, 105, Level::Low),
        ("read", "staging-db", "{}", 0, 12, 165, Level::Low),
        ("read", "prod-db", "{}", 0, 12, 240, Level::Low),
        ("read", "prod-db", "{}", 0, 3, 255, Level::Low),
        ("read", "prod-customers", "{}", 0, 12, 340, Level::Medium),
        ("read", "test-customers", "{}", 0, 12, 190, Level::Low),
        ("read", "staging-customers", "{}", 0, 12, 265, Level::Low),
        ("read", "prod-db", r#"{"limit":1000}"#, 0, 12, 240, Level::Low),
        ("read", "prod-db", r#"{"limit":1001}"#, 0, 12, 300, Level::Medium),
        ("read", "prod-db", r#"{"limit":"5000"}"#, 0, 12, 300, Level::Medium),
        ("read", "prod-customers", r#"{"limit":5000}"#, 0, 12, 340, Level::Medium),
        ("read", "prod-db", r#"{"filter":"*"}"#, 0, 12, 310, Level::Medium),
        ("read", "prod-db", "{}", 3, 12, 300, Level::Medium),
        ("read", "prod-db", "{}", 6, 12, 345, Level::Medium),
        ("read", "prod-db", "{}", 2, 12, 240, Level::Low),
        ("read", "prod-db", "{}", 5, 12, 300, Level::Medium),
        ("write", "test-db", "{}", 0, 12, 140, Level::Low),
        ("write", "staging-db", "{}", 0, 12, 215, Level::Low),
        ("write", "prod-db", "{}", 0, 12, 290, Level::Low),
        ("write", "prod-db", "{}", 0, 22, 305, Level::Medium),
        ("write", "prod-users", "{}", 0, 12, 390, Level::Medium),
        ("write", "prod-db", r#"{"affected_rows_estimate":1001}"#, 0, 12, 320, Level::Medium),
        ("write", "prod-db", r#"{"affected_rows_estimate":10001}"#, 0, 12, 350, Level::Medium),
        ("write", "staging-users", "{}", 6, 0, 435, Level::Medium),
        ("update", "test-db", "{}", 0, 12, 165, Level::Low),
        ("update", "staging-db", "{}", 0, 12, 240, Level::Low),
        ("update", "prod-db", "{}", 0, 12, 315, Level::Medium),
        ("update", "prod-payments", "{}", 0, 12, 415, Level::Medium),
        ("update", "prod-payments", r#"{"where_clause":"1=1"}"#, 0, 12, 485, Level::Medium),
        ("update", "prod-payments", r#"{"where_clause":"1=1"}"#, 6, 23, 605, Level::High),
        ("update", "staging-db", r#"{"limit":2000}"#, 0, 5, 315, Level::Medium),
        ("external_call", "test-db", "{}", 0, 12, 190, Level::Low),
        ("external_call", "staging-db", "{}", 0, 12, 265, Level::Low),
        ("external_call", "prod-db", "{}", 0, 12, 340, Level::Medium),
        ("external_call", "prod-token", "{}", 0, 12, 440, Level::Medium),
        ("external_call", "prod-token", "{}", 6, 1, 560, Level::Medium),
        ("delete", "test-db", "{}", 0, 12, 240, Level::Low),
        ("delete", "test-users", "{}", 0, 12, 340, Level::Medium),
        ("delete", "staging-db", "{}", 0, 12, 315, Level::Medium),
        ("delete", "staging-users", "{}", 0, 12, 415, Level::Medium),
        ("delete", "prod-db", "{}", 0, 12, 390, Level::Medium),
        ("delete", "prod-db", r#"{"filter":"*"}"#, 0, 12, 460, Level::Medium),
        ("delete", "prod-db", r#"{"filter":"*","limit":5000}"#, 0, 12, 520, Level::Medium),
        ("delete", "prod-customers", "{}", 0, 12, 490, Level::Medium),
        ("delete", "prod-customers", r#"{"filter":"*"}"#, 0, 12, 560, Level::Medium),
        ("delete", "prod-customers", r#"{"filter":"*"}"#, 0, 23, 575, Level::Medium),
        ("delete", "prod-customers", r#"{"filter":"*"}"#, 3, 12, 620, Level::High),
        ("delete", "prod-customers", r#"{"filter":"*"}"#, 6, 23, 680, Level::High),
        ("delete", "prod-customers", r#"{"affected_rows_estimate":50000}"#, 6, 12, 655, Level::High),
        ("admin", "test-db", "{}", 0, 12, 265, Level::Low),
        ("admin", "staging-db", "{}", 0, 12, 340, Level::Medium),
        ("admin", "prod-db", "{}", 0, 12, 415, Level::Medium),
        ("admin", "prod-credentials", "{}", 0, 12, 515, Level::Medium),
        ("admin", "prod-credentials", "{}", 6, 12, 620, Level::High),
        ("admin", "prod-credentials", r#"{"filter":"*"}"#, 0, 12, 585, Level::Medium),
        ("admin", "prod-credentials", r#"{"filter":"*"}"#, 6, 23, 705, Level::High),
        ("frobnicate", "test-db", "{}", 0, 12, 190, Level::Low),
        ("frobnicate", "staging-db", "{}", 0, 12, 265, Level::Low),
        ("frobnicate", "prod-db", "{}", 0, 12, 340, Level::Medium),
        ("frobnicate", "prod-passwords", "{}", 6, 23, 560, Level::Medium),
    ];
    assert!(table.len() >= 60);
    let policy = formula();
    for (kind, resource, parameters, anomalies, hour, thousandths, level) in table {
        let mut case = Case::new(&format!("db.{kind}"), resource, parameters);
        case.anomalies = *anomalies;
        case.at = Moment::from_unix_seconds(NOON - 12 * 3600 + hour * 3600);
        let assessment = case.decided(&policy).assessment;
        let what = format!("{kind} {resource} {parameters} {anomalies} {hour}");
        assert_eq!((assessment.score.thousandths(), assessment.level), (*thousandths, *level), "{what}");
    }
}

#[test]
fn the_sum_tops_out_at_705_and_a_bulk_delete_of_customers_is_only_medium() {
    assert_eq!(Model::default().range().highest.thousandths(), 705);
    let bulk = Case::new("db.delete", "prod-db/customers", r#"{"filter":"*","limit":5000}"#);

    let by_sum = bulk.decided(&formula()).assessment;
    assert_eq!((by_sum.score.thousandths(), by_sum.level), (560, Level::Medium));

    let lifted = bulk.decided(&published(""));
    assert_eq!(lifted.assessment.score.thousandths(), 560);
    assert_eq!(lifted.assessment.level_of_score, Level::Medium);
    assert_eq!(lifted.assessment.level, Level::Critical);
    assert!(lifted.denies());
    let floors: Vec<&str> = lifted.assessment.floors.iter().map(|floor| floor.floor.as_str()).collect();
    assert_eq!(floors, ["wildcard-delete-in-production", "destructive-on-sensitive-production-data"]);

    let single =
        Case::new("db.delete", "prod-db/customers", r#"{"filter":"id = 7"}"#).decided(&published(""));
    assert_eq!((single.assessment.level_of_score, single.assessment.level), (Level::Medium, Level::High));
    assert_eq!(single.terms().unwrap().requirement.people(), 2);
}

#[test]
fn a_payload_that_cannot_be_read_is_risky() {
    let policy = published("");
    let case = Case::new("db.delete", "prod-db/orders", "{}");
    let raw = Operation::from_payload("db.delete", "prod-db/orders", b"DELETE FROM orders").unwrap();
    let (read, opaque) = (case.decided(&policy).assessment, case.decided_as(&raw, &policy).assessment);
    assert_eq!((read.score.thousandths(), read.level), (390, Level::Medium));
    assert_eq!((opaque.score.thousandths(), opaque.level), (460, Level::High));
}

#[test]
fn an_action_that_the_policy_does_not_know_is_never_low() {
    let case = Case::new("db.frobnicate", "test-db/orders", "{}");
    let decision = case.decided(&published(""));
    assert_eq!(decision.assessment.level_of_score, Level::Low);
    assert_eq!(decision.assessment.level, Level::Medium);
    assert_eq!(decision.outcome.as_str(), "escalate");
}

#[test]
fn the_quiet_hours_are_the_policys_own() {
    let quiet = |more: &str, hour: u64| {
        let mut case = Case::new("db.read", "test-db", "{}");
        case.at = Moment::from_unix_seconds(NOON - 12 * 3600 + hour * 3600);
        let policy = published(&format!("risk: {{timing: {{{more}}}}}\n"));
        let assessment = case.decided(&policy).assessment;
        assessment.factors.iter().find(|factor| factor.name == FactorName::Timing).unwrap().value
            > Score::ZERO
    };
    assert!(quiet("", 22) && quiet("", 5) && !quiet("", 6) && !quiet("", 21));
    // 20:00 UTC is 22:00 two hours east of it; 23:00 UTC is 16:00 or 17:00 in Denver; 12:00 is 2:00 ten hours west.
    assert!(quiet("time_zone: '+02:00'", 20) && !quiet("time_zone: '+02:00'", 4));
    assert!(!quiet("time_zone: America/Denver", 23) && quiet("time_zone: '-10:00'", 12));
    assert!(quiet("from: '12:00', to: '13:00'", 12) && !quiet("from: '12:00', to: '13:00'", 13));
    assert!(!quiet("from: '12:00', to: '12:00'", 12));
    let epoch = Case { at: Moment::from_unix_millis(0), ..Case::new("db.read", "test-db", "{}") };
    let west = published("risk: {timing: {time_zone: '-14:00'}}\n");
    assert!(epoch.decided(&west).reasons.iter().any(|reason| reason.contains("10:00 is outside")));
}

proptest! {
    #[test]
    fn the_sum_is_monotone_in_each_factor(
        values in prop::array::uniform6(0_u16..=1000),
        weights in prop::array::uniform6(0_u16..=166),
        which in 0_usize..6,
        more in 0_u16..=1000,
    ) {
        let total = |values: [u16; 6]| Contribution::total(values.iter().zip(weights).map(|(value, weight)| {
            Score::from_thousandths(*value).unwrap().weighted(Score::from_thousandths(weight).unwrap())
        }));
        let mut raised = values;
        raised[which] = values[which].max(more);
        prop_assert!(total(raised) >= total(values));
    }

    #[test]
    fn the_score_is_monotone_in_what_is_done(
        kind in 0_usize..7, resource in 0_usize..9, anomalies in 0_u32..9, more_anomalies in 0_u32..9,
        rows in 0_u64..20_000, more_rows in 0_u64..20_000, limit in 1_u64..2000, more_limit in 0_u64..2000,
    ) {
        let policy = formula();
        let score = |anomalies, rows, limit| {
            let case = Published {
                kind: KINDS[kind], resource: RESOURCES[resource], limit: Some(limit), filter: None,
                where_clause: None, rows: Some(rows), anomalies, hour: 12,
            };
            case.case().decided(&policy).assessment.score
        };
        let base = score(anomalies, rows, limit);
        prop_assert!(score(anomalies + more_anomalies, rows, limit) >= base);
        prop_assert!(score(anomalies, rows + more_rows, limit) >= base);
        prop_assert!(score(anomalies, rows, limit + more_limit) >= base);
    }
}

/// The names that look like others and are not, and those that are (DESIGN §5.13).
#[test]
fn names_are_taken_by_their_words() {
    let policy = published("");
    let facts = |resource: &str| Case::new("x.read", resource, "{}").decided(&policy).assessment.facts;
    for resource in ["product-catalog", "superuser-docs", "tokenizer", "stage-left"] {
        let facts = facts(resource);
        assert_ne!(facts.environment.source, Source::Policy, "no word in `{resource}` says where it is");
        assert_eq!(facts.sensitivity.value, Sensitivity::Ordinary, "{resource}");
    }
    for resource in ["db-prod-eu", "prod.db", "PRODUCTION"] {
        let environment = facts(resource).environment;
        assert_eq!((environment.value, environment.source), (Environment::Production, Source::Policy));
    }
    for resource in ["users", "auth-token", "superuser/user"] {
        assert_eq!(facts(resource).sensitivity.value, Sensitivity::Sensitive, "{resource}");
    }
    let staging = facts("shop-staging").environment;
    assert_eq!((staging.value, staging.source), (Environment::Staging, Source::Policy));
}
