//! Mail: a small SMTP server that does what it is told, over TLS too, and a real one.

use crate::letters::{HOSTILE, letter};
use countersign::clock::ManualClock;
use countersign::moment::Moment;
use countersign::notify::email::{Email, Security, Server};
use countersign::notify::{Address, Messenger as _, NotSent};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What a server answers to `RCPT TO`, and whether it offers to log in.
#[derive(Clone, Copy)]
struct Manner {
    rcpt: &'static str,
    auth: Option<&'static str>,
}

const KIND: Manner = Manner { rcpt: "250 2.1.5 OK", auth: None };

/// What was sent: the envelope's recipients and the mail.
type Mails = Arc<Mutex<Vec<(Vec<String>, String)>>>;

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: Manner,
    mails: Mails,
) -> std::io::Result<()> {
    let mut stream = tokio::io::BufStream::new(stream);
    let (mut to, mut line) = (Vec::new(), String::new());
    let mut answer = "220 mx.example ESMTP".to_owned();
    loop {
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        stream.flush().await?;
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_ascii_uppercase();
        answer = match command.split([' ', ':']).next().unwrap() {
            "EHLO" if manner.auth.is_some() => {
                "250-mx.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN".to_owned()
            }
            "EHLO" => "250-mx.example\r\n250 8BITMIME".to_owned(),
            "AUTH" => manner.auth.unwrap_or("503 5.5.1 no").to_owned(),
            "MAIL" => "250 2.1.0 OK".to_owned(),
            "RCPT" => {
                to.push(line.trim_end().to_owned());
                manner.rcpt.to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                stream.flush().await?;
                let mut mail = String::new();
                loop {
                    line.clear();
                    stream.read_line(&mut line).await?;
                    if line == ".\r\n" {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                mails.lock().unwrap().push((std::mem::take(&mut to), mail));
                "250 2.0.0 queued".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 2.0.0 bye\r\n").await?;
                return stream.flush().await;
            }
            "RSET" | "NOOP" => "250 2.0.0 OK".to_owned(),
            _ => "502 5.5.2 not understood".to_owned(),
        };
    }
}

/// A server; over TLS from the start, if it has a certificate.
async fn server(manner: Manner, tls: Option<TlsAcceptor>) -> (u16, Mails) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Mails::default();
    let keep = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (keep, tls) = (keep.clone(), tls.clone());
            tokio::spawn(async move {
                // Whoever hangs up in the middle is done.
                match tls {
                    None => drop(converse(stream, manner, keep).await),
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            drop(converse(stream, manner, keep).await);
                        }
                    }
                }
            });
        }
    });
    (port, mails)
}

fn email(port: u16, change: impl FnOnce(&mut Server)) -> Email {
    let mut server = Server {
        host: "localhost".to_owned(),
        port,
        security: Security::Plain,
        authority: None,
        login: None,
    };
    change(&mut server);
    let clock = ManualClock::at(Moment::from_rfc3339("2026-11-22T02:30:00Z").unwrap());
    Email::new(&server, "Countersign <approvals@acme.example>", Arc::new(clock)).unwrap()
}

fn ada() -> Address {
    Address::Email("ada@acme.example".into())
}

