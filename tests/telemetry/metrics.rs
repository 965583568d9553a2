//! The metrics: what they count, that nobody can make them grow, and that the documentation has each of them.

use crate::endpoint::{get, scrape};
use crate::exposition::Exposition;
use crate::support::{Service, approve, ask, code, delete, deploy, read};
use countersign::audit::event::{Event, Record, Saturated, SaturationMeasure};
use countersign::client::Ask;
use countersign::digest::PolicyDigest;
use countersign::escalation::vote::Choice;
use countersign::metrics::{Metrics, Noted, Now, Tethered};
use countersign::moment::Moment;
use countersign::party::{AgentId, EscalationId};
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use std::collections::{BTreeMap, BTreeSet};

/// A service that tells its metrics.
pub(crate) async fn watched() -> Service {
    let mut service = Service::prepare(crate::support::POLICY, "", "");
    with_metrics(&mut service);
    service.run().await;
    service
}

/// Adds the address for metrics to a service's configuration.
pub(crate) fn with_metrics(service: &mut Service) {
    let path = service.path("countersign.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    let line = "  reviewers: {socket: review.sock}\n";
    assert!(config.contains(line));
    let line_with = format!("{line}  metrics: \"127.0.0.1:0\"\n");
    std::fs::write(path, config.replace(line, &line_with)).unwrap();
}

#[tokio::test]
async fn what_happened_is_counted() {
    let service = watched().await;
    let agent = service.agent().await;
    agent.authorize(read()).await.unwrap();
    agent.authorize(read()).await.unwrap();
    let stranger = Ask { executor: "exec:nobody".to_owned(), ..read() };
    agent.authorize(stranger).await.unwrap_err();

    let approved = service.escalate(deploy("2.0.0")).await;
    let waiting = service.escalate(delete(7)).await;
    let denied = service.escalate(deploy("3.0.0")).await;
    let before = scrape(&service).await;
    assert_eq!(before.sum("countersign_escalations_pending", &[]), 3.0);
    assert!(before.sum("countersign_escalation_oldest_pending_age_seconds", &[]) > 0.0);

    service.vote(&approved, "ada", approve(&[])).await.unwrap();
    let again = service.vote(&approved, "ada", approve(&[])).await.unwrap_err();
    let again = code(again);
    service.end_of(&approved).await;
    service.vote(&denied, "grace", Choice::Deny).await.unwrap();
    service.vote(&waiting, "linus", approve(&[])).await.unwrap_err();

    let told = scrape(&service).await;
    assert_eq!(told.sum("countersign_decisions_total", &[("outcome", "allow"), ("level", "low")]), 2.0);
    assert_eq!(told.sum("countersign_decisions_total", &[("outcome", "escalate")]), 3.0);
    assert_eq!(told.sum("countersign_tokens_minted_total", &[("way", "allowed")]), 2.0);
    assert_eq!(told.sum("countersign_tokens_minted_total", &[("way", "approved")]), 1.0);
    assert_eq!(told.sum("countersign_mint_refusals_total", &[("code", "unknown_executor")]), 1.0);
    assert_eq!(told.sum("countersign_mint_refusals_total", &[]), 1.0);
    assert_eq!(told.sum("countersign_escalations_opened_total", &[]), 3.0);
    assert_eq!(told.sum("countersign_escalations_pending", &[]), 1.0);
    assert_eq!(told.sum("countersign_escalations_ended_total", &[("how", "claimed")]), 1.0);
    assert_eq!(told.sum("countersign_escalations_ended_total", &[("how", "denied")]), 1.0);
    assert_eq!(told.sum("countersign_escalations_ended_total", &[]), 2.0);
    let decided = "countersign_escalation_decision_time_seconds_count";
    assert_eq!(told.sum(decided, &[("result", "approved")]), 1.0);
    assert_eq!(told.sum(decided, &[("result", "denied")]), 1.0);
    assert_eq!(told.sum("countersign_escalation_stages_total", &[("stage", "0")]), 2.0);
    let signed = |decision| [("decision", decision), ("assurance", "signed")];
    assert_eq!(told.sum("countersign_votes_total", &signed("approve")), 1.0);
    assert_eq!(told.sum("countersign_votes_total", &signed("deny")), 1.0);
    assert_eq!(told.sum("countersign_votes_refused_total", &[]), 2.0, "{again}");
    assert_eq!(told.sum("countersign_votes_refused_total", &[("code", "vote.not_in_pool")]), 1.0);
    let authorize = |code| [("method", "countersign.v1.Authority/Authorize"), ("code", code)];
    assert_eq!(told.sum("countersign_grpc_requests_total", &authorize("OK")), 5.0);
    assert_eq!(told.sum("countersign_grpc_requests_total", &authorize("INVALID_ARGUMENT")), 1.0);
    assert_eq!(told.sum("countersign_authorize_duration_seconds_count", &[("outcome", "error")]), 1.0);
    assert_eq!(told.sum("countersign_authorize_duration_seconds_count", &[]), 6.0);
    let records = service.running.as_ref().unwrap().records();
    assert_eq!(told.sum("countersign_log_records", &[]), records as f64);
    let one = [
        "countersign_store_writable",
        "countersign_views_usable",
        "countersign_policy_info",
        "countersign_build_info",
    ];
    for name in one {
        assert_eq!(told.sum(name, &[]), 1.0, "{name}");
    }
    for name in ["countersign_clock_in_doubt", "countersign_reload_failing", "countersign_saturated"] {
        assert_eq!(told.sum(name, &[]), 0.0, "{name}");
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let expires = told.sum("countersign_key_expiry_timestamp_seconds", &[("use", "authority")]);
    assert!(expires > now && expires < now + 25.0 * 3600.0, "{expires}");
    let started = told.sum("process_start_time_seconds", &[]);
    assert!((started - now).abs() < 3600.0, "{started} {now}");
    assert!(told.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(told.sum("process_open_fds", &[]) > 3.0);
    assert!(told.sum("countersign_log_size_bytes", &[]) > 1000.0);
}

#[tokio::test]
async fn what_waits_is_known_after_a_restart() {
    let mut service = watched().await;
    let one = service.escalate(deploy("1.0.0")).await;
    let two = service.escalate(delete(1)).await;
    let before = scrape(&service).await;
    service.stop().await;
    service.run().await;
    let after = scrape(&service).await;
    let levels = |told: &Exposition| {
        ["low", "medium", "high", "critical"]
            .map(|level| told.sum("countersign_escalations_pending", &[("level", level)]))
    };
    assert_eq!(levels(&after), levels(&before));
    assert_eq!(after.sum("countersign_escalations_pending", &[]), 2.0);
    assert_eq!(after.sum("countersign_escalations_opened_total", &[]), 0.0, "it was counted before");
    service.agent().await.cancel(&one, "no more").await.unwrap();
    service.vote(&two, "ada", Choice::Deny).await.unwrap();
    let over = scrape(&service).await;
    assert_eq!(over.sum("countersign_escalations_pending", &[]), 0.0);
    assert_eq!(over.sum("countersign_escalations_ended_total", &[]), 2.0);
}

/// What an agent sends is in no label, however much of it there is.
#[tokio::test]
async fn strange_traffic_adds_no_series() {
    let mut service = watched().await;
    let agent = service.agent().await;
    agent.authorize(read()).await.unwrap();
    agent.authorize(Ask { executor: "exec:other".to_owned(), ..read() }).await.unwrap_err();
    call_unknown(&service, "/countersign.v1.Authority/First").await;
    let before = scrape(&service).await;
    for n in 0..150 {
        let strange = ask(&format!("strange{n}.read"), &format!("place{n}/staging"), "{}");
        let _ = agent.authorize(strange).await;
        let executor = format!("exec:{n}");
        agent.authorize(Ask { executor, ..read() }).await.unwrap_err();
        call_unknown(&service, &format!("/countersign.v1.Authority/Strange{n}")).await;
        call_unknown(&service, &format!("/strange{n}/{n}")).await;
    }
    let after = scrape(&service).await;
    assert_eq!(after.series(), before.series());
    assert_eq!(after.sum("countersign_grpc_requests_total", &[("method", "other")]), 301.0);

    // The same by the ten thousand, as if each came from another agent.
    let config = service.config();
    service.stop().await;
    let (store, opened) = EmbeddedStore::open(&config.data, Options::default()).unwrap();
    let records = (0..opened.records).map(|index| store.record(index).unwrap());
    let records: Vec<Record> = records.filter(|record| matches!(record.event, Event::Decided(_))).collect();
    let metrics = Metrics::new();
    let recorded = |record: &Record| metrics.recorded(Noted::of(std::slice::from_ref(record)));
    records.iter().for_each(recorded);
    metrics.called("countersign.v1.Authority/Authorize", "OK");
    metrics.called("countersign.v1.Authority/Nothing", "UNIMPLEMENTED");
    let before = Exposition::read(&metrics.render(&now())).series();
    for n in 0..10_000 {
        let mut record = records[n % records.len()].clone();
        let Event::Decided(decided) = &mut record.event else { panic!() };
        decided.agent = AgentId::new(&format!("agent:{n}")).unwrap();
        decided.op = format!(r#"{{"action":"a{n}.read","resource":"r{n}"}}"#);
        decided.escalation = Some(EscalationId::from_random((n as u128).to_be_bytes()));
        recorded(&record);
        metrics.called(&format!("countersign.v1.Authority/{n}"), "UNIMPLEMENTED");
    }
    assert_eq!(Exposition::read(&metrics.render(&now())).series(), before);
    // Even a bug that let any name through is bounded.
    for n in 0..10_000 {
        metrics.called(&format!("countersign.v1.Authority/{n}"), "OK");
    }
    assert!(Exposition::read(&metrics.render(&now())).series() < before + 200);
}

async fn call_unknown(service: &Service, path: &str) {
    let target = service.tcp();
    let countersign::client::Target::Tcp(uri) = target else { panic!() };
    let channel = tonic::transport::Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::try_from(path).unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let refused = grpc.unary(tonic::Request::new(()), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}

fn now() -> Now {
    Now {
        at: Moment::from_unix_seconds(1_700_000_000),
        clock_in_doubt: false,
        records: 7,
        log_bytes: Some(4096),
        store_writable: true,
        checkpoint: Some((7, Moment::from_unix_seconds(1_699_999_999))),
        late: vec![(countersign::risk::Level::High, 2)],
        notices_waiting: vec![("slack", 3)],
        sidecars: vec![("connected", 5)],
        sidecar_leaves_behind: 12,
        keys: vec![("authority", Moment::from_unix_seconds(1_700_003_600))],
        policy: PolicyDigest::from_bytes([7; 32]),
        policy_since: Moment::from_unix_seconds(1_699_000_000),
        reload_failing: false,
        memory: (Some(1 << 28), 1 << 26),
        certificates: vec![("agents", Some(Moment::from_unix_seconds(1_701_000_000)), false)],
    }
}

/// Everything that can be told, at least once.
pub(crate) fn everything() -> Exposition {
    let told = Exposition::read(&text_of_everything());
    assert_eq!(told.sum("countersign_saturated", &[("measure", "share")]), 1.0);
    assert_eq!(told.sum("countersign_saturations_total", &[("measure", "share")]), 1.0);
    assert_eq!(told.sum("countersign_checkpoint_timestamp_seconds", &[]), 1_699_999_999.0);
    told
}

/// … as it is told.
pub(crate) fn text_of_everything() -> String {
    let metrics = Metrics::new();
    metrics.not_minted("store_full");
    metrics.vote_refused("vote.late");
    metrics.called("countersign.v1.Authority/Authorize", "OK");
    let silence = Some(core::time::Duration::from_secs(2));
    metrics.tethered(&Tethered { connected: true, silence, unshipped: 3, queued: 1 });
    metrics.certificate_reloaded("agents", "taken");
    metrics.certificate_reloaded("agents", "refused");
    let saturated = Saturated {
        measure: SaturationMeasure::Share,
        above: true,
        figure: 600,
        limit: 500,
        window: 3600,
        cases: 100,
    };
    let record = Record::new(Moment::default(), Event::Saturated(saturated));
    metrics.recorded(Noted::of(&[record]));
    metrics.render(&now())
}

/// The tables of `docs/telemetry.md`: name, type, labels.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut documented = BTreeMap::new();
    for line in include_str!("../../docs/telemetry.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, kind, labels, meaning, ""] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        assert!(!meaning.is_empty(), "{line}");
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        assert!(documented.insert(name.to_owned(), (kind.to_owned(), labels)).is_none(), "{name} twice");
    }
    documented
}

#[tokio::test]
async fn each_metric_is_documented_and_each_documented_one_exists() {
    let there = everything().names();
    let documented = documented();
    let names = |of: &BTreeMap<String, _>| of.keys().cloned().collect::<BTreeSet<String>>();
    assert_eq!(names(&documented), names(&there));
    assert_eq!(documented, there);
    let live = watched().await;
    let told = scrape(&live).await.names();
    let later = [
        "countersign_votes_refused_",
        "countersign_grpc_",
        "countersign_certificate_",
        "countersign_desk_",
        "countersign_queued_",
        "countersign_unshipped_",
    ];
    for (name, (kind, labels)) in &documented {
        if later.iter().any(|later| name.starts_with(later)) {
            continue;
        }
        assert_eq!(told.get(name), Some(&(kind.clone(), labels.clone())), "{name}");
    }
    let (status, _, body) = get(&live, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!((status, body.ends_with("# EOF\n")), (200, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_checkpoint_is_told() {
    let service = watched().await;
    service.agent().await.authorize(read()).await.unwrap();
    loop {
        let told = scrape(&service).await;
        let covered = told.sum("countersign_checkpoint_records", &[]);
        if covered > 0.0 && covered == told.sum("countersign_log_records", &[]) {
            assert!(told.sum("countersign_checkpoint_timestamp_seconds", &[]) > 1_700_000_000.0);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
