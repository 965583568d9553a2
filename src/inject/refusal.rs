//! Why a pod gets no sidecar: left alone, or refused with what to change.

use super::names;
use core::fmt;

/// Why a pod is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// It does not ask.
    NotAsked,
    /// It declines.
    OptedOut,
    /// It is in our own namespace.
    OwnNamespace,
    /// It is in a namespace of the cluster's own.
    SystemNamespace,
    /// The kubelet runs it from a file, and only shows it to the API server.
    MirrorPod,
    /// It was told to go away.
    Terminating,
    /// It has all of it.
    AlreadyInjected,
    /// It is no pod.
    NotAPod,
    /// It is not being made.
    NotACreation,
}

impl Skip {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NotAsked,
        Self::OptedOut,
        Self::OwnNamespace,
        Self::SystemNamespace,
        Self::MirrorPod,
        Self::Terminating,
        Self::AlreadyInjected,
        Self::NotAPod,
        Self::NotACreation,
    ];

    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::OptedOut => "opted_out",
            Self::OwnNamespace => "own_namespace",
            Self::SystemNamespace => "system_namespace",
            Self::MirrorPod => "mirror_pod",
            Self::Terminating => "terminating",
            Self::AlreadyInjected => "already_injected",
            Self::NotAPod => "not_a_pod",
            Self::NotACreation => "not_a_creation",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "it does not ask for a sidecar",
            Self::OptedOut => "its label declines the sidecar",
            Self::OwnNamespace => "it is in our own namespace",
            Self::SystemNamespace => "it is in a namespace of the cluster's own",
            Self::MirrorPod => "it is a mirror pod, which nobody can change",
            Self::Terminating => "it is going away",
            Self::AlreadyInjected => "it has its sidecar",
            Self::NotAPod => "it is no pod",
            Self::NotACreation => "it is not being made",
        })
    }
}

