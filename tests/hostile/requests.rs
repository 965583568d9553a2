//! Every call of both services with what must not be: a named refusal each, and nothing is allowed by any of them.

use crate::process::Served;
use crate::support::{FLEET, POLICY, Service, deploy};
use crate::wire::{Wire, call, channel, number_in};
use tonic::Code;
use tonic::transport::Channel;

pub(crate) const AUTHORIZE: &str = "/countersign.v1.Authority/Authorize";
pub(crate) const AWAIT: &str = "/countersign.v1.Authority/Await";
const CANCEL: &str = "/countersign.v1.Authority/Cancel";
const REPORT: &str = "/countersign.v1.Authority/Report";
const BUNDLE: &str = "/countersign.v1.Authority/GetTrustBundle";
const LIST: &str = "/countersign.v1.Review/List";
const SHOW: &str = "/countersign.v1.Review/Show";
const VOTE: &str = "/countersign.v1.Review/Vote";

const SUSPEND: &str = "/countersign.v1.Admin/Suspend";
const RESUME: &str = "/countersign.v1.Admin/Resume";
const SUSPENSIONS: &str = "/countersign.v1.Admin/ListSuspensions";
const POLICY_STATUS: &str = "/countersign.v1.Admin/PolicyStatus";
const RELOAD: &str = "/countersign.v1.Admin/ReloadPolicy";

const ALLOW: u64 = 1;

/// What is sent, and what must come back.
pub(crate) type Row = (&'static str, Vec<u8>, Code, &'static str);

fn operation(action: &str, resource: &str, parameters: impl AsRef<[u8]>) -> Wire {
    Wire::default().text(1, action).text(2, resource).bytes(3, parameters.as_ref())
}

fn request(operation: &Wire) -> Wire {
    Wire::default().message(2, operation).text(3, FLEET)
}

