//! Secret parameters: decided, signed and executed as they are, recorded and shown to nobody.

use crate::support::{POLICY, approve, roster};
use crate::world::World;
use countersign::audit::event::Event;
use countersign::condition::ExecutionFacts;
use countersign::escalation::Status;
use countersign::escalation::vote::Statement;
use countersign::operation::Operation;
use countersign::operation::mask::Secrets;
use countersign::operation::render::{render, render_masked};
use countersign::sidecar::{Ask, SidecarError};
use countersign::store::Store as _;
use std::path::Path;

const SECRET: &str = "hunter2-and-more";
const MARK: &str = "⟨secret, 16 characters⟩";

fn world() -> World {
    World::of(POLICY, &roster(&[("ada", "oncall"), ("grace", "oncall, platform-lead")]))
}

fn ask(action: &str, resource: &str) -> Ask {
    let mut ask =
        World::ask(action, resource, &format!("{{\"password\":\"{SECRET}\",\"note\":\"as {SECRET} says\"}}"));
    ask.context.reason = format!("log in with {SECRET}");
    ask
}

/// Whether any file below has the secret in it.
fn leaks(folder: &Path, but: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(but) {
            found.extend(leaks(&path, but));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn what_is_allowed_runs_with_its_secret_and_leaves_none_in_the_log() {
    let world = world();
    let asked = ask("orders.read", "db/staging/orders");
    let answer = world.sidecar.authorize(asked.clone()).await.unwrap();
    let granted = answer.granted.unwrap_or_else(|| panic!("{:?}", answer.decision.reasons));
    assert_eq!(granted.op_bytes, asked.operation.op_bytes(), "the agent gets what it asked for");
    let decided = (0..world.store.len()).find_map(|index| {
        let event = world.store.record(index).unwrap().event;
        if let Event::Decided(decided) = event { Some((index, decided)) } else { None }
    });
    let (index, decided) = decided.unwrap();
    assert_eq!(decided.op.as_bytes(), asked.operation.op_bytes());
    assert_eq!(decided.context.reason, format!("log in with {MARK}"));
    assert!(decided.shown().contains(MARK) && !decided.shown().contains(SECRET));
    let leaf = String::from_utf8(world.store.leaf(index).unwrap()).unwrap();
    assert!(leaf.contains("secret, 16 characters") && !leaf.contains(SECRET));
    assert_eq!(leaks(world.folder(), "values"), [""; 0], "only beside the log");
    assert_eq!(leaks(world.folder(), "no such folder").len(), 1);
}

#[tokio::test]
async fn reviewers_see_a_mark_and_the_executor_the_value() {
    let world = world();
    let id = world.escalate(ask("orders.delete", "db/prod/orders")).await;
    let docket = world.docket(id).await;
    let shown = Operation::from_op_bytes(docket.decided.shown().as_bytes()).unwrap();
    let rendering = render_masked(&shown, docket.decided.digest).unwrap();
    assert_eq!(docket.escalation.case().opening().shown, rendering.digest, "told from what is recorded");
    assert!(rendering.text.contains(&format!("password: {MARK}\n")), "{}", rendering.text);
    assert!(rendering.text.contains(&docket.decided.digest.to_string()));
    assert!(!rendering.text.contains(SECRET) && rendering.hazards.is_empty());
    let other = Operation::from_json("orders.delete", "db/prod/orders", b"{}").unwrap();
    let change = world.sidecar.draft_amendment(id, other, None).await;
    assert!(matches!(change, Err(SidecarError::NotAmendable(_))), "what nobody can review is not changed");
    for who in ["ada", "grace"] {
        let statement = world.statement(id, who, approve(&[])).await;
        let of_the_value = world.cast(id, &statement).await;
        assert!(of_the_value.is_err(), "nobody was shown that");
        let statement = Statement { shown: rendering.digest, ..statement };
        if world.status(id).await == Status::Pending {
            world.cast(id, &statement).await.unwrap();
        }
    }
    let granted = world.granted(id).await;
    assert!(String::from_utf8(granted.op_bytes.clone()).unwrap().contains(SECRET));
    let verified = world.verify(&granted, &ExecutionFacts::default(), &["ada", "grace"]).unwrap();
    assert!(String::from_utf8_lossy(verified.operation().op_bytes()).contains(SECRET));
    assert_eq!(leaks(world.folder(), "values"), [""; 0]);
}

#[test]
fn nothing_that_an_agent_writes_looks_like_a_mark() {
    let text = format!("{{\"note\":\"{MARK}\",\"{MARK}\":1}}");
    let operation = Operation::from_json("a.b", "c", text.as_bytes()).unwrap();
    let plain = render(&operation, None).unwrap().text;
    assert!(!plain.contains(MARK), "{plain}");
    let with = format!("{{\"note\":\"{MARK}\",\"{MARK}\":1,\"password\":\"x\",\"z\":\"a {MARK}\\nb\"}}");
    let operation = Operation::from_json("a.b", "c", with.as_bytes()).unwrap();
    let masked = Secrets::new(["password"]).unwrap().mask(&operation).unwrap();
    let shown = Operation::from_op_bytes(masked.op.as_bytes()).unwrap();
    let text = render_masked(&shown, operation.digest()).unwrap().text;
    assert!(text.contains("note: ⟨secret, 23 characters⟩\n"), "it is hidden, and says so: {text}");
    assert_eq!(text.matches(MARK).count(), 0, "{text}");
}