/// The text of a mail without what its transport did to it.
fn decoded(mail: &str) -> String {
    let text = mail.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, more)) = rest.split_first() {
        rest = more;
        let hex = (*byte == b'=').then(|| rest.get(..2)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &rest[2..];
            }
            None => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_mail_arrives_once_with_the_links_in_text_and_html() {
    let (port, mails) = server(KIND, None).await;
    let letter = letter(ada(), "Delete old orders", "DELETE FROM orders");
    let id = letter.message.notice;
    email(port, |_| ()).send(letter).await.unwrap();
    let mails = mails.lock().unwrap().clone();
    let [(to, mail)] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(to, &["RCPT TO:<ada@acme.example>"]);
    for expected in [
        "Subject: [Countersign] Delete old orders\r\n".to_owned(),
        format!("Message-ID: <{id}@acme.example>\r\n"),
        "Auto-Submitted: auto-generated\r\n".to_owned(),
    ] {
        assert!(mail.contains(&expected), "no {expected} in {mail}");
    }
    let text = decoded(mail);
    assert_eq!(text.matches("https://approve.example/l/true").count(), 2, "{text}");
    assert_eq!(text.matches("https://approve.example/e/esc_1").count(), 2, "{text}");
}

#[tokio::test]
async fn no_agent_writes_a_header_or_a_second_recipient() {
    let (port, mails) = server(KIND, None).await;
    email(port, |_| ()).send(letter(ada(), HOSTILE, HOSTILE)).await.unwrap();
    let (to, mail) = mails.lock().unwrap()[0].clone();
    assert_eq!(to.len(), 1);
    let head = mail.split_once("\r\n\r\n").unwrap().0;
    assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
    let text = decoded(&mail);
    assert!(!text.contains("<script>x</script> *b*\u{202e}") && !text.contains('\u{202e}'), "{text}");
    for to in ["ada@acme.example>\r\nRCPT TO:<eve@evil.example", "ada", ""] {
        let sent = email(port, |_| ()).send(letter(Address::Email(to.into()), "x", "y")).await;
        assert!(matches!(sent, Err(NotSent::Never(_))), "{to}");
    }
}

#[tokio::test]
async fn what_the_server_answers_says_when_to_try_again() {
    let cases = [
        ("451 4.7.1 greylisted", "later"),
        ("452 4.2.2 full", "later"),
        ("550 5.7.1 no", "never"),
        ("550 5.1.1 no such user", "gone"),
    ];
    for (rcpt, expected) in cases {
        let (port, _) = server(Manner { rcpt, ..KIND }, None).await;
        let sent = email(port, |_| ()).send(letter(ada(), "x", "y")).await;
        let came = match sent.unwrap_err() {
            NotSent::Later(..) => "later",
            NotSent::Never(_) => "never",
            NotSent::Gone(_) => "gone",
        };
        assert_eq!(came, expected, "{rcpt}");
    }
    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert!(matches!(email(port, |_| ()).send(letter(ada(), "x", "y")).await, Err(NotSent::Later(..))));
}

#[tokio::test]
async fn a_login_that_fails_is_for_later_and_tells_no_password() {
    let manner = Manner { auth: Some("535 5.7.8 wrong"), ..KIND };
    let (port, _) = server(manner, None).await;
    let login = |server: &mut Server| {
        server.login = Some(("approvals".to_owned(), "hunter2".to_owned().into()));
    };
    let sent = email(port, login).send(letter(ada(), "x", "y")).await;
    assert!(matches!(&sent, Err(NotSent::Later(why, _)) if !why.contains("hunter2")), "{sent:?}");
    let (port, mails) = server(Manner { auth: Some("235 2.7.0 OK"), ..KIND }, None).await;
    email(port, login).send(letter(ada(), "x", "y")).await.unwrap();
    assert_eq!(mails.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn over_tls_the_certificate_has_to_be_the_servers() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let (port, mails) = server(KIND, Some(Arc::new(config).into())).await;
    let pem = own.cert.pem().into_bytes();
    let tls = |authority: Option<Vec<u8>>| {
        move |server: &mut Server| {
            server.security = Security::Tls;
            server.authority = authority;
        }
    };
    email(port, tls(Some(pem.clone()))).send(letter(ada(), "x", "y")).await.unwrap();
    assert_eq!(mails.lock().unwrap().len(), 1);
    assert!(matches!(email(port, tls(None)).send(letter(ada(), "x", "y")).await, Err(NotSent::Later(..))));
    // A server that offers no TLS is sent nothing.
    let (port, mails) = server(KIND, None).await;
    let starttls = |server: &mut Server| server.security = Security::StartTls;
    assert!(email(port, starttls).send(letter(ada(), "x", "y")).await.is_err());
    assert!(mails.lock().unwrap().is_empty());
}

/// The Python with tests/providers/requirements.txt in it.
fn python() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/.venv/bin/python");
    let python = std::env::var_os("COUNTERSIGN_PYTHON").map_or_else(beside, PathBuf::from);
    let found = Command::new(&python)
        .args(["-c", "import aiosmtpd"])
        .output()
        .is_ok_and(|done| done.status.success());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "missing: tests/providers/requirements.txt in {python:?}"
    );
    if !found {
        eprintln!("not run, because there is no Python with tests/providers/requirements.txt");
    }
    found.then_some(python)
}

/// A server that is not ours takes the mail, and a library that is not ours reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_takes_it_and_a_real_reader_reads_it() {
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/server.py");
    let mut child = Command::new(python).arg(script).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut port = String::new();
    out.read_line(&mut port).unwrap();
    let letter = letter(ada(), "Löschen\u{202e} now", "DELETE FROM orders;\n-- «всё»");
    let id = letter.message.notice;
    email(port.trim().parse().unwrap(), |_| ()).send(letter).await.unwrap();
    let mut read = String::new();
    out.read_to_string(&mut read).unwrap();
    assert!(child.wait().unwrap().success());
    let mail: serde_json::Value = serde_json::from_str(&read).unwrap();
    assert_eq!(mail["rcpt_tos"], serde_json::json!(["ada@acme.example"]));
    assert_eq!(mail["headers"]["Subject"], "[Countersign] Löschen⟨U+202E⟩ now");
    assert_eq!(mail["headers"]["Message-ID"], format!("<{id}@acme.example>"));
    assert_eq!(mail["headers"]["Auto-Submitted"], "auto-generated");
    assert_eq!(mail["parts"], serde_json::json!(["text/plain", "text/html"]));
    assert_eq!(mail["defects"], serde_json::json!([]));
    let links = |part: &str| mail[part].as_str().unwrap().matches("https://approve.example/l/true").count();
    assert_eq!((links("text"), links("html")), (1, 1));
    assert!(
        mail["text"].as_str().unwrap().contains("    DELETE FROM orders;\n    -- «всё»"),
        "{}",
        mail["text"]
    );
}
