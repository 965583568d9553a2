//! What strangers can send to the calls with which people sign in, change, pass on, go away and drill.

use crate::process::Served;
use crate::requests::{Row, garbage, ids, wrong};
use crate::support::{POLICY, Service};
use crate::wire::{Wire, channel};
use tonic::Code;

const ACCEPT: &str = "/countersign.v1.Authority/Accept";
const CHALLENGE: &str = "/countersign.v1.Review/Challenge";
const SIGN_IN: &str = "/countersign.v1.Review/SignIn";
const SIGN_OUT: &str = "/countersign.v1.Review/SignOut";
const WHO_AM_I: &str = "/countersign.v1.Review/WhoAmI";
const WATCH: &str = "/countersign.v1.Review/Watch";
const DRAFT_CHANGE: &str = "/countersign.v1.Review/DraftChange";
const PROPOSE_CHANGE: &str = "/countersign.v1.Review/ProposeChange";
const WHO_CAN: &str = "/countersign.v1.Review/WhoCan";
const PASS_ON: &str = "/countersign.v1.Review/PassOn";
const SET_AWAY: &str = "/countersign.v1.Review/SetAway";
const COME_BACK: &str = "/countersign.v1.Review/ComeBack";
const LIST_PEOPLE: &str = "/countersign.v1.Review/ListPeople";
const REVIEW_EMERGENCY: &str = "/countersign.v1.Review/ReviewEmergency";
const START_DRILL: &str = "/countersign.v1.Admin/StartDrill";
const LIST_DRILLS: &str = "/countersign.v1.Admin/ListDrills";

fn challenges() -> Vec<Row> {
    let person = |name: &str| Wire::default().text(1, name).0;
    let invalid = |name, message| (name, message, Code::InvalidArgument, "`person`");
    vec![
        invalid("nothing", vec![]),
        invalid("a space in a name", person("a da")),
        invalid("a name that moves", person("ada\u{202e}")),
        invalid("a million characters", person(&"a".repeat(1_000_000))),
        ("bad UTF-8", Wire::default().bytes(1, b"\xff").0, Code::Internal, "UTF-8"),
    ]
}

fn sign_ins() -> Vec<Row> {
    let proof = |challenge: &str, signature: &str| Wire::default().text(1, challenge).text(2, signature).0;
    vec![
        ("nothing", vec![], Code::InvalidArgument, "`proof`"),
        ("no challenge", proof("", "x"), Code::InvalidArgument, "sign_in.challenge"),
        ("one of its own", proof("sign in, please", "x"), Code::InvalidArgument, "sign_in.challenge"),
        (
            "a million characters",
            proof(&"x".repeat(1_000_000), "x"),
            Code::InvalidArgument,
            "sign_in.challenge",
        ),
    ]
}

/// An operation, where one is asked for beside an id.
fn changes() -> Vec<Row> {
    let unknown = format!("esc_{}", "A".repeat(22));
    let change = |operation: &Wire| Wire::default().text(1, &unknown).message(2, operation).0;
    let operation = |action: &str, parameters: &[u8]| {
        Wire::default().text(1, action).text(2, "db/staging/orders").bytes(3, parameters)
    };
    let invalid = |name, message, words| (name, message, Code::InvalidArgument, words);
    vec![
        invalid("no operation", Wire::default().text(1, &unknown).0, "`operation`"),
        invalid("an empty operation", change(&Wire::default()), "`operation`"),
        invalid("no action", change(&operation("", b"{}")), "`operation`"),
        invalid("parameters that are none", change(&operation("orders.read", b"[1]")), "`operation`"),
        invalid("a name twice", change(&operation("orders.read", br#"{"a":1,"a":2}"#)), "`operation`"),
        invalid(
            "a lossy number",
            change(&operation("orders.read", br#"{"a":9007199254740993}"#)),
            "`operation`",
        ),
        ("an unknown id", change(&operation("orders.read", b"{}")), Code::NotFound, "esc_AAAA"),
    ]
}

fn drills() -> Vec<Row> {
    let invalid = |name, message: Wire, words| (name, message.0, Code::InvalidArgument, words);
    let ask = Wire::default().text(3, "exec:fleet");
    vec![
        invalid("nothing", Wire::default(), "`agent`"),
        invalid("a name that moves", Wire::default().text(1, "a\u{202e}b"), "`agent`"),
        invalid("nobody's behalf", Wire::default().text(1, "agent:x").text(2, "a b"), "`on_behalf_of`"),
        invalid("nothing to ask", Wire::default().text(1, "agent:x"), "`ask`"),
        invalid("no operation", Wire::default().text(1, "agent:x").message(3, &ask), "`operation`"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_to_those_who_review_is_refused_by_name() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    let agents = channel(&served.service.path("agent.sock")).await;
    let reviewers = channel(&served.service.path("review.sock")).await;

    let mut found = wrong(&agents, ACCEPT, ids(0)).await;
    found.extend(wrong(&reviewers, WHO_CAN, ids(0)).await);
    found.extend(wrong(&reviewers, CHALLENGE, challenges()).await);
    found.extend(wrong(&reviewers, SIGN_IN, sign_ins()).await);
    let of_form = |rows: Vec<Row>| rows.into_iter().filter(|row| row.2 != Code::NotFound).collect::<Vec<_>>();
    for method in [DRAFT_CHANGE, PROPOSE_CHANGE] {
        found.extend(wrong(&reviewers, method, of_form(ids(0))).await);
    }
    found.extend(wrong(&reviewers, DRAFT_CHANGE, changes()).await);
    found.extend(wrong(&reviewers, PROPOSE_CHANGE, of_form(changes())).await);
    found.extend(wrong(&reviewers, START_DRILL, drills()).await);
    // What somebody does in their own name takes somebody, whatever they send.
    let nobody = |name| (name, Wire::default().text(1, "ada").0, Code::Unauthenticated, "sign in");
    for method in [SIGN_OUT, WHO_AM_I, PASS_ON, COME_BACK, REVIEW_EMERGENCY] {
        found.extend(wrong(&reviewers, method, vec![nobody("in nobody's name")]).await);
    }
    let away = Wire::default().number(2, u64::MAX).text(3, "ada").0;
    found.extend(
        wrong(&reviewers, SET_AWAY, vec![("for ever", away, Code::Unauthenticated, "sign in")]).await,
    );
    let decodes = [WATCH, SET_AWAY, PASS_ON, REVIEW_EMERGENCY, WHO_CAN, DRAFT_CHANGE, PROPOSE_CHANGE];
    let others = [CHALLENGE, SIGN_IN, SIGN_OUT, WHO_AM_I, COME_BACK, LIST_PEOPLE, START_DRILL, LIST_DRILLS];
    for method in decodes.into_iter().chain(others) {
        found.extend(wrong(&reviewers, method, garbage()).await);
        let absent = vec![("through the agents' door", vec![], Code::Unimplemented, "")];
        found.extend(wrong(&agents, method, absent).await);
    }
    found.extend(wrong(&agents, ACCEPT, garbage()).await);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(served.stop().minted(), 0);
}
