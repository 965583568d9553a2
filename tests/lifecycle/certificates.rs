//! TLS that is taken anew while it serves, as the kubelet swaps files: whole, or not at all.

use crate::program::{Program, until};
use crate::support::{POLICY, Service, read};
use countersign::client::{AgentClient, Answer, ClientError, Connect, Target};
use countersign::digest::sha256;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

/// An authority with a server's certificate and an agent's.
struct Issued {
    authority: String,
    server: (String, String),
    agent: (String, String),
    /// The agent's certificate, as the configuration has it.
    sha256: String,
}

fn issue() -> Issued {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let certify = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        (certificate, key.serialize_pem())
    };
    let ((server, server_key), (agent, agent_key)) = (certify("127.0.0.1"), certify("agent"));
    Issued {
        sha256: sha256(&[agent.der()]).iter().map(|byte| format!("{byte:02x}")).collect(),
        authority: authority.pem(),
        server: (server.pem(), server_key),
        agent: (agent.pem(), agent_key),
    }
}

/// Puts a whole folder in the place of another, as the kubelet does: files are links through `..data`, which is swapped.
fn mount(folder: &Path, version: &str, certificate: &str, key: &str, authority: &str) {
    let new = folder.join(version);
    std::fs::create_dir_all(&new).unwrap();
    for (name, text) in [("tls.crt", certificate), ("tls.key", key), ("ca.crt", authority)] {
        std::fs::write(new.join(name), text).unwrap();
        std::fs::set_permissions(new.join(name), std::fs::Permissions::from_mode(0o400)).unwrap();
        if !folder.join(name).is_symlink() {
            symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
    }
    symlink(version, folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

async fn connect(address: &str, server: &Issued, agent: &Issued) -> Result<AgentClient, ClientError> {
    let connect =
        Connect::to(Target::Tcp(format!("https://{address}"))).trusting(server.authority.as_bytes());
    let connect = connect.presenting(agent.agent.0.as_bytes(), agent.agent.1.as_bytes());
    AgentClient::connect(connect).await
}

async fn ask(address: &str, server: &Issued, agent: &Issued) -> Result<Answer, ClientError> {
    connect(address, server, agent).await?.authorize(read()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_swapped_under_a_running_service() {
    let (old, new) = (issue(), issue());
    let lines: String = [("old", &old), ("new", &new)]
        .iter()
        .map(|(name, of)| format!("  - id: agent:{name}\n    by: {{certificate_sha256: {}}}\n", of.sha256))
        .collect();
    let service = Service::prepare(POLICY, &lines, "");
    let folder = service.path("tls");
    mount(&folder, "..1", &old.server.0, &old.server.1, &old.authority);
    let tls = "listen.agents.tls={certificate: tls/tls.crt, key: tls/tls.key, client_authority: tls/ca.crt}";
    let program = Program::start(service, &["--set", tls]);
    let address = loop {
        let place = program.says("agents");
        if !place.starts_with("unix:") {
            break place;
        }
    };
    let before = connect(&address, &old, &old).await.unwrap();
    before.authorize(read()).await.unwrap();
    assert!(ask(&address, &new, &new).await.is_err(), "the other authority is not there yet");

    mount(&folder, "..2", &new.server.0, &new.server.1, &new.authority);
    until("the new one is taken", || program.log().contains("another certificate is in force"));
    ask(&address, &new, &new).await.unwrap();
    assert!(ask(&address, &old, &new).await.is_err(), "the old certificate is not shown any more");
    assert!(ask(&address, &new, &old).await.is_err(), "whom the old authority certified is not let in");
    before.authorize(read()).await.unwrap();
    let metrics = program.get("/metrics").1;
    assert!(metrics.contains("countersign_certificate_reload_failing{listener=\"agents\"} 0"), "{metrics}");
    assert!(metrics.contains("countersign_certificate_not_after_seconds{listener=\"agents\"}"), "{metrics}");

    // A key that belongs to another certificate, then something that is none.
    mount(&folder, "..3", &new.server.0, &old.server.1, &new.authority);
    let failing = "countersign_certificate_reload_failing{listener=\"agents\"} 1";
    until("it is noticed", || program.get("/metrics").1.contains(failing));
    ask(&address, &new, &new).await.unwrap();
    mount(&folder, "..4", "nonsense", &old.server.1, &new.authority);
    until("it is said", || program.log().contains("there is no certificate in it"));
    ask(&address, &new, &new).await.unwrap();
    assert!(program.log().contains("the certificate stays as it was"), "{}", program.log());
    // And back.
    mount(&folder, "..5", &old.server.0, &old.server.1, &old.authority);
    until("the old one is back", || program.get("/metrics").1.contains(&failing.replace("} 1", "} 0")));
    ask(&address, &old, &old).await.unwrap();
    before.authorize(read()).await.unwrap();
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_end_when_they_are_old_enough_and_clients_come_again() {
    let service = Service::prepare(POLICY, "", "unsafe_anyone_on_loopback_is: agent:local\n");
    let age = ["--set", "listen.agents.max_connection_age_seconds=1"];
    let program = Program::start(service, &age);
    let address = loop {
        let place = program.says("agents");
        if !place.starts_with("unix:") {
            break place;
        }
    };
    let agent = AgentClient::connect(Connect::to(Target::Tcp(format!("http://{address}")))).await.unwrap();
    // A connection of its own, whose end is seen.
    let mut raw = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(
        &mut raw,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    )
    .unwrap();
    // A frame of type 7 is GOAWAY.
    let mut head = [0; 9];
    loop {
        std::io::Read::read_exact(&mut raw, &mut head).unwrap();
        if head[3] == 7 {
            break;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        std::io::Read::read_exact(&mut raw, &mut vec![0; length]).unwrap();
    }
    // Its client comes again by itself; the call that meets the end of the old connection may have to be made anew.
    let mut answered = agent.authorize(read()).await;
    for _ in 0..5 {
        if answered.is_err() {
            answered = agent.authorize(read()).await;
        }
    }
    answered.unwrap();
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}
