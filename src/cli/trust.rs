//! The options that say whom an executor trusts and what it enforces, and the verifier they make.

use super::exit::{Exit, Failed};
use crate::condition::{ConditionKind, ExecutionFacts};
use crate::escalation::evidence::{PinnedKeys, RosterEvidence};
use crate::moment::Moment;
use crate::operation::json::{self, Limits};
use crate::party::{ExecutorId, TrustDomain};
use crate::tlog::LogPolicy;
use crate::token::{
    Anchor, ApprovalFloor, Assurance, Executor, PublicKey, Ratchet, TrustBundle, Verifier, VerifierConfig,
};
use core::fmt::Display;
use core::num::NonZeroUsize;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LIMITS: Limits = Limits { bytes: 1024 * 1024, depth: 4, members: 4096 };

/// Whom to trust, and what is enforced here.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Trust {
    /// This executor's id, as registered with the sidecar
    #[arg(long, env = "COUNTERSIGN_EXECUTOR", value_name = "ID")]
    executor: String,
    /// The trust domain that tokens must come from
    #[arg(long, env = "COUNTERSIGN_TRUST_DOMAIN", value_name = "URI")]
    trust_domain: String,
    /// A file with a root's public key as JWK; the trust starts here (may be repeated)
    #[arg(
        long = "root",
        env = "COUNTERSIGN_ROOT",
        value_name = "FILE",
        required = true,
        value_delimiter = ':'
    )]
    roots: Vec<PathBuf>,
    /// A trust bundle as `keys bundle` writes it; it brings keys and revocations
    #[arg(long, env = "COUNTERSIGN_BUNDLE", value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// A condition that this executor enforces, such as canary (may be repeated)
    #[arg(long = "enforce", value_name = "CONDITION")]
    enforced: Vec<String>,
    /// It was registered as plain: a fixed audience, and no conditions
    #[arg(long, conflicts_with = "enforced")]
    plain: bool,
    /// How many people must have approved, whatever the policy asked for
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_approvals: usize,
    /// Check the reviewers' own signatures against these keys, one "person key-type base64" or "person passkey rp-id
    /// origin,origin credential-id public-key" a line
    #[arg(long, value_name = "FILE")]
    reviewers: Option<PathBuf>,
    /// Demand a proof that the token's mint is in the log, by this log policy: lines `log`, `witness`, `group` and
    /// `quorum` (C2SP tlog-policy)
    #[arg(long, env = "COUNTERSIGN_LOG_POLICY", value_name = "FILE")]
    log_policy: Option<PathBuf>,
}

/// A trust bundle with its certificates, as a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleFile {
    /// The signed bundle.
    pub bundle: String,
    /// The certificates that lead to its signer from a root.
    pub certificates: Vec<String>,
}

impl Trust {
    /// The executor's id.
    ///
    /// # Errors
    /// [`Exit::Usage`] if it is not a name.
    pub(super) fn executor_id(&self) -> Result<ExecutorId, Failed> {
        ExecutorId::new(&self.executor).map_err(|error| usage(format!("`--executor`: {error}")))
    }

