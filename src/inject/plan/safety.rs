//! What in a pod could reach the sidecar's keys, token or processes: each is refused, whoever wrote it.
//!
//! A container of the same pod sees of the sidecar what both mount, what both see as processes, and the network. So the
//! volumes are the sidecar's alone but for the socket, processes are not shared, and whoever could go around both by
//! way of the node is refused too (the node's folders, its root, its processes).

use crate::inject::names;
use crate::inject::pod::{Container, Mount, Pod};
use crate::inject::refusal::Refusal;
use crate::inject::settings::Tolerated;

/// The most containers that are looked at; each costs a few operations in the patch.
const MOST_CONTAINERS: usize = 256;
/// Capabilities with which a container gets at the node's files, its memory or its kernel. In the names of Linux,
/// `capabilities(7)`; those that Kubernetes gives every container are not among them.
const REACHING: [&str; 11] = [
    "ALL",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// Refuses a pod in which the sidecar would not be alone with what is its own.
pub(super) fn check(pod: &Pod, tolerated: Tolerated) -> Result<(), Refusal> {
    if pod.every_container().count() > MOST_CONTAINERS {
        return Err(Refusal::TooManyContainers);
    }
    if pod.containers().is_empty() {
        return Err(Refusal::NoContainers);
    }
    let spec = &pod.spec;
    let on_windows = spec.node_selector.iter().flat_map(|selector| selector.get("kubernetes.io/os"));
    if spec.os.as_ref().is_some_and(|os| os.name == "windows")
        || on_windows.into_iter().any(|os| os == "windows")
    {
        return Err(Refusal::Windows);
    }
    if spec.host_network == Some(true) {
        return Err(Refusal::HostNetwork);
    }
    if spec.host_pid == Some(true) {
        return Err(Refusal::HostProcesses);
    }
    if spec.share_process_namespace == Some(true) {
        return Err(Refusal::SharedProcesses);
    }
    let host_process = |context: &crate::inject::pod::SecurityContext| {
        context.windows_options.as_ref().is_some_and(|windows| windows.host_process == Some(true))
    };
    if spec.security_context.as_ref().is_some_and(host_process) {
        return Err(Refusal::Windows);
    }
    for volume in pod.volumes() {
        if volume.host_path.is_some() && (!tolerated.host_path || is_ours(&volume.name)) {
            return Err(Refusal::HostPath(volume.name.clone()));
        }
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        let mut tokens = sources.filter_map(|source| source.service_account_token.as_ref());
        let for_us = tokens.any(|token| token.audience.as_deref() == Some(names::AUDIENCE));
        if for_us && volume.name != names::TOKEN_VOLUME {
            return Err(Refusal::ForeignToken(volume.name.clone()));
        }
    }
    for container in pod.every_container().filter(|container| container.name != names::CONTAINER) {
        if container.security_context.as_ref().is_some_and(host_process) {
            return Err(Refusal::Windows);
        }
        if !tolerated.privileged {
            power(container)?;
        }
        mounts(container)?;
        let mut sockets = container.variables().iter().filter(|variable| variable.name == names::ENV_SOCKET);
        if sockets.any(|variable| variable.value.as_deref() != Some(names::SOCKET)) {
            return Err(Refusal::OtherSocket(container.name.clone()));
        }
    }
    ephemeral(pod, tolerated)
}

/// Refuses containers for looking around that could look into the sidecar.
pub(super) fn ephemeral(pod: &Pod, tolerated: Tolerated) -> Result<(), Refusal> {
    let mut others = pod.init_containers().iter().chain(pod.containers());
    if !others.any(|container| container.name == names::CONTAINER) {
        return Ok(());
    }
    for container in pod.ephemeral_containers() {
        if container.target_container_name.as_deref() == Some(names::CONTAINER) {
            return Err(Refusal::TargetsSidecar(container.name.clone()));
        }
        if !tolerated.privileged {
            power(container)?;
        }
        mounts(container)?;
    }
    Ok(())
}

/// Whether a volume has a name of ours.
pub(super) fn is_ours(volume: &str) -> bool {
    [names::SOCKET_VOLUME, names::DATA_VOLUME, names::TOKEN_VOLUME].contains(&volume)
}

/// Refuses a container that is as good as the node's root.
fn power(container: &Container) -> Result<(), Refusal> {
    let Some(context) = &container.security_context else { return Ok(()) };
    if context.privileged == Some(true) {
        return Err(Refusal::Privileged(container.name.clone()));
    }
    let added = context.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
    for capability in added {
        // Runtimes take either form, in any case.
        let upper = capability.to_ascii_uppercase();
        if REACHING.contains(&upper.strip_prefix("CAP_").unwrap_or(&upper)) {
            return Err(Refusal::Capability(container.name.clone(), capability.clone()));
        }
    }
    Ok(())
}

/// Refuses another container's use of our volumes, but for the socket as the injector itself would mount it.
fn mounts(container: &Container) -> Result<(), Refusal> {
    let devices = container.volume_devices.iter().flatten().map(|device| &device.name);
    let wrong = container.mounts().iter().filter(|mount| is_ours(&mount.name) && !is_agents_mount(mount));
    match devices.filter(|name| is_ours(name)).chain(wrong.map(|mount| &mount.name)).next() {
        Some(volume) => Err(Refusal::ForeignMount(container.name.clone(), volume.clone())),
        None => Ok(()),
    }
}

/// Whether this is how an agent has the socket.
pub(super) fn is_agents_mount(mount: &Mount) -> bool {
    let none = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
    let propagation = mount.mount_propagation.as_deref();
    mount.name == names::SOCKET_VOLUME
        && mount.mount_path == names::SOCKET_FOLDER
        && mount.read_only == Some(true)
        && none(&mount.sub_path)
        && none(&mount.sub_path_expr)
        && matches!(propagation, None | Some("" | "None"))
}
