//! Saturation: told once when it begins, once when it is over, and not of too few cases.

use crate::world::{Say, World};
use core::time::Duration;
use countersign::audit::analytics::saturation::{Limits, Saturation};
use countersign::audit::analytics::{Settings, Statistics};
use countersign::audit::event::{Record, Saturated, SaturationMeasure};
use countersign::moment::Moment;

/// What is told of this measure.
fn of(measure: SaturationMeasure, record: &[Record], until: Moment) -> Vec<(Moment, Saturated)> {
    told(record, until).into_iter().filter(|(_, told)| told.measure == measure).collect()
}

fn told(record: &[Record], until: Moment) -> Vec<(Moment, Saturated)> {
    let mut saturation = Saturation::new(Limits::default());
    let mut found = Vec::new();
    for one in record {
        found.extend(saturation.take(one).into_iter().map(|told| (one.at, told)));
    }
    found.extend(saturation.at(until).into_iter().map(|told| (until, told)));
    found
}

#[test]
fn more_than_half_for_an_hour() {
    let mut world = World::new();
    for number in 0..40 {
        // Of the first twenty all run, of the next all go to people.
        let action = if number < 20 { "db.read.free" } else { "db.write.one" };
        world.ask(action, "prod/orders/1", "agent:0");
        world.wait(60);
    }
    assert_eq!(
        of(SaturationMeasure::Share, &world.record, world.now),
        [],
        "half of them is not more than half"
    );
    world.ask("db.write.one", "prod/orders/1", "agent:0");
    world.wait(60);
    let began = of(SaturationMeasure::Share, &world.record, world.now);
    let [(_, saturated)] = &began[..] else { panic!("{began:?}") };
    assert_eq!(saturated.measure, SaturationMeasure::Share);
    assert_eq!((saturated.above, saturated.figure, saturated.limit, saturated.cases), (true, 512, 500, 41));
    assert_eq!(saturated.window, 3600);
    // Two hours later nothing of it counts any more.
    let mut saturation = Saturation::new(Limits::default());
    world.record.iter().for_each(|one| drop(saturation.take(one)));
    drop(saturation.at(world.now));
    let mut share = |minutes: u64| {
        let told = saturation.at(world.now.plus(Duration::from_secs(minutes * 60)));
        told.into_iter()
            .filter(|one| one.measure == SaturationMeasure::Share)
            .map(|one| one.above)
            .collect::<Vec<_>>()
    };
    assert!(share(1).is_empty(), "nothing has changed yet");
    assert!(share(119).is_empty());
    assert_eq!(share(120), vec![false]);
}

#[test]
fn too_few_cases_say_nothing() {
    let mut world = World::new();
    for _ in 0..19 {
        world.ask("db.write.one", "prod/orders/1", "agent:0");
        world.wait(1);
    }
    world.wait(120);
    assert_eq!(told(&world.record, world.now), []);
}

#[test]
fn approvals_that_take_longer_than_five_minutes_and_a_queue_that_stands_still() {
    let slow = |seconds: u64, approve: bool| {
        let mut world = World::new();
        for _ in 0..30 {
            world.ask("db.read.free", "prod/orders/1", "agent:0");
        }
        for _ in 0..14 {
            let (_, number) = world.ask("db.write.one", "prod/orders/1", "agent:0");
            world.wait(seconds);
            if approve {
                world.vote(number.unwrap(), "ada", Say::Approve, &[]);
            }
        }
        world.wait(120);
        told(&world.record, world.now)
            .into_iter()
            .map(|(_, told)| (told.measure, told.above, told.figure))
            .collect::<Vec<_>>()
    };
    assert_eq!(slow(299, true), []);
    assert_eq!(slow(300, true), [], "five minutes are not more than five minutes");
    assert_eq!(slow(301, true), [(SaturationMeasure::TimeToApprove, true, 301)]);
    // Nobody approves anything: what waits is told, though no approval ever came.
    let still = slow(130, false);
    assert!(
        matches!(still[..], [(SaturationMeasure::TimeToApprove, true, figure)] if figure > 300),
        "{still:?}"
    );
}

#[test]
fn the_statistics_tell_the_same() {
    let mut world = World::new();
    for _ in 0..30 {
        world.ask("db.write.one", "prod/orders/1", "agent:0");
        world.wait(10);
    }
    let mut statistics = Statistics::new(Settings::default());
    for (index, one) in world.record.iter().enumerate() {
        statistics.take(index as u64, one);
    }
    let report = statistics.report(world.now);
    let alone = told(&world.record, world.record.last().unwrap().at);
    assert!(!alone.is_empty());
    assert_eq!(
        report.saturation.iter().map(|told| (told.at, told.saturated.clone())).collect::<Vec<_>>(),
        alone
    );
}
