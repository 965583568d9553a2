//! The plan for one pod: what is added to it, or why it is left alone or refused.
//!
//! A plan is the difference between the pod and what it should be: where all of it is there already, nothing is added,
//! so that it does not matter how often the API server asks.

mod choices;
mod ours;
mod parts;
mod safety;

use super::names;
use super::patch::{Patch, Pointer};
use super::pod::{Container, Pod};
use super::refusal::{Refusal, Shown, Skip};
use super::settings::{Mode, Settings};
use choices::Choices;
use serde_json::{Map, Value, json};

/// The annotation by which the kubelet marks what it shows to the API server.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// What the annotation says where it was done.
const STATUS: &str = "injected";
/// The annotation that says which container a person means who names none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// Init containers by which meshes set up the network: without them nothing gets out, so they come first.
const NETWORK_SETUP: [&str; 6] = [
    "consul-connect-inject-init",
    "istio-init",
    "istio-validation",
    "kuma-init",
    "linkerd-init",
    "linkerd-network-validator",
];
/// A mesh's own sidecars, through which everything goes that the sidecar sends. They are no agents.
const PROXIES: [&str; 5] =
    ["consul-dataplane", "envoy-sidecar", "istio-proxy", "kuma-sidecar", "linkerd-proxy"];

/// By what the API server was told to ask about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// By a label of the pod.
    ByPod,
    /// By a label of its namespace.
    ByNamespace,
}

/// What is done about a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It gets its sidecar.
    Inject(Injection),
    /// It is left as it is.
    Skip(Skip),
    /// It may not be made.
    Refuse(Refusal),
}

/// What a pod gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// What is added.
    pub patch: Patch,
    /// What its author should know.
    pub warnings: Vec<String>,
    /// In which kind of container.
    pub mode: Mode,
}

/// What is done about a pod that is to be made in this namespace.
#[must_use]
pub fn plan(asked: Asked, namespace: &str, object: &Value, settings: &Settings) -> Plan {
    let pod = match read(object) {
        Ok(pod) => pod,
        Err(refusal) => return Plan::Refuse(refusal),
    };
    if let Some(skip) = skipped(asked, namespace, &pod, settings) {
        return Plan::Skip(skip);
    }
    match injection(&pod, object, settings) {
        Ok(injection) if injection.patch.is_empty() => Plan::Skip(Skip::AlreadyInjected),
        Ok(injection) => Plan::Inject(injection),
        Err(refusal) => Plan::Refuse(refusal),
    }
}

/// What is done about a pod that gets a container for looking around: refused where that could look into the sidecar.
#[must_use]
pub fn look_around(object: &Value, settings: &Settings) -> Plan {
    match read(object).and_then(|pod| safety::ephemeral(&pod, settings.tolerated)) {
        Ok(()) => Plan::Skip(Skip::NotACreation),
        Err(refusal) => Plan::Refuse(refusal),
    }
}

fn read(object: &Value) -> Result<Pod, Refusal> {
    if !object.get("metadata").is_some_and(Value::is_object)
        || !object.get("spec").is_some_and(Value::is_object)
    {
        return Err(Refusal::Unreadable("the object is no pod".to_owned()));
    }
    Pod::read(object).map_err(|error| Refusal::Unreadable(error.to_string()))
}

fn skipped(asked: Asked, namespace: &str, pod: &Pod, settings: &Settings) -> Option<Skip> {
    if namespace == &*settings.own_namespace {
        return Some(Skip::OwnNamespace);
    }
    if names::SYSTEM_NAMESPACES.contains(&namespace) {
        return Some(Skip::SystemNamespace);
    }
    if pod.annotation(MIRROR).is_some() {
        return Some(Skip::MirrorPod);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(Skip::Terminating);
    }
    match (asked, pod.label(names::POD_LABEL)) {
        (_, Some("false")) => Some(Skip::OptedOut),
        (Asked::ByNamespace, _) | (Asked::ByPod, Some("true")) => None,
        (Asked::ByPod, _) => Some(Skip::NotAsked),
    }
}