fn harmless() -> Wire {
    operation("orders.read", "db/staging/orders", r#"{"limit":10}"#)
}

/// A request that the starter policy allows.
pub(crate) fn good() -> Vec<u8> {
    request(&harmless()).0
}

fn with_parameters(parameters: impl AsRef<[u8]>) -> Vec<u8> {
    request(&operation("orders.read", "db/staging/orders", parameters)).0
}

fn with_action(action: &str) -> Vec<u8> {
    request(&operation(action, "db/staging/orders", "{}")).0
}

fn with_resource(resource: &str) -> Vec<u8> {
    request(&operation("orders.read", resource, "{}")).0
}

fn with(field: u64, value: &[u8]) -> Vec<u8> {
    request(&harmless()).bytes(field, value).0
}

fn nested(depth: usize) -> String {
    format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
}

fn parameters() -> Vec<Row> {
    let invalid =
        |name, parameters: Vec<u8>, code| (name, with_parameters(parameters), Code::InvalidArgument, code);
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(257 * 1024));
    let many = format!(r#"{{{}}}"#, (0..5000).map(|n| format!(r#""{n}":0"#)).collect::<Vec<_>>().join(","));
    vec![
        invalid("257 KiB", long.into(), "json.too_large"),
        invalid("33 deep", nested(33).into(), "json.too_deep"),
        invalid("100 000 deep", nested(100_000).into(), "json.too_deep"),
        invalid("100 000 opened only", "[".repeat(100_000).into(), "json.too_deep"),
        invalid("5 000 members", many.into(), "json.too_many_members"),
        invalid("a name twice", br#"{"id":1,"id":2}"#.into(), "json.duplicate_name"),
        invalid("a name twice, once escaped", br#"{"id":1,"\u0069d":2}"#.into(), "json.duplicate_name"),
        invalid("a byte order mark", b"\xef\xbb\xbf{}".into(), "json.byte_order_mark"),
        invalid("bad UTF-8", b"{\"a\":\"\xff\"}".into(), "json.not_utf8"),
        invalid("an overlong slash", b"{\"a\":\"\xc0\xaf\"}".into(), "json.not_utf8"),
        invalid("NaN", br#"{"a":NaN}"#.into(), "json."),
        invalid("Infinity", br#"{"a":-Infinity}"#.into(), "json."),
        invalid("a huge number", br#"{"a":1e400}"#.into(), "json.number_out_of_range"),
        invalid("2^53 + 1", br#"{"a":9007199254740993}"#.into(), "json.lossy_number"),
        invalid("a negative zero", br#"{"a":-0}"#.into(), "json.negative_zero"),
        invalid("a leading zero", br#"{"a":01}"#.into(), "json."),
        invalid("half a surrogate", br#"{"a":"\ud800"}"#.into(), "json.lone_surrogate"),
        invalid("a raw line feed", b"{\"a\":\"\n\"}".into(), "json.control_character"),
        invalid("nothing", b"".into(), "json.truncated"),
        invalid("half an object", br#"{"a":"#.into(), "json.truncated"),
        invalid("two objects", b"{}{}".into(), "json.trailing"),
        invalid("a comment", b"{}//".into(), "json.trailing"),
        invalid("an array", b"[]".into(), "operation.parameters_not_object"),
    ]
}

fn operations() -> Vec<Row> {
    let action = |name, action: &str| (name, with_action(action), Code::InvalidArgument, "operation.action");
    let resource =
        |name, resource: &str| (name, with_resource(resource), Code::InvalidArgument, "operation.resource");
    let payload = |bytes: usize| Wire::default().text(1, "a.b").text(2, "r").bytes(4, &vec![b'x'; bytes]);
    vec![
        action("a million dots", &".".repeat(1_000_000)),
        action("a million dotted parts", &"a.".repeat(500_000)),
        action("no action", ""),
        action("257 bytes", &"a".repeat(257)),
        action("a space", "orders read"),
        action("an empty part", "orders..read"),
        action("a dot before", ".orders"),
        action("a dot behind", "orders."),
        action("a letter that looks like another", "оrders.read"),
        action("a control character", "orders.read\0"),
        resource("no resource", ""),
        resource("a line feed", "db/staging\norders"),
        resource("an escape sequence", "db/\u{1b}[2J"),
        resource("a NUL", "db/staging/orders\0"),
        resource("2 049 bytes", &"r".repeat(2049)),
        resource("a noncharacter", "db/\u{fffe}"),
        ("nothing at all", vec![], Code::InvalidArgument, "`operation` is missing"),
        ("no operation", Wire::default().text(3, FLEET).0, Code::InvalidArgument, "`operation` is missing"),
        (
            "no body",
            request(&Wire::default().text(1, "orders.read").text(2, "r")).0,
            Code::InvalidArgument,
            "neither `parameters` nor `payload`",
        ),
        (
            "1 MiB and a byte",
            request(&payload((1 << 20) + 1)).0,
            Code::InvalidArgument,
            "`payload` is longer",
        ),
        ("3 MiB", request(&payload(3 << 20)).0, Code::OutOfRange, "too large"),
    ]
}

fn beside_the_operation() -> Vec<Row> {
    let invalid = |name, message, words| (name, message, Code::InvalidArgument, words);
    let context = |field, text: &str| with(4, &Wire::default().text(field, text).0);
    let declared = |field, text: &str| with(5, &Wire::default().text(field, text).0);
    let alternatives = (0..1000).fold(Wire::default(), |wire, _| wire.text(6, "wait"));
    let long = "x".repeat(20 * 1024);
    let mut low_order = [0; 32];
    low_order[0] = 1;
    vec![
        invalid("129 characters", with(1, "i".repeat(129).as_bytes()), "`request_id`"),
        invalid("a line feed in the id", with(1, b"a\nb"), "`request_id`"),
        invalid("a space in the id", with(1, b"a b"), "`request_id`"),
        invalid("no executor", Wire::default().message(2, &harmless()).0, "`executor`"),
        invalid("an unknown executor", with(3, b"exec:nobody"), "`exec:nobody`"),
        invalid("an endless executor", with(3, "e".repeat(100_000).as_bytes()), "`executor`"),
        invalid("an executor with a fragment", with(3, b"exec:fleet#op=x"), "executor"),
        invalid("a long reason", context(1, &long), "`context`"),
        invalid("a long user request", context(2, &long), "`context`"),
        invalid("long reasoning", context(3, &long), "`context`"),
        invalid("a long blast radius", context(4, &long), "`context`"),
        invalid("long reversibility", context(5, &long), "`context`"),
        invalid("a long alternative", context(6, &long), "`context`"),
        invalid("1 000 alternatives", with(4, &alternatives.0), "`context.alternatives`"),
        invalid("an unknown kind", declared(1, "nuke"), "`declared.kind`: unknown value `nuke`"),
        invalid("a kind in capitals", declared(1, "READ"), "`declared.kind`"),
        invalid("an unknown environment", declared(2, "moon"), "`declared.environment`"),
        invalid("a key of 31 bytes", with(6, &[7; 31]), "`holder_key` is not 32 bytes"),
        invalid("a key of 33 bytes", with(6, &[7; 33]), "`holder_key` is not 32 bytes"),
        invalid("a key of small order", with(6, &low_order), "`holder_key`"),
        invalid("a key of zeroes", with(6, &[0; 32]), "`holder_key`"),
        invalid("a key beyond the field", with(6, &[0xff; 32]), "`holder_key`"),
    ]
}

/// What is no message of the right kind at all; sent to every method.
pub(crate) fn garbage() -> Vec<Row> {
    let undecodable = |name, bytes| (name, bytes, Code::Internal, "failed to decode");
    vec![
        undecodable("no protobuf", vec![0xff; 64]),
        undecodable("a cut length", vec![0x0a, 0x7f, b'x']),
        undecodable(
            "a length of 2^63",
            Wire::default()
                .number(1, 0)
                .0
                .into_iter()
                .chain([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
                .collect(),
        ),
        undecodable("the field 0", vec![0x02, 0x00]),
        undecodable("100 000 groups in each other", vec![0xfb; 100_000]),
        ("3 MiB", Wire::default().bytes(99, &vec![0; 3 << 20]).0, Code::OutOfRange, "too large"),
    ]
}

pub(crate) fn ids(reason: u64) -> Vec<Row> {
    let id = |text: &str| Wire::default().text(1, text).0;
    let invalid = |name, message| (name, message, Code::InvalidArgument, "`escalation_id`");
    let unknown = format!("esc_{}", "A".repeat(22));
    let mut rows = vec![
        invalid("nothing", vec![]),
        invalid("another kind of id", id(&format!("txn_{}", "A".repeat(22)))),
        invalid("a short id", id(&format!("esc_{}", "A".repeat(21)))),
        invalid("a long id", id(&format!("esc_{}", "A".repeat(23)))),
        invalid("loose bits", id(&format!("esc_{}B", "A".repeat(21)))),
        invalid("a path", id("esc_../../../../etc/passwd")),
        invalid("a million characters", id(&"esc_".repeat(250_000))),
        ("bad UTF-8", Wire::default().bytes(1, b"esc_\xff").0, Code::Internal, "UTF-8"),
        ("an unknown id", id(&unknown), Code::NotFound, "esc_AAAA"),
    ];
    if reason > 0 {
        let long = Wire::default().text(1, &unknown).text(reason, &"x".repeat(20 * 1024)).0;
        rows.push(("a long reason", long, Code::InvalidArgument, "`reason`"));
    }
    rows
}

fn reports(decision: &str) -> Vec<Row> {
    let report = |id: &str, outcome: u64| Wire::default().text(1, id).number(2, outcome);
    let invalid = |name, message: Wire, words| (name, message.0, Code::InvalidArgument, words);
    let long = "x".repeat(20 * 1024);
    vec![
        invalid("nothing", Wire::default(), "`decision_id`"),
        invalid("another kind of id", report(&format!("esc_{}", "A".repeat(22)), 1), "`decision_id`"),
        invalid("no outcome", Wire::default().text(1, decision), "`outcome`"),
        invalid("an unknown outcome", report(decision, 99), "`outcome`"),
        invalid("a negative outcome", report(decision, u64::MAX), "`outcome`"),
        invalid("a long code", report(decision, 4).text(3, &long), "`code`"),
        invalid("a long detail", report(decision, 1).text(4, &long), "`detail`"),
        ("bad UTF-8", report(decision, 1).bytes(4, b"\xff").0, Code::Internal, "UTF-8"),
        ("an unknown decision", report(&format!("txn_{}", "A".repeat(22)), 1).0, Code::NotFound, "txn_AAAA"),
    ]
}

fn suspensions() -> Vec<Row> {
    let order = || Wire::default().text(4, "it runs wild");
    let invalid = |name, message: Wire, words| (name, message.0, Code::InvalidArgument, words);
    vec![
        invalid("nothing", Wire::default(), "`everything`"),
        invalid("no scope", order(), "`everything`"),
        invalid("an empty scope", order().text(1, "").text(2, ""), "`everything`"),
        invalid("everything and more", order().text(1, "a").number(3, 1), "`everything`"),
        invalid("no reason", Wire::default().number(3, 1), "`reason`"),
        invalid("a blank reason", Wire::default().number(3, 1).text(4, " "), "`reason`"),
        invalid("a long reason", Wire::default().number(3, 1).text(4, &"x".repeat(1 << 20)), "`reason`"),
        invalid("a reason that moves", Wire::default().number(3, 1).text(4, "a\u{202e}b"), "`reason`"),
        invalid("a space in an agent", order().text(1, "a b"), "`agent`"),
        invalid("a look-alike agent", order().text(1, "аgent:tester"), "`agent`"),
        invalid("a long agent", order().text(1, &"*".repeat(513)), "`agent`"),
        invalid("a line feed in an action", order().text(2, "a\n"), "`action`"),
        invalid("a million stars", order().text(2, &"*".repeat(1 << 20)), "`action`"),
        invalid("a hundred years", order().number(3, 1).number(5, 100 * 366 * 24 * 3600), "`for_seconds`"),
        invalid("all the time there is", order().number(3, 1).number(5, u64::MAX), "`for_seconds`"),
        ("bad UTF-8", Wire::default().bytes(4, b"\xff").0, Code::Internal, "UTF-8"),
    ]
}

fn resumptions() -> Vec<Row> {
    let invalid = |name, message: Wire, words| (name, message.0, Code::InvalidArgument, words);
    let unknown = format!("sus_{}", "A".repeat(22));
    vec![
        invalid("nothing", Wire::default(), "`id`"),
        invalid("one and all", Wire::default().text(1, &unknown).number(2, 1), "`id`"),
        invalid("another kind of id", Wire::default().text(1, &format!("esc_{}", "A".repeat(22))), "`id`"),
        invalid("a million characters", Wire::default().text(1, &"sus_".repeat(250_000)), "`id`"),
        ("an unknown id", Wire::default().text(1, &unknown).0, Code::NotFound, "sus_AAAA"),
        ("bad UTF-8", Wire::default().bytes(1, b"sus_\xff").0, Code::Internal, "UTF-8"),
    ]
}

/// Sends each row and gives all that did not come back as it must.
pub(crate) async fn wrong(channel: &Channel, method: &str, rows: Vec<Row>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, message, code, words) in rows {
        match call(channel, method, message).await {
            Err(status) if status.code() == code && status.message().contains(words) => {
                let message = status.message();
                if message.contains(['\n', '\u{1b}', '\0']) || message.len() > 1000 {
                    wrong.push(format!("{method}: {name}: its message is not one short line: {message:?}"));
                }
            }
            Err(status) => wrong.push(format!(
                "{method}: {name}: {:?} `{}` is not {code:?} `{words}`",
                status.code(),
                status.message()
            )),
            Ok(answer) => wrong.push(format!("{method}: {name}: it was answered: {answer:?}")),
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_refuses_what_must_not_be_by_name_and_allows_nothing() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    let service = &served.service;
    let agents = channel(&service.path("agent.sock")).await;
    let reviewers = channel(&service.path("review.sock")).await;
    let decision = service.agent().await.authorize(deploy("1")).await.unwrap().decision;

    let mut found = Vec::new();
    for rows in [parameters(), operations(), beside_the_operation()] {
        found.extend(wrong(&agents, AUTHORIZE, rows).await);
    }
    let bad_utf8 = |field| ("bad UTF-8", with(field, b"\xff"), Code::Internal, "UTF-8");
    found.extend(wrong(&agents, AUTHORIZE, vec![bad_utf8(1), bad_utf8(3)]).await);
    found.extend(wrong(&agents, AWAIT, ids(0)).await);
    found.extend(wrong(&agents, CANCEL, ids(2)).await);
    found.extend(wrong(&agents, REPORT, reports(&decision)).await);
    found.extend(wrong(&reviewers, SHOW, ids(0)).await);
    // A vote is read before it is looked up what it is for, so only an id that is none is refused as such.
    let votes = ids(0).into_iter().filter(|row| row.2 != Code::NotFound).collect();
    found.extend(wrong(&reviewers, VOTE, votes).await);
    found.extend(wrong(&reviewers, SUSPEND, suspensions()).await);
    found.extend(wrong(&reviewers, RESUME, resumptions()).await);
    for (channel, methods) in [
        (&agents, [AUTHORIZE, AWAIT, CANCEL, REPORT, BUNDLE].as_slice()),
        (&reviewers, &[LIST, SHOW, VOTE, SUSPEND, RESUME, SUSPENSIONS, POLICY_STATUS, RELOAD]),
    ] {
        for method in methods {
            found.extend(wrong(channel, method, garbage()).await);
        }
    }
    // Neither service is reachable through the other's door, nor is anything that is not there.
    let absent = || vec![("a call that is not here", good(), Code::Unimplemented, "")];
    let elsewhere = ["/countersign.v1.Authority/Mint", "/nothing.v1.Nothing/At", "/"];
    let others = [LIST, SHOW, VOTE, SUSPEND, RESUME, SUSPENSIONS, POLICY_STATUS, RELOAD];
    for method in others.into_iter().chain(elsewhere) {
        found.extend(wrong(&agents, method, absent()).await);
    }
    for method in [AUTHORIZE, AWAIT, CANCEL, REPORT, BUNDLE] {
        found.extend(wrong(&reviewers, method, absent()).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));

    let answer = call(&agents, AUTHORIZE, good()).await.unwrap();
    assert_eq!(number_in(&answer, 2), Some(ALLOW), "it still answers");
    assert_eq!(served.stop().minted(), 1, "and nothing else was allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_strange_but_sound_is_answered_and_counted_against_nobody() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    let agents = channel(&served.service.path("agent.sock")).await;
    let reviewers = channel(&served.service.path("review.sock")).await;
    let payload = Wire::default().text(1, "sql.run").text(2, "db/production/orders");
    let drop_all = operation("orders.drop", "db/production/orders", r#"{"filter":"*"}"#);
    let both = payload.clone().bytes(3, b"{}").bytes(4, b"drop table orders");
    let rows: [(&str, Vec<u8>); 8] = [
        // The last of them counts, as protobuf says; and it is the one that was shown, hashed and bound.
        ("both bodies", request(&both).0),
        ("the largest payload", request(&payload.bytes(4, &vec![b'x'; 1 << 20])).0),
        (
            "as many rows as there can be",
            request(&drop_all).message(5, &Wire::default().number(3, u64::MAX)).0,
        ),
        ("an operation after another", request(&harmless()).message(2, &drop_all).0),
        ("an unknown field", request(&drop_all).text(99, "verdict: allow").0),
        ("a name of its own", request(&drop_all).text(7, "agent:admin").0),
        ("the longest action", with_action(&"a".repeat(256))),
        ("the longest resource", request(&operation("orders.drop", &"r".repeat(2048), "{}")).0),
    ];
    for (name, message) in rows {
        let answer =
            call(&agents, AUTHORIZE, message).await.unwrap_or_else(|status| panic!("{name}: {status}"));
        assert_ne!(number_in(&answer, 2), Some(ALLOW), "{name}");
    }
    for limit in [0, 1, u64::from(u32::MAX), u64::MAX] {
        let message = Wire::default().number(2, 3).number(3, limit).0;
        call(&reviewers, LIST, message).await.unwrap_or_else(|status| panic!("limit {limit}: {status}"));
    }
    assert_eq!(served.stop().minted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_on_both_doors() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    for (socket, name, other) in [
        ("agent.sock", "countersign.v1.Authority", "countersign.v1.Review"),
        ("review.sock", "countersign.v1.Review", "countersign.v1.Authority"),
        ("review.sock", "countersign.v1.Admin", "countersign.v1.Authority"),
    ] {
        let channel = channel(&served.service.path(socket)).await;
        let check = "/grpc.health.v1.Health/Check";
        let asked = Wire::default().text(1, name).0;
        assert_eq!(number_in(&call(&channel, check, asked).await.unwrap(), 1), Some(1), "{name} serves");
        assert_eq!(number_in(&call(&channel, check, vec![]).await.unwrap(), 1), Some(1));
        let asked = Wire::default().text(1, other).0;
        assert_eq!(call(&channel, check, asked).await.unwrap_err().code(), Code::NotFound);
        let reflect = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let listed = call(&channel, reflect, Wire::default().text(7, "").0).await.unwrap();
        assert!(String::from_utf8_lossy(&listed).contains(name));
        let garbage = Wire::default().text(4, &"x".repeat(100_000)).0;
        drop(call(&channel, reflect, garbage).await);
    }
    served.stop();
}
