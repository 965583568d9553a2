//! Drift on made-up data whose truth is known.

use crate::counted::statistics;
use crate::world::World;
use countersign::audit::analytics::{DriftReport, LEAST_INCIDENTS, Settings, Verdict};
use countersign::audit::event::{Event, Record};
use countersign::risk::{FactorName, Score};

/// So many operations that all run; of each what its factors are, and whether an incident comes of it.
fn world(all: impl IntoIterator<Item = ([u16; 6], u16, bool)>) -> DriftReport {
    let mut world = World::new();
    let mut hurt = Vec::new();
    let mut made = Vec::new();
    for (factors, score, incident) in all {
        let (txn, _) = world.ask("db.read.free", "test/a", "agent:0");
        made.push((txn, factors, score));
        if incident {
            hurt.push(txn);
        }
    }
    for txn in hurt {
        world.incident(txn);
    }
    let mut record: Vec<Record> = world.record;
    for one in &mut record {
        let Event::Decided(decided) = &mut one.event else { continue };
        let (_, factors, score) = made.iter().find(|(txn, ..)| *txn == decided.txn).unwrap();
        let assessment = &mut decided.decision.assessment;
        assessment.score = Score::from_thousandths(*score).unwrap();
        for (factor, value) in assessment.factors.iter_mut().zip(factors) {
            factor.value = Score::from_thousandths(*value).unwrap();
        }
    }
    statistics(&record, Settings::default()).report(world.now).drift
}

fn verdict(report: &DriftReport, name: FactorName) -> Verdict {
    report.factors.iter().find(|one| one.factor == name).unwrap().verdict
}

#[test]
fn a_factor_that_tells_one_that_is_silent_and_one_that_has_it_the_wrong_way_round() {
    // Incidents come where the operation is dangerous and the data is said to be harmless; scope knows nothing of it.
    let all = (0..400_u16).map(|number| {
        let hurt = number % 10 == 0;
        let (operation, sensitivity) = if hurt { (800, 200) } else { (300 + number % 7, 700) };
        ([operation, 500, sensitivity, 100, number % 3 * 100, 0], if hurt { 650 } else { 250 }, hurt)
    });
    let report = world(all);
    assert_eq!((report.ran, report.incidents, report.major, report.enough), (400, 40, 40, true));
    assert_eq!(verdict(&report, FactorName::Operation), Verdict::Tells);
    assert_eq!(verdict(&report, FactorName::Sensitivity), Verdict::Misjudges);
    for silent in [FactorName::Environment, FactorName::Behaviour, FactorName::Scope, FactorName::Timing] {
        assert_eq!(verdict(&report, silent), Verdict::Silent, "{silent}");
    }
    let sensitivity = &report.factors[2];
    assert_eq!((sensitivity.mean_of_incidents, sensitivity.mean_of_others), (Some(0.2), Some(0.7)));
    assert_eq!((sensitivity.low.part, sensitivity.low.of), (40, 40));
    // The score as a whole tells them apart, and its bands rise.
    assert_eq!(report.discrimination.unwrap().value, 1.0);
    assert_eq!(
        (report.bands[2].incidents.part, report.bands[2].incidents.of, report.bands[2].score),
        (0, 360, Some(0.25))
    );
    assert_eq!(
        (report.bands[6].incidents.part, report.bands[6].incidents.of, report.bands[6].score),
        (40, 40, Some(0.65))
    );
    assert!(report.inverted().is_empty());
    // 360 × 0.25² and 40 × 0.35², by 400.
    assert_eq!(report.brier, Some(0.0685));
    assert_eq!(report.brier_of_the_mean, Some(0.09));
}

#[test]
fn scores_that_are_the_wrong_way_round_are_told() {
    let all = (0..200_u16).map(|number| ([500; 6], if number < 100 { 150 } else { 650 }, number < 60));
    let report = world(all);
    assert!(report.discrimination.unwrap().interval.high < 0.5);
    let inverted = report.inverted();
    let [(low, high)] = inverted[..] else { panic!("{inverted:?}") };
    assert_eq!((low.incidents.part, high.incidents.part), (60, 0));
    assert_eq!((low.score, high.score), (Some(0.15), Some(0.65)));
}

#[test]
fn of_few_incidents_nothing_is_said() {
    let report =
        world((0..300_u16).map(|number| ([number % 5; 6], 100, u64::from(number) < LEAST_INCIDENTS - 1)));
    assert!(!report.enough);
    assert!(report.factors.iter().all(|factor| factor.verdict == Verdict::TooFew));
    let none = world((0..3).map(|_| ([0; 6], 0, false)));
    assert!(none.discrimination.is_none() && !none.enough);
    let all = world((0..20).map(|_| ([0; 6], 0, true)));
    assert!(all.discrimination.is_none() && !all.enough, "where all went wrong nothing can be told apart");
}

/// Two incidents of one operation are two incidents, and one operation.
#[test]
fn an_operation_counts_once() {
    let mut world = World::new();
    let (txn, _) = world.ask("db.read.free", "test/a", "agent:0");
    let (denied, _) = world.ask("db.never", "test/a", "agent:0");
    for txn in [txn, txn, denied, countersign::party::TxnId::from_random([9; 16])] {
        world.incident(txn);
    }
    let report = statistics(&world.record, Settings::default()).report(world.now).drift;
    assert_eq!((report.incidents, report.major, report.not_minted, report.unknown), (1, 2, 1, 1));
}