/// Why a pod is refused. Names are the pod's own and shown only in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not what a review of a pod is.
    Unreadable(String),
    /// More containers than anybody runs.
    TooManyContainers,
    /// No container at all.
    NoContainers,
    /// It is in the node's network, which its sidecar would be in, too.
    HostNetwork,
    /// It sees the node's processes, and its sidecar's with them.
    HostProcesses,
    /// Its containers see each other's processes, and so their files.
    SharedProcesses,
    /// It runs on Windows.
    Windows,
    /// A container is as good as the node's root.
    Privileged(String),
    /// A container has a capability that reaches the node.
    Capability(String, String),
    /// A volume is a folder of the node's.
    HostPath(String),
    /// A volume has a name of ours and is not ours.
    ForeignVolume(String),
    /// A container has our name and is not what we would put there.
    ForeignContainer(&'static str),
    /// A container mounts what only the sidecar may, or the socket otherwise than it may.
    ForeignMount(String, String),
    /// A container has another volume where the socket belongs.
    TakenPath(String),
    /// A volume holds a token that is for the desk.
    ForeignToken(String),
    /// A container looks for the socket elsewhere.
    OtherSocket(String),
    /// A container declares the port of the sidecar's probes.
    TakenPort(String, u16),
    /// An annotation can't be taken.
    Annotation(&'static str, String),
    /// A container for looking around would be let into the sidecar's processes.
    TargetsSidecar(String),
}

impl Refusal {
    /// The stable names of all of them.
    pub const CODES: [&'static str; 19] = [
        "unreadable",
        "too_many_containers",
        "no_containers",
        "host_network",
        "host_processes",
        "shared_processes",
        "windows",
        "privileged",
        "capability",
        "host_path",
        "foreign_volume",
        "foreign_container",
        "foreign_mount",
        "taken_path",
        "foreign_token",
        "other_socket",
        "taken_port",
        "annotation",
        "targets_sidecar",
    ];

    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooManyContainers => "too_many_containers",
            Self::NoContainers => "no_containers",
            Self::HostNetwork => "host_network",
            Self::HostProcesses => "host_processes",
            Self::SharedProcesses => "shared_processes",
            Self::Windows => "windows",
            Self::Privileged(_) => "privileged",
            Self::Capability(..) => "capability",
            Self::HostPath(_) => "host_path",
            Self::ForeignVolume(_) => "foreign_volume",
            Self::ForeignContainer(_) => "foreign_container",
            Self::ForeignMount(..) => "foreign_mount",
            Self::TakenPath(_) => "taken_path",
            Self::ForeignToken(_) => "foreign_token",
            Self::OtherSocket(_) => "other_socket",
            Self::TakenPort(..) => "taken_port",
            Self::Annotation(..) => "annotation",
            Self::TargetsSidecar(_) => "targets_sidecar",
        }
    }

    /// What the pod's author can do about it.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::TooManyContainers | Self::NoContainers => "",
            Self::HostNetwork | Self::HostProcesses | Self::SharedProcesses => {
                "; take that out, or decline the sidecar with the label `countersign.dev/inject: \"false\"`"
            }
            Self::Windows => "; decline it with the label `countersign.dev/inject: \"false\"`",
            Self::Privileged(_) | Self::Capability(..) => {
                "; take that out, or have whoever runs the injector tolerate `privileged`"
            }
            Self::HostPath(_) => {
                "; use another kind of volume, or have whoever runs the injector tolerate `host-path`"
            }
            Self::ForeignVolume(_) => "; give it another name",
            Self::ForeignContainer(_) => "; take it out, the injector puts in its own",
            Self::ForeignMount(..) | Self::TakenPath(_) | Self::ForeignToken(_) | Self::OtherSocket(_) => {
                "; take that out"
            }
            Self::TakenPort(..) => {
                "; choose another for the sidecar with the annotation `countersign.dev/health-port`"
            }
            Self::Annotation(..) => "",
            Self::TargetsSidecar(_) => "; target another container",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "this is no review of a pod: {}", Shown(why)),
            Self::TooManyContainers => f.write_str("the pod has more containers than anybody runs"),
            Self::NoContainers => f.write_str("the pod has no containers"),
            Self::HostNetwork => {
                f.write_str("the pod is in the node's network, and its sidecar would be too")
            }
            Self::HostProcesses => {
                f.write_str("the pod sees the node's processes (`hostPID`), its sidecar's with them")
            }
            Self::SharedProcesses => f.write_str(
                "with `shareProcessNamespace` the agent can look into the sidecar's process and its keys",
            ),
            Self::Windows => f.write_str("there is no sidecar for Windows"),
            Self::Privileged(container) => {
                write!(
                    f,
                    "the container `{}` is privileged and can read the sidecar's keys",
                    Shown(container)
                )
            }
            Self::Capability(container, capability) => {
                let (container, capability) = (Shown(container), Shown(capability));
                write!(
                    f,
                    "the container `{container}` adds `{capability}`, by which it can reach the sidecar's keys"
                )
            }
            Self::HostPath(volume) => {
                write!(
                    f,
                    "the volume `{}` is a folder of the node, by which keys can be reached",
                    Shown(volume)
                )
            }
            Self::ForeignVolume(volume) => {
                write!(
                    f,
                    "the volume `{}` has a name of the sidecar's and is not the sidecar's",
                    Shown(volume)
                )
            }
            Self::ForeignContainer(what) => {
                write!(f, "there is a container `{}` that is not the sidecar: its {what}", names::CONTAINER)
            }
            Self::ForeignMount(container, volume) => {
                let (container, volume) = (Shown(container), Shown(volume));
                write!(f, "the container `{container}` mounts `{volume}`, which is not for it")
            }
            Self::TakenPath(container) => {
                let folder = names::SOCKET_FOLDER;
                write!(f, "the container `{}` has another volume at `{folder}`", Shown(container))
            }
            Self::ForeignToken(volume) => {
                let audience = names::AUDIENCE;
                write!(
                    f,
                    "the volume `{}` holds a token for `{audience}`, which only the sidecar may",
                    Shown(volume)
                )
            }
            Self::OtherSocket(container) => {
                let variable = names::ENV_SOCKET;
                write!(f, "the container `{}` sets `{variable}` to something else", Shown(container))
            }
            Self::TakenPort(container, port) => {
                write!(
                    f,
                    "the container `{}` declares port {port}, which the sidecar needs",
                    Shown(container)
                )
            }
            Self::Annotation(name, what) => write!(f, "the annotation `{name}`: {what}"),
            Self::TargetsSidecar(container) => {
                write!(f, "the container `{}` would see the sidecar's process and its keys", Shown(container))
            }
        }?;
        f.write_str(self.advice())
    }
}

impl std::error::Error for Refusal {}

/// A text of the pod's, in part and without what a terminal would obey.
pub(super) struct Shown<'t>(pub &'t str);

/// How much of it is shown.
const MOST_SHOWN: usize = 80;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for c in characters.by_ref().take(MOST_SHOWN) {
            match c {
                '`' => f.write_str("'")?,
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        if characters.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}