fn injection(pod: &Pod, object: &Value, settings: &Settings) -> Result<Injection, Refusal> {
    safety::check(pod, settings.tolerated)?;
    let choices = Choices::read(pod, settings)?;
    let lists = Lists::of(object);
    // Where it is there already, it stays what it is.
    let (native, ordinary) = (lists.own(lists.init), lists.own(lists.containers));
    let mode = match (native, ordinary) {
        (Some(_), Some(_)) => return Err(Refusal::ForeignContainer("name")),
        (Some(_), None) => Mode::Native,
        (None, Some(_)) => Mode::Ordinary,
        (None, None) => choices.mode,
    };
    let container = parts::container(&choices, settings, mode, is_guaranteed(pod));
    let there = native.or(ordinary);
    if let Some(there) = there {
        ours::container(there, &container, settings)?;
    }
    port_is_free(pod, choices.health_port)?;
    let mut patch = Patch::default();
    annotate(&mut patch, pod, mode, there.is_none());
    for volume in parts::volumes() {
        match lists.volumes.into_iter().flatten().find(|one| one.get("name") == volume.get("name")) {
            Some(there) => ours::volume(there, &volume)?,
            None => lists.add_volume(&mut patch, volume),
        }
    }
    for (list, at) in agents(pod, &choices, mode)? {
        let all = if list == INIT { pod.init_containers() } else { pod.containers() };
        if let Some(container) = all.get(at) {
            equip(&mut patch, container, &Pointer::to(["spec", list]).at(at))?;
        }
    }
    // Last, because it moves the others along.
    if there.is_none() {
        let (list, there, at) = match mode {
            Mode::Native => (INIT, lists.init.is_some(), place(pod.init_containers(), &choices)),
            Mode::Ordinary => (CONTAINERS, true, place(pod.containers(), &choices)),
        };
        let path = Pointer::to(["spec", list]);
        if !there {
            patch.add(path.clone(), json!([]));
        }
        patch.add(path.at(at), container);
    }
    let warnings = if patch.is_empty() { Vec::new() } else { warnings(pod, mode) };
    Ok(Injection { patch, warnings, mode })
}

const INIT: &str = "initContainers";
const CONTAINERS: &str = "containers";

/// The lists of a pod as they are written.
struct Lists<'o> {
    containers: Option<&'o Vec<Value>>,
    init: Option<&'o Vec<Value>>,
    volumes: Option<&'o Vec<Value>>,
}

impl<'o> Lists<'o> {
    fn of(object: &'o Value) -> Self {
        let list = |name| object.get("spec").and_then(|spec| spec.get(name)).and_then(Value::as_array);
        Self { containers: list(CONTAINERS), init: list(INIT), volumes: list("volumes") }
    }

