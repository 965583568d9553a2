//! The demo's executors: a program that reads orders, and one that puts releases on ten servers, in real files.

use crate::cli::exit::Failed;
use crate::client::{Ask, Context, Grant};
use crate::condition::{ConditionKind, ExecutionFacts};
use crate::operation::Operation;
use crate::operation::json::Value;
use crate::party::ExecutorId;
use crate::replay::journal::JournalGuard;
use crate::token::{
    Anchor, Executor, Presented, Refusal, ReplayGuard, VerifiedOperation, Verifier, VerifierConfig,
};
use std::fs;
use std::path::{Path, PathBuf};

/// The executor that reads orders; it knows no conditions.
pub(super) const READER: &str = "exec:orders";
/// The executor that puts releases on servers; it keeps to a canary's size.
pub(super) const FLEET: &str = "exec:fleet";
const SERVERS: u64 = 10;

/// The shop's executors and their files.
pub(super) struct Shop {
    folder: PathBuf,
    reader: Verifier,
    fleet: Verifier,
    guard: JournalGuard,
}

impl Shop {
    /// Makes the files that the executors work on.
    pub(super) fn build(folder: &Path) -> Result<(), Failed> {
        let server = |number: u64| folder.join("servers").join(format!("web-{number:02}"));
        for number in 1..=SERVERS {
            fs::create_dir_all(server(number)).map_err(Failed::plain)?;
            fs::write(server(number).join("release"), "1.9.3\n").map_err(Failed::plain)?;
        }
        fs::write(folder.join("orders.csv"), "id,total\n1,19.90\n2,7.50\n3,120.00\n").map_err(Failed::plain)
    }

    /// The executors; they trust the anchor and need no network.
    pub(super) fn open(folder: &Path, anchor: &Anchor) -> Result<Self, Failed> {
        let verifier = |id: &str, enforced: Vec<ConditionKind>| {
            let id = ExecutorId::new(id).map_err(Failed::plain)?;
            let executor = Executor::new(id, enforced).map_err(Failed::plain)?;
            VerifierConfig::new(anchor.clone(), executor).build().map_err(Failed::plain)
        };
        Ok(Self {
            folder: folder.into(),
            reader: verifier(READER, Vec::new())?,
            fleet: verifier(FLEET, vec![ConditionKind::Canary])?,
            guard: JournalGuard::open(&folder.join("used-tokens")).map_err(Failed::plain)?,
        })
    }

    /// The request to count the orders.
    pub(super) fn count_orders(&self) -> Ask {
        Ask {
            action: "orders.count".to_owned(),
            resource: "file/test/orders.csv".to_owned(),
            parameters: Some(b"{}".to_vec()),
            executor: READER.to_owned(),
            ..Ask::default()
        }
    }

    /// The request to put a release on the servers.
    pub(super) fn release(&self, version: &str) -> Ask {
        Ask {
            action: "deploy.release".to_owned(),
            resource: "shop/production".to_owned(),
            parameters: Some(format!(r#"{{"service":"shop","version":"{version}"}}"#).into_bytes()),
            executor: FLEET.to_owned(),
            context: Context {
                reason: "release 2.0.0 fixes the checkout".to_owned(),
                user_request: "please ship the fix today".to_owned(),
                blast_radius: "10 web servers".to_owned(),
                reversibility: "put 1.9.3 back".to_owned(),
                ..Context::default()
            },
            ..Ask::default()
        }
    }

    /// Counts the orders, if the token says so.
    pub(super) fn carry_out_count(&self, grant: &Grant) -> Result<usize, Refusal> {
        let operation = Operation::from_op_bytes(&grant.op_bytes).map_err(|_| Refusal::OperationMismatch)?;
        verify(&self.reader, &self.guard, grant, &operation, &ExecutionFacts::default())?;
        let orders = fs::read_to_string(self.folder.join("orders.csv")).unwrap_or_default();
        Ok(orders.lines().skip(1).count())
    }

    /// Puts the release that the operation names on this many servers, if the token says so.
    pub(super) fn carry_out_release(
        &self,
        grant: &Grant,
        operation: &Operation,
        servers: u64,
    ) -> Result<Vec<String>, Refusal> {
        let facts = ExecutionFacts {
            targets: Some(servers),
            all_targets: Some(SERVERS),
            ..ExecutionFacts::default()
        };
        let verified = verify(&self.fleet, &self.guard, grant, operation, &facts)?;
        // Only what was verified is acted on.
        let parameters = verified.operation().parameters();
        let version = parameters.as_ref().and_then(Value::as_object).and_then(|object| object.get("version"));
        let version = version.and_then(Value::as_str).ok_or(Refusal::OperationMismatch)?;
        let mut released = Vec::new();
        for number in 1..=servers {
            let name = format!("web-{number:02}");
            let file = self.folder.join("servers").join(&name).join("release");
            if fs::write(file, format!("{version}\n")).is_ok() {
                released.push(name);
            }
        }
        Ok(released)
    }

    /// How many servers have this release.
    pub(super) fn servers_at(&self, version: &str) -> Result<usize, Failed> {
        let mut count = 0;
        for server in fs::read_dir(self.folder.join("servers")).map_err(Failed::plain)? {
            let release = server.map_err(Failed::plain)?.path().join("release");
            count += usize::from(fs::read_to_string(release).map_err(Failed::plain)?.trim() == version);
        }
        Ok(count)
    }
}

fn verify(
    verifier: &Verifier,
    guard: &dyn ReplayGuard,
    grant: &Grant,
    operation: &Operation,
    facts: &ExecutionFacts,
) -> Result<VerifiedOperation, Refusal> {
    let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
    let evidence: Vec<&[u8]> = grant.evidence.iter().map(Vec::as_slice).collect();
    let presented = Presented {
        token: &grant.token,
        certificates: &certificates,
        operation: operation.clone(),
        facts,
        proof: None,
        evidence: &evidence,
        log_proof: grant.log_proof.as_deref(),
    };
    verifier.verify(presented, crate::cli::now(), guard)
}
