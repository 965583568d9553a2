//! Traces: the service's spans hang under the caller's, say what the record says, and are in nobody's way.

use crate::collector::{Collector, attribute, hex};
use crate::metrics::with_metrics;
use crate::program::Program;
use crate::support::{POLICY, Service, approve, deploy, read};
use countersign::audit::event::{Decided, Event};
use countersign::client::{AgentClient, Connect, Target};
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A folder whose service sends its spans there, and takes anyone on loopback for an agent.
pub(crate) fn sending_to(collector: &str, more: &str) -> Service {
    let lines = format!(
        "unsafe_anyone_on_loopback_is: agent:anyone\ntelemetry: {{otlp: \"{collector}\", service_name: shop{more}}}\n"
    );
    let mut service = Service::prepare(POLICY, "", &lines);
    with_metrics(&mut service);
    service
}

#[derive(Clone, PartialEq, prost::Message)]
struct Operation {
    #[prost(string, tag = "1")]
    action: String,
    #[prost(string, tag = "2")]
    resource: String,
    #[prost(bytes = "vec", tag = "3")]
    parameters: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(message, optional, tag = "2")]
    operation: Option<Operation>,
    #[prost(string, tag = "3")]
    executor: String,
}

/// Whatever it says.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {}

async fn channel(program: &Program) -> Channel {
    Endpoint::from_shared(format!("http://{}", program.agents)).unwrap().connect().await.unwrap()
}

/// Authorizes something as part of a trace, and gives the answer's metadata.
async fn authorize(program: &Program, executor: &str, parent: Option<&str>) -> MetadataMap {
    let mut grpc = tonic::client::Grpc::new(channel(program).await);
    grpc.ready().await.unwrap();
    let ask = read();
    let operation =
        Operation { action: ask.action, resource: ask.resource, parameters: ask.parameters.unwrap() };
    let mut request =
        tonic::Request::new(Request { operation: Some(operation), executor: executor.to_owned() });
    if let Some(parent) = parent {
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    }
    let path = http::uri::PathAndQuery::from_static("/countersign.v1.Authority/Authorize");
    let codec = tonic_prost::ProstCodec::<Request, Answer>::default();
    match grpc.unary(request, path, codec).await {
        Ok(answer) => answer.metadata().clone(),
        Err(refused) => refused.metadata().clone(),
    }
}

fn decided(service: &Service) -> Vec<Decided> {
    let (store, opened) = EmbeddedStore::open(&service.config().data, Options::default()).unwrap();
    let events = (0..opened.records).map(|index| store.record(index).unwrap().event);
    let decided =
        events.filter_map(|event| if let Event::Decided(decided) = event { Some(*decided) } else { None });
    decided.collect()
}

