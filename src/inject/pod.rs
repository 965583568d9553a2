//! The pod, as far as it is read. Everything else of it is left alone and unread, `managedFields` among it.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

type Texts = BTreeMap<String, String>;

/// A pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its specification.
    pub spec: Spec,
}

/// What a pod is called and marked with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Empty where the API server is still to make one of [`Metadata::generate_name`].
    pub name: Option<String>,
    /// What a name is to be made of.
    pub generate_name: Option<String>,
    /// Labels.
    pub labels: Option<Texts>,
    /// Annotations.
    pub annotations: Option<Texts>,
    /// Who made it.
    pub owner_references: Option<Vec<OwnerReference>>,
    /// When it was told to go away.
    pub deletion_timestamp: Option<String>,
}

/// Who made a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    /// `apps/v1`
    pub api_version: String,
    /// `ReplicaSet`
    pub kind: String,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: String,
    /// Whether it is the one that manages the pod.
    pub controller: Option<bool>,
}

/// What a pod runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    /// What runs in it.
    pub containers: Option<Vec<Container>>,
    /// What runs before, and beside it if restarted always.
    pub init_containers: Option<Vec<Container>>,
    /// What was put into it for looking around.
    pub ephemeral_containers: Option<Vec<Container>>,
    /// The volumes.
    pub volumes: Option<Vec<Volume>>,
    /// Whether it is in the node's network.
    pub host_network: Option<bool>,
    /// Whether it sees the node's processes.
    #[serde(rename = "hostPID")]
    pub host_pid: Option<bool>,
    /// Whether its containers see each other's processes.
    pub share_process_namespace: Option<bool>,
    /// The operating system, where it says so.
    pub os: Option<Os>,
    /// Which nodes it may run on.
    pub node_selector: Option<Texts>,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: Option<String>,
    /// The service account.
    pub service_account_name: Option<String>,
    /// What holds for all containers.
    pub security_context: Option<SecurityContext>,
}

/// An operating system.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Os {
    /// `linux` or `windows`.
    pub name: String,
}

/// A container of any kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: Option<String>,
    /// Its variables.
    pub env: Option<Vec<Variable>>,
    /// What it mounts.
    pub volume_mounts: Option<Vec<Mount>>,
    /// What it takes as block devices.
    pub volume_devices: Option<Vec<Device>>,
    /// `Always` makes an init container a sidecar.
    pub restart_policy: Option<String>,
    /// What it may.
    pub security_context: Option<SecurityContext>,
    /// The ports that it declares.
    pub ports: Option<Vec<Port>>,
    /// What it is given.
    pub resources: Option<Resources>,
    /// Whose processes an ephemeral container sees.
    pub target_container_name: Option<String>,
}

/// A variable.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, where it is written down.
    pub value: Option<String>,
}

/// A mounted volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mount {
    /// The volume.
    pub name: String,
    /// Where.
    pub mount_path: String,
    /// Whether only to be read.
    pub read_only: Option<bool>,
    /// Which part of it.
    pub sub_path: Option<String>,
    /// Which part of it, with variables.
    pub sub_path_expr: Option<String>,
    /// Whether mounts below it are seen elsewhere.
    pub mount_propagation: Option<String>,
}

/// A volume as a block device.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Device {
    /// The volume.
    pub name: String,
}

/// A declared port.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Port {
    /// The number.
    pub container_port: Option<i64>,
}

/// What a container is given. Numbers are taken too: the API server writes text, people don't always.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// What it gets at least.
    pub requests: Option<BTreeMap<String, Value>>,
    /// What it gets at most.
    pub limits: Option<BTreeMap<String, Value>>,
}

/// What a pod or a container may.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecurityContext {
    /// Whether it is as good as the node's root.
    pub privileged: Option<bool>,
    /// What it may besides, or may not.
    pub capabilities: Option<Capabilities>,
    /// How it runs on Windows.
    pub windows_options: Option<WindowsOptions>,
}

/// Capabilities of Linux.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Those that it gets.
    pub add: Option<Vec<String>>,
}

/// What holds on Windows.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WindowsOptions {
    /// Whether it is the node itself.
    pub host_process: Option<bool>,
}

/// A volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// A folder of the node's.
    pub host_path: Option<Value>,
    /// Several sources in one.
    pub projected: Option<Projected>,
}

/// Several sources in one volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Projected {
    /// The sources.
    pub sources: Option<Vec<Source>>,
}

/// A source of a projected volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Source {
    /// A token of the service account.
    pub service_account_token: Option<TokenSource>,
}

/// Which token of the service account.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenSource {
    /// For whom; empty for the API server.
    pub audience: Option<String>,
}

impl Pod {
    /// Reads a pod.
    ///
    /// # Errors
    /// What is not as it is in a pod.
    pub fn read(object: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(object)
    }

    /// The label of this name.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// The annotation of this name.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// What runs in it.
    #[must_use]
    pub fn containers(&self) -> &[Container] {
        self.spec.containers.as_deref().unwrap_or_default()
    }

    /// What runs before.
    #[must_use]
    pub fn init_containers(&self) -> &[Container] {
        self.spec.init_containers.as_deref().unwrap_or_default()
    }

    /// What was put into it for looking around.
    #[must_use]
    pub fn ephemeral_containers(&self) -> &[Container] {
        self.spec.ephemeral_containers.as_deref().unwrap_or_default()
    }

    /// Every container, of whichever kind.
    pub fn every_container(&self) -> impl Iterator<Item = &Container> {
        self.init_containers().iter().chain(self.containers()).chain(self.ephemeral_containers())
    }

    /// The volumes.
    #[must_use]
    pub fn volumes(&self) -> &[Volume] {
        self.spec.volumes.as_deref().unwrap_or_default()
    }

    /// Who manages the pod.
    #[must_use]
    pub fn owner(&self) -> Option<&OwnerReference> {
        let owners = self.metadata.owner_references.as_deref().unwrap_or_default();
        owners.iter().find(|owner| owner.controller == Some(true))
    }
}

impl Container {
    /// Whether it is an init container that goes on running.
    #[must_use]
    pub fn is_restarted_always(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }

    /// What it mounts.
    #[must_use]
    pub fn mounts(&self) -> &[Mount] {
        self.volume_mounts.as_deref().unwrap_or_default()
    }

    /// Its variables.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        self.env.as_deref().unwrap_or_default()
    }
}
