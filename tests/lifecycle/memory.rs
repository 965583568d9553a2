//! Memory and calls: what is shed while there is too little, and what never is.

use crate::program::{Program, until};
use crate::support::{POLICY, Service, code, deploy, read};
use countersign::client::{AgentClient, Connect, Filter, Order, Target};
use rustix::process::Signal;

async fn agent(program: &Program) -> AgentClient {
    AgentClient::connect(Connect::to(Target::Unix(program.service.path("agent.sock")))).await.unwrap()
}

/// The program itself takes more than this.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_taken_when_there_is_no_memory_and_what_ends_something_is() {
    let program = Program::start(Service::prepare(POLICY, "", ""), &["--set", "limits.memory=1MiB"]);
    let agent = agent(&program).await;
    let refused = agent.authorize(read()).await.unwrap_err();
    assert!(refused.to_string().contains("(overloaded)"), "{refused}");
    assert_eq!(code(refused), "ResourceExhausted");
    // What is vital is looked at: nobody has such an escalation.
    assert_ne!(code(agent.cancel("esc_AAAAAAAAAAAAAAAAAAAAAA", "x").await.unwrap_err()), "ResourceExhausted");
    agent.trust_bundle().await.unwrap();
    let reviewer = program.service.reviewer().await;
    let refused = reviewer.list(Filter::default(), Order::Newest, 10, None).await.unwrap_err();
    assert_eq!(code(refused), "ResourceExhausted");
    let operator = program.service.operator().await;
    operator.policy_status().await.unwrap();
    // It stays ready: no restart and no other address gives an agent's own sidecar more memory.
    assert_eq!(program.get("/ready"), (200, "ready".to_owned()));
    let metrics = program.get("/metrics").1;
    assert!(metrics.contains("countersign_memory_limit_bytes 1048576"), "{metrics}");
    assert!(metrics.contains("countersign_shed_calls_total{why=\"memory\"} 2"), "{metrics}");
    until("it is in the log", || program.log().contains("hardly any memory left"));
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_everything_is_taken() {
    let program = Program::start(Service::prepare(POLICY, "", ""), &["--set", "limits.memory=64GiB"]);
    agent(&program).await.authorize(deploy("1")).await.unwrap();
    let metrics = program.get("/metrics").1;
    assert!(metrics.contains("countersign_shed_calls_total{why=\"memory\"} 0"), "{metrics}");
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}