fn named<'a>(spans: &'a [Span], name: &str, trace: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name && hex(&span.trace_id) == trace).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_child_of_its_callers_span_and_says_what_was_decided() {
    let (collector, at) = Collector::listen().await;
    let program = Program::start(sending_to(&at, ""), "debug");
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let told = authorize(&program, "exec:fleet", Some(&parent)).await;
    let refused = authorize(&program, "exec:nobody", Some(&parent)).await;
    let alone = authorize(&program, "exec:fleet", None).await;
    let garbled = authorize(&program, "exec:fleet", Some("00-garbled")).await;
    let (service, log) = program.stop().await;

    let spans = collector.spans();
    assert_eq!(collector.service_name(), "shop");
    let roots = named(&spans, "Authorize", TRACE);
    assert_eq!(roots.len(), 2, "{spans:#?}");
    assert!(roots.iter().all(|span| hex(&span.parent_span_id) == PARENT && span.kind == 2), "{roots:#?}");
    let root = *roots.iter().find(|span| attribute(span, "outcome").is_some()).unwrap();
    let decided = decided(&service);
    assert_eq!(decided[0].trace.as_deref(), Some(TRACE));
    assert_eq!(attribute(root, "txn"), Some(decided[0].txn.to_string()));
    assert_eq!(attribute(root, "outcome").as_deref(), Some("allow"));
    assert_eq!(attribute(root, "level").as_deref(), Some("low"));
    for name in ["decide", "commit", "mint"] {
        let under: Vec<&Span> = named(&spans, name, TRACE);
        assert_eq!(under.len(), 1, "{name}");
        assert_eq!(under[0].parent_span_id, root.span_id, "{name}");
    }
    let told_of =
        |metadata: &MetadataMap| metadata.get("traceresponse").unwrap().to_str().unwrap().to_owned();
    assert_eq!(told_of(&told), format!("00-{TRACE}-{}-01", hex(&root.span_id)));
    assert!(told_of(&refused).starts_with(&format!("00-{TRACE}-")));
    // Those without a parent are traces of their own, which the record and the caller know.
    for (decided, told) in decided[1..].iter().zip([alone, garbled]) {
        let trace = decided.trace.clone().unwrap();
        assert_ne!(trace, TRACE);
        assert!(told_of(&told).starts_with(&format!("00-{trace}-")));
        let spans = named(&spans, "Authorize", &trace);
        assert_eq!(spans.len(), 1);
        assert!(spans[0].parent_span_id.is_empty());
    }
    let line = log.lines().find(|line| line.contains("\"decided\"") && line.contains(TRACE));
    assert!(line.unwrap().contains(&decided[0].txn.to_string()), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escalation_s_steps_and_votes_are_spans() {
    let (collector, at) = Collector::listen().await;
    let program = Program::start(sending_to(&at, ""), "info");
    let id = program.service.escalate(deploy("2.0.0")).await;
    program.service.vote(&id, "ada", approve(&[])).await.unwrap();
    program.service.end_of(&id).await;
    program.stop().await;
    let spans = collector.spans();
    let asked = spans.iter().find(|span| span.name == "Authorize").unwrap();
    assert_eq!(attribute(asked, "escalation").as_ref(), Some(&id));
    let vote = spans.iter().find(|span| span.name == "Vote").unwrap();
    assert_eq!(attribute(vote, "escalation").as_ref(), Some(&id));
    let step = spans.iter().find(|span| span.name == "step" && span.parent_span_id == vote.span_id).unwrap();
    assert!(spans.iter().any(|span| span.name == "commit" && span.parent_span_id == step.span_id));
    let wait = spans.iter().find(|span| span.name == "Await").unwrap();
    assert!(spans.iter().any(|span| span.name == "mint" && span.trace_id == wait.trace_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_sent_of_what_is_not_sampled() {
    let (collector, at) = Collector::listen().await;
    let program = Program::start(sending_to(&at, ", sample: 0"), "info");
    authorize(&program, "exec:fleet", None).await;
    authorize(&program, "exec:fleet", Some(&format!("00-{TRACE}-{PARENT}-00"))).await;
    let (service, _) = program.stop().await;
    assert!(collector.spans().is_empty());
    let decided = decided(&service);
    assert!(decided[0].trace.is_some(), "it is known all the same");
    assert_eq!(decided[1].trace.as_deref(), Some(TRACE));
}

/// Nobody waits for a collector that is not there, or that takes a connection and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_is_in_nobodys_way() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (silent_at, gone_at) = (silent.local_addr().unwrap(), gone.local_addr().unwrap());
    drop(gone);
    for at in [silent_at, gone_at] {
        let program = Program::start(sending_to(&format!("http://{at}"), ""), "info");
        let agent = AgentClient::connect(Connect::to(Target::Tcp(format!("http://{}", program.agents))));
        let agent = agent.await.unwrap();
        // More spans than the queue takes: four for each.
        for _ in 0..800 {
            agent.authorize(read()).await.unwrap();
        }
        let (_, told) = program.scrape().await;
        assert_eq!(told.sum("countersign_decisions_total", &[]), 800.0);
        assert!(told.sum("process_resident_memory_bytes", &[]) < 512e6);
        program.stop().await;
    }
    drop(silent);
}

/// Without a collector nothing is sent, and a caller's trace is in the record all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_recorded_though_none_is_sent() {
    let lines = "unsafe_anyone_on_loopback_is: agent:anyone\n";
    let mut service = Service::prepare(POLICY, "", lines);
    with_metrics(&mut service);
    let program = Program::start(service, "info");
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let told = authorize(&program, "exec:fleet", Some(&parent)).await;
    assert_eq!(told.get("traceresponse").unwrap().to_str().unwrap(), parent);
    assert!(authorize(&program, "exec:fleet", None).await.get("traceresponse").is_none());
    let (service, _) = program.stop().await;
    let traces: Vec<_> = decided(&service).into_iter().map(|decided| decided.trace).collect();
    assert_eq!(traces, [Some(TRACE.to_owned()), None]);
}
