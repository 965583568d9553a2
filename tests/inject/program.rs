//! The program: `countersign inject` from its start to its end, and `countersign wait`.

use crate::api::{KubernetesApi, SECRET};
use crate::corpus::rows;
use crate::reviews::review;
use crate::webhook::{ask, post};
use base64::Engine as _;
use countersign::clock::{Clock as _, SystemClock};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    std::fs::write(folder.join("roots.jwks"), r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#)
        .unwrap();
    command.current_dir(folder).args(arguments).env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

const NEEDED: [&str; 9] = [
    "inject",
    "--image",
    "registry.example/countersign:9",
    "--desk",
    "https://desk.example:8443",
    "--trust-domain",
    "https://acme.example",
    "--roots",
    "roots.jwks",
];

async fn stopped(child: Child) -> (i32, String, String) {
    let output =
        tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// What a probe is answered: the status, and the whole of it.
async fn probe(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    Some((text.split(' ').nth(1)?.parse().ok()?, text))
}

/// Waits until a probe is answered with this status.
async fn until(address: SocketAddr, path: &str, status: u16) {
    let waiting = async {
        while probe(address, path).await.is_none_or(|(answered, _)| answered != status) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(done.is_ok(), "{path} never was {status}: {:?}", probe(address, path).await);
}

/// The document that it prints when it is there.
async fn announced(child: &mut Child) -> Value {
    let (mut text, mut out) = (Vec::new(), child.stdout.take().unwrap());
    let read = async {
        loop {
            if let Ok(document) = serde_json::from_slice(&text) {
                return document;
            }
            text.push(out.read_u8().await.expect("it ended before it was ready"));
        }
    };
    let document = tokio::time::timeout(Duration::from_secs(60), read).await.unwrap();
    child.stdout = Some(out);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn it_makes_its_certificate_answers_tells_and_ends_in_order() {
    let kubernetes = KubernetesApi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = kubernetes.token();
    let mut arguments = NEEDED.to_vec();
    arguments.extend(["--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", "--json", "--drain", "60"]);
    arguments.extend(["--api-server", &kubernetes.url, "--api-token", token.to_str().unwrap()]);
    let mut child = command(folder.path(), &arguments).spawn().unwrap();
    let document = announced(&mut child).await;
    assert_eq!(document["mode"], "native", "by the cluster's version");
    let address = |name: &str| -> SocketAddr { document[name].as_str().unwrap().parse().unwrap() };
    let (webhook, health) = (address("webhook"), address("health"));
    until(health, "/ready", 200).await;
    assert_eq!(probe(health, "/startup").await.unwrap().0, 200);
    assert_eq!(probe(health, "/live").await.unwrap().0, 200);
    assert!(kubernetes.state().objects.contains_key(SECRET));
    let now = SystemClock::start().now();
    let bundle = kubernetes.bundles().remove(0);
    let text = review(&rows().into_iter().find(|row| row.name == "of a Deployment").unwrap().pod).to_string();
    let answered = || async {
        let (status, body) = ask(webhook, &bundle, now, true, post("/inject", text.clone())).await.unwrap();
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let patch = answer["response"]["patch"].as_str().unwrap();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(patch).unwrap()).unwrap()
    };
    let patch = answered().await;
    for words in
        ["registry.example/countersign:9", "https://desk.example:8443", "https://acme.example", "Always"]
    {
        assert!(patch.contains(words), "{words}: {patch}");
    }
    kubernetes.until(|state| state.events.len() == 1).await;
    let metrics = probe(health, "/metrics").await.unwrap().1;
    for line in [
        "countersign_admission_requests_total{outcome=\"injected\",reason=\"asked\"} 1",
        "countersign_admission_authority_known 1",
        "countersign_certificate_not_after_seconds ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let terminate = |child: &Child| {
        let id = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    };
    terminate(&child);
    until(health, "/ready", 503).await;
    // It goes on answering: the API server has not heard yet.
    answered().await;
    // A second word ends the waiting.
    terminate(&child);
    let (code, _, said) = stopped(child).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_while_the_api_server_does_not_know_its_authority() {
    let kubernetes = KubernetesApi::start().await;
    kubernetes.state().objects.remove(crate::api::WEBHOOKS);
    let folder = tempfile::tempdir().unwrap();
    let token = kubernetes.token();
    let mut arguments = NEEDED.to_vec();
    arguments.extend([
        "--listen",
        "127.0.0.1:0",
        "--health",
        "127.0.0.1:0",
        "--json",
        "--drain",
        "0",
        "--mode",
        "ordinary",
    ]);
    arguments.extend(["--api-server", &kubernetes.url, "--api-token", token.to_str().unwrap()]);
    let mut child = command(folder.path(), &arguments).spawn().unwrap();
    let document = announced(&mut child).await;
    assert_eq!(document["mode"], "ordinary");
    let health = document["health"].as_str().unwrap().parse().unwrap();
    until(health, "/startup", 200).await;
    let (status, why) = probe(health, "/ready").await.unwrap();
    assert!(status == 503 && why.contains("does not know the certificate's authority"), "{why}");
    drop(child);
}

#[tokio::test]
async fn what_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "{}").unwrap();
    let changed = |name: &'static str, value: &'static str| -> Vec<&'static str> {
        NEEDED
            .iter()
            .zip([""].iter().chain(&NEEDED))
            .map(|(own, before)| if *before == name { value } else { own })
            .collect()
    };
    let with = |more: &[&'static str]| -> Vec<&'static str> { NEEDED.iter().chain(more).copied().collect() };
    for (arguments, words) in [
        (vec!["inject"], "--image"),
        (changed("--desk", "http://desk.example"), "`--desk http://desk.example`"),
        (changed("--trust-domain", "no uri"), "`--trust-domain no uri`"),
        (changed("--roots", "missing"), "`--roots missing`"),
        (changed("--roots", "empty"), "no JWK set"),
        (with(&["--desk-ca", "empty"]), "`--desk-ca`"),
        (with(&["--memory-limit", "64MB"]), "64MB"),
        (with(&["--memory-request", "1Gi"]), "`--memory-request 1Gi`"),
        (with(&["--certificate", "tls.crt"]), "--key"),
        (with(&["--tolerate", "everything"]), "host-path, privileged"),
        (with(&["--mode", "native", "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0"]), "--api-server"),
    ] {
        let (code, _, said) = stopped(command(folder.path(), &arguments).spawn().unwrap()).await;
        assert!(code == 2 && said.contains(words), "{arguments:?}: {code} {said}");
    }
}

#[tokio::test]
async fn waiting_ends_when_the_socket_takes_connections_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let text = path.to_str().unwrap();
    let (code, _, said) =
        stopped(command(folder.path(), &["wait", "--socket", text, "--seconds", "1"]).spawn().unwrap()).await;
    assert!(code == 1 && said.contains("took no connection"), "{code} {said}");
    // A file that nobody listens on is no socket yet.
    std::fs::write(&path, "").unwrap();
    let mut child = command(folder.path(), &["wait", "--socket", text]).spawn().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), child.wait()).await.is_err());
    std::fs::remove_file(&path).unwrap();
    let _listening = tokio::net::UnixListener::bind(&path).unwrap();
    assert_eq!(stopped(child).await.0, 0);
}
