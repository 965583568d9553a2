//! Saturation: the running service says once that people are asked too much, and once that it is over.

use crate::endpoint::scrape;
use crate::metrics::with_metrics;
use crate::support::{POLICY, Service, approve, deploy, read};
use countersign::audit::event::{Event, Saturated, SaturationMeasure};
use countersign::client::{Filter, Order};
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};

/// Waits until the metrics say so; the window is a few seconds, and is told of by its sixtieths.
async fn until(service: &Service, measure: &str, above: f64) {
    while scrape(service).await.sum("countersign_saturated", &[("measure", measure)]) != above {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_episode_is_told_when_it_begins_and_when_it_is_over() {
    let lines = "telemetry:\n  saturation: {window_seconds: 4, share: 0.4, least_operations: 5, \
                 time_to_approve_seconds: 0, least_approvals: 1}\n";
    let mut service = Service::prepare(POLICY, "", lines);
    with_metrics(&mut service);
    service.run().await;
    let agent = service.agent().await;
    for n in 0..2 {
        agent.authorize(read()).await.unwrap();
        let id = service.escalate(deploy(&format!("{n}.0.0"))).await;
        service.vote(&id, "ada", approve(&[])).await.unwrap();
        service.end_of(&id).await;
        service.escalate(deploy(&format!("{n}.0.1"))).await;
    }
    until(&service, "share", 1.0).await;
    until(&service, "time_to_approve", 1.0).await;
    // The window passes, and what still waits is withdrawn.
    let reviewer = service.reviewer().await;
    let open = reviewer.list(Filter::default(), Order::Newest, 100, None).await.unwrap();
    for line in open.escalations {
        drop(agent.cancel(&line.id, "no more").await);
    }
    until(&service, "share", 0.0).await;
    until(&service, "time_to_approve", 0.0).await;
    let told = scrape(&service).await;
    assert_eq!(told.sum("countersign_saturations_total", &[("measure", "share")]), 1.0);
    service.stop().await;
    let (store, opened) = EmbeddedStore::open(&service.config().data, Options::default()).unwrap();
    let events = (0..opened.records).map(|index| store.record(index).unwrap().event);
    let told: Vec<Saturated> = events
        .filter_map(|event| if let Event::Saturated(told) = event { Some(told) } else { None })
        .collect();
    for (measure, limit) in [(SaturationMeasure::Share, 400), (SaturationMeasure::TimeToApprove, 0)] {
        let of: Vec<&Saturated> = told.iter().filter(|told| told.measure == measure).collect();
        let course: Vec<bool> = of.iter().map(|told| told.above).collect();
        assert_eq!(course, [true, false], "{measure:?}: {told:#?}");
        assert!(of.iter().all(|told| told.limit == limit && told.window == 4), "{told:#?}");
        assert!(of[0].figure > limit || measure == SaturationMeasure::TimeToApprove, "{told:#?}");
    }
}

#[test]
fn senseless_limits_are_refused() {
    for (lines, word) in [
        ("saturation: {share: 50}", "share"),
        ("saturation: {share: -0.1}", "share"),
        ("saturation: {share: .nan}", "share"),
        ("saturation: {window_seconds: 0}", "window_seconds"),
        ("saturation: {windows: 1}", "windows"),
        ("otlp: \"https://collector:4317\"", "http://"),
        ("sample: 2", "sample"),
        ("service_name: \"\"", "service_name"),
    ] {
        let service =
            std::panic::catch_unwind(|| Service::prepare(POLICY, "", &format!("telemetry: {{{lines}}}\n")));
        let said = service.map(drop).unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        assert!(said.contains(word), "{lines}: {said}");
    }
}