    /// The container of our name in one of them.
    fn own(&self, list: Option<&'o Vec<Value>>) -> Option<&'o Value> {
        list?.iter().find(|container| ours::is_named_as_ours(container))
    }

    fn add_volume(&self, patch: &mut Patch, volume: Value) {
        let path = Pointer::to(["spec", "volumes"]);
        let made = patch.operations().iter().any(|add| add.path == path);
        patch.append(&path, made || self.volumes.is_some(), [volume]);
    }
}

/// Writes down that it was done.
fn annotate(patch: &mut Patch, pod: &Pod, mode: Mode, first: bool) {
    let path = Pointer::to(["metadata", "annotations"]);
    let mut wanted = Vec::new();
    if pod.annotation(names::STATUS) != Some(STATUS) {
        wanted.push((names::STATUS, STATUS));
    }
    if first {
        wanted.push((names::INJECTED_VERSION, env!("CARGO_PKG_VERSION")));
    }
    // Or a person who names no container would see the sidecar's log in place of the agent's.
    if first
        && mode == Mode::Ordinary
        && pod.annotation(DEFAULT_CONTAINER).is_none()
        && let Some(container) = pod.containers().first()
    {
        wanted.push((DEFAULT_CONTAINER, &container.name));
    }
    if wanted.is_empty() {
        return;
    }
    if pod.metadata.annotations.is_none() {
        patch.add(path.clone(), Value::Object(Map::new()));
    }
    for (name, value) in wanted {
        patch.add(path.clone().then(name), value);
    }
}

/// Where in a list the sidecar comes: first, but after what sets up the network.
fn place(list: &[Container], choices: &Choices<'_>) -> usize {
    let network = |container: &Container| {
        let name = container.name.as_str();
        NETWORK_SETUP.contains(&name) || PROXIES.contains(&name) || choices.network_setup.contains(&name)
    };
    list.iter().rposition(network).map_or(0, |last| last + 1)
}

/// The containers that get the socket: which list, and where in it.
fn agents(pod: &Pod, choices: &Choices<'_>, mode: Mode) -> Result<Vec<(&'static str, usize)>, Refusal> {
    let init = pod.init_containers().iter().enumerate().map(|(at, container)| (INIT, at, container));
    let containers = pod.containers().iter().enumerate().map(|(at, container)| (CONTAINERS, at, container));
    let all = init.chain(containers).filter(|(.., container)| container.name != names::CONTAINER);
    let Some(named) = &choices.mount else {
        let own = pod.init_containers().iter().position(|container| container.name == names::CONTAINER);
        let first = own.unwrap_or_else(|| place(pod.init_containers(), choices));
        let is_agent = |list: &str, at: usize, container: &Container| {
            let before = list == INIT && (mode == Mode::Ordinary || at < first);
            let helper = list == INIT && container.is_restarted_always();
            !before && !helper && !PROXIES.contains(&container.name.as_str())
        };
        let agents = all.filter(|(list, at, container)| is_agent(list, *at, container));
        return Ok(agents.map(|(list, at, _)| (list, at)).collect());
    };
    let wrong =
        |name: &str, what: &str| Refusal::Annotation(names::MOUNT, format!("`{}` {what}", Shown(name)));
    let all: Vec<_> = all.collect();
    for name in named {
        match all.iter().find(|(.., container)| container.name == *name) {
            None => return Err(wrong(name, "is no container of the pod")),
            Some((INIT, ..)) if mode == Mode::Ordinary => {
                return Err(wrong(name, "ends before an ordinary sidecar starts"));
            }
            Some(_) => {}
        }
    }
    let chosen = all.into_iter().filter(|(.., container)| named.contains(&container.name.as_str()));
    Ok(chosen.map(|(list, at, _)| (list, at)).collect())
}

/// Gives a container the socket and says where it is.
fn equip(patch: &mut Patch, container: &Container, path: &Pointer) -> Result<(), Refusal> {
    if !container.variables().iter().any(|variable| variable.name == names::ENV_SOCKET) {
        patch.append(&path.clone().then("env"), container.env.is_some(), [parts::agents_variable()]);
    }
    if !container.mounts().iter().any(safety::is_agents_mount) {
        let taken = |path: &str| path.trim_end_matches('/') == names::SOCKET_FOLDER;
        if container.mounts().iter().any(|mount| taken(&mount.mount_path)) {
            return Err(Refusal::TakenPath(container.name.clone()));
        }
        let there = container.volume_mounts.is_some();
        patch.append(&path.clone().then("volumeMounts"), there, [parts::agents_mount()]);
    }
    Ok(())
}

/// All containers of a pod share its addresses, so that of two that listen on one port one fails.
fn port_is_free(pod: &Pod, port: u16) -> Result<(), Refusal> {
    let others = pod.init_containers().iter().chain(pod.containers());
    let mut others = others.filter(|container| container.name != names::CONTAINER);
    let declares = |container: &&Container| {
        let ports = container.ports.iter().flatten();
        ports.filter_map(|port| port.container_port).any(|declared| declared == i64::from(port))
    };
    others.find(declares).map_or(Ok(()), |container| Err(Refusal::TakenPort(container.name.clone(), port)))
}

/// Whether the pod's quality of service is "guaranteed": every container is given what it may use at most. It should
/// stay so, or the node would take it for one that may be evicted sooner.
fn is_guaranteed(pod: &Pod) -> bool {
    let others = pod.init_containers().iter().chain(pod.containers());
    others.filter(|container| container.name != names::CONTAINER).all(|container| {
        let Some(resources) = &container.resources else { return false };
        ["cpu", "memory"].into_iter().all(|resource| {
            let of = |list: &Option<std::collections::BTreeMap<String, Value>>| {
                list.as_ref()?.get(resource).cloned()
            };
            let limit = of(&resources.limits);
            limit.is_some() && (of(&resources.requests).is_none() || of(&resources.requests) == limit)
        })
    })
}

/// What its author should know.
fn warnings(pod: &Pod, mode: Mode) -> Vec<String> {
    let mut warnings = choices::unknown(pod);
    let restarts = pod.spec.restart_policy.as_deref().unwrap_or("Always");
    if mode == Mode::Ordinary && restarts != "Always" {
        let what = "countersign runs as an ordinary container: this pod will not complete by itself";
        warnings.push(what.to_owned());
    }
    if matches!(pod.spec.service_account_name.as_deref(), None | Some("" | "default")) {
        let what =
            "to countersign all pods of the service account `default` are one agent; give this one its own";
        warnings.push(what.to_owned());
    }
    warnings
}
