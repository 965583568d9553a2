//! The demo's stage: a folder with configuration, policy, roster and keys, and the running service.

use super::shop::{FLEET, READER, Shop};
use crate::cli::exit::Failed;
use crate::cli::init::{STARTER_POLICY, roster};
use crate::cli::ssh::SigningKey;
use crate::client::{AgentClient, Connect, ReviewClient, Target};
use crate::config::Config;
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::files;
use crate::party::PersonId;
use crate::presence::ssh::PrivateKey;
use crate::serve::{Running, key_directory, start};
use crate::token::Anchor;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The demo's trust domain.
const DOMAIN: &str = "https://shop.example";

/// The running demo.
pub(super) struct Stage {
    folder: PathBuf,
    config: Config,
    running: Running,
}

impl Stage {
    /// Makes the folder and starts the service.
    pub(super) async fn set() -> Result<Self, Failed> {
        let mut name = [0; 6];
        SystemEntropy.fill(&mut name).map_err(Failed::plain)?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = std::env::temp_dir().join(format!("countersign-demo-{name}"));
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(Failed::plain)?;
        let uid = std::fs::metadata(&folder).map_err(Failed::plain)?.uid();
        let write = |name: &str, text: &str| {
            files::write_public(&folder.join(name), text.as_bytes()).map_err(Failed::plain)
        };
        let ada = person("ada")?;
        let grace = person("grace")?;
        let reviewers = [(ada, make_key(&folder, "ada")?), (grace, make_key(&folder, "grace")?)];
        write("roster.yaml", &roster(&reviewers, None))?;
        write("policy.yaml", STARTER_POLICY)?;
        write(
            "countersign.yaml",
            &format!(
                "trust_domain: {DOMAIN}\ndata: data\npolicy: policy.yaml\nroster: roster.yaml\n\
                 listen:\n  agents: {{socket: agent.sock}}\n  reviewers: {{socket: review.sock}}\n\
                 agents:\n  - id: agent:shopkeeper\n    by: {{uid: {uid}}}\n\
                 reviewers:\n  - uid: {uid}\n\
                 operators:\n  - uid: {uid}\n\
                 executors:\n  - id: {READER}\n  - id: {FLEET}\n    conditions: [canary]\n"
            ),
        )?;
        let config = Config::load(&folder.join("countersign.yaml")).map_err(Failed::plain)?;
        std::fs::DirBuilder::new().mode(0o700).create(&config.data).map_err(Failed::plain)?;
        let keys = key_directory(&config).map_err(Failed::plain)?;
        keys.init(crate::cli::now()).map_err(Failed::plain)?;
        Shop::build(&folder.join("shop"))?;
        let running = start(&config).await.map_err(Failed::plain)?;
        Ok(Self { folder, config, running })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// An agent's connection.
    pub(super) async fn agent(&self) -> Result<AgentClient, Failed> {
        let target = Target::Unix(self.folder.join("agent.sock"));
        AgentClient::connect(Connect::to(target)).await.map_err(Failed::from)
    }

    /// A reviewer's connection.
    pub(super) async fn reviewer(&self) -> Result<ReviewClient, Failed> {
        let target = Target::Unix(self.folder.join("review.sock"));
        ReviewClient::connect(Connect::to(target)).await.map_err(Failed::from)
    }

    /// The shop's executors, which trust nothing but the pinned root.
    pub(super) fn shop(&self) -> Result<Shop, Failed> {
        let root = key_directory(&self.config)
            .and_then(|keys| keys.root().map_err(|error| crate::serve::ServeFailed(error.to_string())));
        let root = root.map_err(Failed::plain)?;
        let anchor = Anchor::new(self.config.trust_domain.clone(), [root]).map_err(Failed::plain)?;
        Shop::open(&self.folder.join("shop"), &anchor)
    }

    /// A reviewer and her key.
    pub(super) fn ada(&self) -> Result<(PersonId, SigningKey), Failed> {
        Ok((person("ada")?, SigningKey::load(&self.folder.join("ada"))?))
    }

    /// What a person at a second terminal types to vote.
    pub(super) fn invitation(&self, escalation: &str) -> String {
        let folder = self.folder.display();
        let desk = format!("--desk unix:{folder}/review.sock");
        format!(
            "\nNow it is your turn. At a second terminal, read it:\n\n  countersign review show {desk} {escalation}\n\n\
             and approve it under a condition, or deny it:\n\n  countersign review approve {desk} --as ada --key \
             {folder}/ada \\\n    --condition canary:max_percent=10 -m \"one server first\" {escalation}\n\n  countersign \
             review deny {desk} --as ada --key {folder}/ada -m \"not today\" {escalation}\n"
        )
    }

    /// Stops the service and takes the folder away.
    pub(super) async fn strike(self, keep: bool) -> Result<(), Failed> {
        let stopped = self.running.stop().await.map_err(Failed::plain);
        if !keep {
            std::fs::remove_dir_all(&self.folder).map_err(Failed::plain)?;
        }
        stopped
    }
}

fn person(id: &str) -> Result<PersonId, Failed> {
    PersonId::new(id).map_err(Failed::plain)
}

/// Makes an SSH key as `ssh-keygen -t ed25519` would, and gives the line of its public half.
fn make_key(folder: &Path, name: &str) -> Result<String, Failed> {
    let mut seed = Zeroizing::new([0; 32]);
    SystemEntropy.fill(&mut *seed).map_err(Failed::plain)?;
    let key = PrivateKey::from_seed(&seed, &format!("{name}@shop.example"));
    let mut check = [0; 4];
    SystemEntropy.fill(&mut check).map_err(Failed::plain)?;
    let text = key.to_openssh(u32::from_le_bytes(check));
    files::write_private(&folder.join(name), text.as_bytes()).map_err(Failed::plain)?;
    Ok(key.public_key().to_line())
}
