//! A folder with everything that a service needs, what is asked of it, and how its answers are checked.

use countersign::client::{AgentClient, Ask, Connect, Context, ReviewClient, Target};
use countersign::clock::{Clock as _, SystemClock};
use countersign::config::Config;
use countersign::digest::{PolicyDigest, sha256};
use countersign::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use countersign::operation::Operation;
use countersign::operation::render::render;
use countersign::party::{EscalationId, PersonId};
use countersign::presence::ssh::{PrivateKey, VOTE_NAMESPACE};
use countersign::serve::key_directory;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

const POLICY: &str = include_str!("../../examples/policies/starter.yaml");
pub(crate) const BEARER: &str = "a-token-of-the-benchmark-that-nobody-guesses";

/// The folder of one service.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    /// The starter policy, one reviewer, an agent by its user id and another by a bearer token on TCP.
    pub(crate) fn set(on_disk: Option<&str>) -> Self {
        let folder = on_disk.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
        let at = folder.path();
        let uid = std::fs::metadata(at).unwrap().uid();
        let token: String = sha256(&[BEARER.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
        let roster = format!(
            "version: 1\nroles: [engineer, oncall, platform-lead, security-lead]\npeople:\n  - id: ada\n    \
             roles: [oncall]\n    keys:\n      - {}\n",
            key().public_key().to_line()
        );
        let config = format!(
            "trust_domain: https://acme.example\ndata: data\npolicy: policy.yaml\nroster: roster.yaml\n\
             listen:\n  agents: {{socket: agent.sock, tcp: \"127.0.0.1:0\"}}\n  reviewers: {{socket: review.sock}}\n\
             agents:\n  - id: agent:bench\n    by: {{uid: {uid}}}\n  - id: agent:remote\n    by: {{token_sha256: \
             {token}}}\nreviewers:\n  - uid: {uid}\nexecutors:\n  - id: exec:fleet\n    conditions: [canary]\n"
        );
        let room = "version: 1\nescalations: {open_per_agent: 1000}\n";
        let policy = POLICY.replacen("version: 1\n", room, 1);
        std::fs::write(at.join("policy.yaml"), policy).unwrap();
        std::fs::write(at.join("roster.yaml"), roster).unwrap();
        std::fs::write(at.join("countersign.yaml"), config).unwrap();
        let stage = Self { folder };
        let config = stage.config();
        std::fs::create_dir(&config.data).unwrap();
        key_directory(&config).unwrap().init(SystemClock::start().now()).unwrap();
        stage
    }

    /// … that also tells of itself, by these lines after `reviewers` in `listen` and at the end.
    pub(crate) fn telling(on_disk: Option<&str>, listen: &str, lines: &str) -> Self {
        let stage = Self::set(on_disk);
        let path = stage.path("countersign.yaml");
        let config = std::fs::read_to_string(&path).unwrap();
        let at = "  reviewers: {socket: review.sock}\n";
        let config = config.replacen(at, &format!("{at}{listen}"), 1);
        std::fs::write(path, format!("{config}{lines}")).unwrap();
        stage
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(&self.path("countersign.yaml")).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn agent(&self) -> AgentClient {
        AgentClient::connect(Connect::to(Target::Unix(self.path("agent.sock")))).await.unwrap()
    }

    pub(crate) async fn reviewer(&self) -> ReviewClient {
        ReviewClient::connect(Connect::to(Target::Unix(self.path("review.sock")))).await.unwrap()
    }
}

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32], "ada")
}

/// Needs one person under the starter policy.
pub(crate) fn deploy() -> Ask {
    Ask {
        action: "deploy.release".to_owned(),
        resource: "shop/production".to_owned(),
        parameters: Some(
            br#"{"version":"4.2.0","image":"registry.example/shop@sha256:0123456789abcdef"}"#.to_vec(),
        ),
        executor: "exec:fleet".to_owned(),
        context: Context { reason: "release 4.2.0".to_owned(), ..Context::default() },
        ..Ask::default()
    }
}

/// Ada's signed approval of an escalation: the bytes to send, made before the clock is started.
pub(crate) async fn approval(reviewer: &ReviewClient, id: &str, salt: u64) -> (Vec<u8>, String) {
    let shown = reviewer.show(id).await.unwrap();
    let operation = Operation::from_op_bytes(&shown.op_bytes).unwrap();
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&salt.to_be_bytes());
    let statement = Statement {
        escalation: EscalationId::parse(&shown.summary.id).unwrap(),
        operation: operation.digest(),
        shown: render(&operation, None).unwrap().digest,
        policy: PolicyDigest::parse(&shown.policy_digest).unwrap(),
        choice: Choice::Approve(Conditions::new(&[]).unwrap()),
        reason: Reason::new("it was looked at").unwrap(),
        reviewer: PersonId::new("ada").unwrap(),
        time: SystemClock::start().now(),
        nonce: Nonce::from_random(nonce),
    };
    let bytes = statement.to_bytes();
    let signature = key().sign(VOTE_NAMESPACE, &bytes).to_armored();
    (bytes, signature)
}

const PARAMETERS: &str = r#"{"table":"orders","columns":["id","state","total_cents","currency","placed_at"],"where":{"state":["paid","packed"],"warehouse":"eu-1","placed_at":{"from":"2026-01-01","until":"2026-01-31"}},"order_by":"placed_at","limit":50}"#;

/// An `AuthorizeRequest` of about 600 bytes in its wire form, but for its id. The starter policy allows it.
pub(crate) fn wire_request() -> Vec<u8> {
    let operation =
        [field(1, b"orders.query"), field(2, b"db/staging/orders"), field(3, PARAMETERS.as_bytes())];
    let context = [
        field(1, b"the weekly report needs the paid and packed orders of January"),
        field(2, b"How many orders of January are still waiting in warehouse eu-1?"),
        field(3, b"One query with a limit answers it; nothing is changed and no customer data is read."),
    ];
    [field(2, &operation.concat()), field(3, b"exec:fleet"), field(4, &context.concat())].concat()
}

/// The request id as the field that comes before the rest of the request.
pub(crate) fn wire_request_id(id: &str) -> Vec<u8> {
    field(1, id.as_bytes())
}

/// Whether an `AuthorizeResponse` in its wire form allows: its second field, after the decision's id, is 1.
pub(crate) fn allows(answer: &[u8]) -> bool {
    let after_id = answer.get(1).and_then(|length| answer.get(2 + usize::from(*length)..));
    after_id.is_some_and(|rest| rest.starts_with(&[0x10, 1]))
}

/// One length-delimited protobuf field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}
