//! Stopping: not ready first, answering still, then no more calls, and everything on the disk.

use crate::program::{Program, until};
use crate::support::{POLICY, Service, read};
use countersign::audit::event::Event;
use countersign::client::{AgentClient, Connect, Target, Verdict};
use countersign::store::embedded::Look;
use rustix::process::Signal;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

fn service() -> Service {
    Service::prepare(POLICY, "", "unsafe_anyone_on_loopback_is: agent:local\n")
}

async fn health(address: &str, name: &str) -> ServingStatus {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    let request = HealthCheckRequest { service: name.to_owned() };
    client.check(request).await.unwrap().into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_drains_it_is_not_ready_and_answers_still() {
    let mut program = Program::start(service(), &["--drain", "3600"]);
    let address = loop {
        let place = program.says("agents");
        if !place.starts_with("unix:") {
            break place;
        }
    };
    let agent = AgentClient::connect(Connect::to(Target::Tcp(format!("http://{address}")))).await.unwrap();
    assert_eq!(agent.authorize(read()).await.unwrap().verdict, Verdict::Allow);
    assert_eq!(health(&address, "countersign.v1.Authority").await, ServingStatus::Serving);
    program.signal(Signal::TERM);
    until("it is not ready", || program.get("/ready").0 == 503);
    assert_eq!(program.get("/ready").1, "the service is stopping");
    assert_eq!(program.get("/live"), (200, "alive".to_owned()));
    assert_eq!(program.get("/startup").0, 200);
    while health(&address, "countersign.v1.Authority").await != ServingStatus::NotServing {}
    // Both who is connected and who comes now are answered.
    assert_eq!(agent.authorize(read()).await.unwrap().verdict, Verdict::Allow);
    let late = AgentClient::connect(Connect::to(Target::Tcp(format!("http://{address}")))).await.unwrap();
    late.authorize(read()).await.unwrap();
    assert!(program.running());
    // A second signal ends it at once, and what was answered is on the disk all the same.
    program.signal(Signal::TERM);
    let folder = std::mem::replace(
        &mut program.service,
        Service { folder: tempfile::tempdir().unwrap(), running: None },
    );
    std::fs::copy(folder.path("log"), program.service.path("log")).unwrap();
    assert_eq!(program.end().0, Some(1));
    let look = Look::into_store(&folder.config().data).unwrap();
    let events = look.from(0).map(|read| read.unwrap().1.event);
    assert_eq!(events.filter(|event| matches!(event, Event::Decided(_))).count(), 3);
    let mut again = folder;
    again.run().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_drain_it_ends_at_once_and_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let program = Program::start(service(), &[]);
        let socket = program.service.path("agent.sock");
        let agent = AgentClient::connect(Connect::to(Target::Unix(socket.clone()))).await.unwrap();
        assert_eq!(agent.authorize(read()).await.unwrap().verdict, Verdict::Allow);
        program.signal(signal);
        let (code, log) = program.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("draining"), "{log}");
        assert!(!socket.exists(), "nobody is led to a socket that nobody serves");
    }
}

#[test]
fn the_drain_is_said_by_a_flag_a_variable_or_the_file() {
    let program = Program::start(service(), &["--set", "drain_seconds=1"]);
    program.signal(Signal::TERM);
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("draining"), "{log}");
}
