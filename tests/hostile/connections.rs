//! Connections that are garbage, half there, dropped or out of patience; the service goes on for everybody else.

use crate::http2::{DATA, END_STREAM, HEADERS, SETTINGS, answer, frame, headers, message, open};
use crate::process::Served;
use crate::requests::{AUTHORIZE, AWAIT, good};
use crate::support::{POLICY, Service, deploy, read};
use crate::wire::Wire;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_half_requests_disturb_nobody() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    let socket = served.service.path("agent.sock");
    let half = [message(&good())[..20].to_vec()];
    let rows: Vec<Vec<Vec<u8>>> = vec![
        vec![headers(AUTHORIZE, &[])],
        vec![headers(AUTHORIZE, &[]), frame(DATA, 0, 1, &half[0])],
        // Ended in the middle of its message.
        vec![headers(AUTHORIZE, &[]), frame(DATA, END_STREAM, 1, &half[0])],
        // A message that says it has 4 GiB.
        vec![headers(AUTHORIZE, &[]), frame(DATA, 0, 1, &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])],
        // A compressed message, where none was agreed.
        vec![headers(AUTHORIZE, &[]), frame(DATA, END_STREAM, 1, &[1, 0, 0, 0, 1, 0])],
        // Headers that are none.
        vec![frame(HEADERS, 4, 1, &[0xff; 100])],
        vec![
            headers(AUTHORIZE, &[("grpc-timeout", "99999999999999999999H")]),
            frame(DATA, END_STREAM, 1, &message(&[])),
        ],
        vec![headers(AUTHORIZE, &[("grpc-timeout", "soon")]), frame(DATA, END_STREAM, 1, &message(&[]))],
        vec![headers(AUTHORIZE, &[("grpc-encoding", "lzma")]), frame(DATA, END_STREAM, 1, &message(&good()))],
        vec![
            headers(AUTHORIZE, &[("authorization", "Basic YTpi")]),
            frame(DATA, END_STREAM, 1, &message(&good())),
        ],
        // Settings of the wrong size, a frame on no stream, and one that is longer than it may be.
        vec![frame(SETTINGS, 0, 0, &[1, 2, 3])],
        vec![frame(DATA, 0, 0, b"x")],
        vec![headers(AUTHORIZE, &[]), frame(DATA, 0, 1, &vec![0; 1 << 20])],
    ];
    let mut held = Vec::new();
    for frames in &rows {
        // Once dropped at once, once held open while others ask.
        drop(open(&socket, frames));
        held.push(open(&socket, frames));
    }
    for bytes in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0; 65_536], b"\x16\x03\x01", b"PRI * HTTP/2.0"] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        drop(stream.write_all(bytes));
        held.push(stream);
    }
    assert!(served.service.agent().await.authorize(read()).await.unwrap().grant.is_some());
    drop(held);
    assert!(served.service.agent().await.authorize(read()).await.unwrap().grant.is_some());
    assert_eq!(served.stop().minted(), 2, "no half of a request was one");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_connections_come_and_go() {
    let service = Service::prepare(POLICY, "", "");
    let text = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(service.path("countersign.yaml"), text.replace("127.0.0.1:0", &free.to_string())).unwrap();
    let served = Served::start(service);
    let socket = served.service.path("agent.sock");
    let mut held = Vec::new();
    for n in 0..200 {
        let stream = UnixStream::connect(&socket).unwrap();
        if n % 2 == 0 {
            held.push(stream);
        }
        drop(TcpStream::connect(free).unwrap());
    }
    assert!(served.service.agent().await.authorize(read()).await.unwrap().grant.is_some());
    drop(held);
    // On TCP nothing proves who it is, so nobody is let in.
    let target = countersign::client::Target::Tcp(format!("http://{free}"));
    let stranger = countersign::client::AgentClient::connect(countersign::client::Connect::to(target)).await;
    let refused = stranger.unwrap().authorize(read()).await.unwrap_err();
    assert_eq!(crate::support::code(refused), "Unauthenticated");
    assert_eq!(served.stop().minted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_call_and_a_wait() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    let socket = served.service.path("agent.sock");
    let id = served.service.escalate(deploy("1")).await;
    let told = tokio::task::spawn_blocking(move || {
        let ask = |method, timeout, bytes: &[u8]| {
            let frames =
                [headers(method, &[("grpc-timeout", timeout)]), frame(DATA, END_STREAM, 1, &message(bytes))];
            answer(open(&socket, &frames), Duration::from_secs(20))
        };
        let wait = Wire::default().text(1, &id).0;
        (ask(AUTHORIZE, "1n", &good()), ask(AUTHORIZE, "10S", &good()), ask(AWAIT, "300m", &wait))
    });
    let (at_once, in_time, waited) = told.await.unwrap();
    // A nanosecond may still be enough: what is quicker than the timer is answered.
    assert!(at_once.0, "whoever has no time is not kept waiting");
    assert!(in_time.0 && in_time.1 > 0);
    assert!(waited.1 > 0, "a wait begins with the present state");
    assert!(waited.0, "and ends at its deadline, though nobody decided");
    served.stop();
}