    /// The verifier that these options make.
    ///
    /// # Errors
    /// [`Exit::Usage`] for options that make no sense, [`Exit::Undetermined`] for a bundle that is not to be trusted.
    pub(super) fn verifier(&self, now: Moment) -> Result<Verifier, Failed> {
        let domain =
            TrustDomain::new(&self.trust_domain).map_err(|e| usage(format!("`--trust-domain`: {e}")))?;
        let roots = self.roots.iter().map(|path| read_root(path)).collect::<Result<Vec<_>, _>>()?;
        let anchor = Anchor::new(domain, roots).map_err(usage)?;
        let executor = if self.plain {
            Executor::plain(self.executor_id()?)
        } else {
            Executor::new(self.executor_id()?, self.kinds()?)
        };
        let executor = executor.map_err(|error| usage(format!("`--executor`: {error}")))?;
        let mut config = VerifierConfig::new(anchor.clone(), executor);
        if self.min_approvals > 0 {
            let floor = ApprovalFloor { approvals: self.min_approvals, assurance: Assurance::Channel };
            config = config.approval_floor(floor);
        }
        if let Some(path) = &self.bundle {
            config = config.bundle(Arc::new(read_bundle(path, &anchor, now)?));
        }
        if let Some(path) = &self.reviewers {
            let pinned = PinnedKeys::parse(&read_text(path)?);
            let pinned = pinned.map_err(|error| usage(format!("`{}`: {error}", path.display())))?;
            let least = NonZeroUsize::new(self.min_approvals).unwrap_or(NonZeroUsize::MIN);
            let evidence = RosterEvidence::new(pinned, least).map_err(usage)?;
            config = config.demands_evidence(Arc::new(evidence));
        }
        if let Some(path) = &self.log_policy {
            let policy = LogPolicy::parse(&read_text(path)?);
            let policy = policy.map_err(|error| usage(format!("`{}`, {error}", path.display())))?;
            config = config.demands_log_proof(Arc::new(policy));
        }
        config.build().map_err(usage)
    }

    fn kinds(&self) -> Result<Vec<ConditionKind>, Failed> {
        let kind = |name: &String| {
            ConditionKind::parse(name)
                .ok_or_else(|| usage(format!("`--enforce {name}`: there is no such condition")))
        };
        self.enforced.iter().map(kind).collect()
    }
}

fn read_root(path: &Path) -> Result<PublicKey, Failed> {
    let wrong =
        |error: &dyn Display| usage(format!("`{}` is not a root's public key: {error}", path.display()));
    let value = json::read(read_text(path)?.trim().as_bytes(), &LIMITS).map_err(|error| wrong(&error))?;
    PublicKey::from_jwk(&value).map_err(|error| wrong(&error))
}

fn read_bundle(path: &Path, anchor: &Anchor, now: Moment) -> Result<TrustBundle, Failed> {
    let file: BundleFile = serde_json::from_str(&read_text(path)?)
        .map_err(|error| usage(format!("`{}` is not a trust bundle: {error}", path.display())))?;
    let certificates: Vec<&str> = file.certificates.iter().map(String::as_str).collect();
    // A command sees one bundle in its life; whoever keeps several keeps the ratchet too.
    TrustBundle::read(&file.bundle, &certificates, anchor, &Ratchet::default(), now)
        .map_err(|error| Failed::new(Exit::Undetermined, error))
}

fn read_text(path: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(path).map_err(|error| usage(format!("cannot read `{}`: {error}", path.display())))
}

fn usage(what: impl Display) -> Failed {
    Failed::new(Exit::Usage, what)
}

/// Reads facts about an execution from `name=value` texts.
///
/// # Errors
/// [`Exit::Usage`] for a fact that is not known or has another form.
pub(super) fn facts(texts: &[String]) -> Result<ExecutionFacts, Failed> {
    let mut facts = ExecutionFacts::default();
    for text in texts {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let number = || value.parse::<u64>().map_err(|_| usage(format!("`--fact {text}`: not a number")));
        let truth =
            || value.parse::<bool>().map_err(|_| usage(format!("`--fact {text}`: not true or false")));
        let names = || Some(value.split(';').map(str::to_owned).collect());
        match name {
            "targets" => facts.targets = Some(number()?),
            "all_targets" => facts.all_targets = Some(number()?),
            "target_names" => facts.target_names = names(),
            "masked" => facts.masked = names(),
            "rows" => facts.rows = Some(number()?),
            "rollback_s" => facts.rollback_s = Some(number()?),
            "dry_run" => facts.dry_run = Some(truth()?),
            "consumed_online" => facts.consumed_online = Some(truth()?),
            _ => {
                let known =
                    "targets, all_targets, target_names, masked, rows, rollback_s, dry_run, consumed_online";
                return Err(usage(format!("`--fact {text}`: unknown; the facts are {known}")));
            }
        }
    }
    Ok(facts)
}
