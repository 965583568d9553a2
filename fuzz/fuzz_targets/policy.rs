//! Any text as a policy: refused with a place, or a policy that decides without panicking, and whose schema takes it.
#![no_main]

use countersign::decision::{Request, decide};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::party::AgentId;
use countersign::policy::Policy;
use countersign::risk::{Claims, History};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let policy = match Policy::parse(text, "policy.yaml") {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let Ok(agent) = AgentId::new("agent-7") else { return };
    for parameters in ["{}", r#"{"sql":"DELETE FROM t"}"#, r#"{"amount":"x","command":["rm","-rf","/"]}"#] {
        let Ok(operation) = Operation::from_json("db.delete", "prod/orders", parameters.as_bytes()) else {
            return;
        };
        let request = Request {
            operation: &operation,
            claims: &Claims::default(),
            agent: &agent,
            on_behalf_of: None,
            context: &Default::default(),
            executor: None,
        };
        let decision =
            decide(&request, &policy, &History::default(), Moment::from_unix_seconds(1_795_521_600));
        assert!(!decision.reasons.is_empty());
    }
});
