//! What a pod's annotations choose for its sidecar, within what the operator allows.

use crate::inject::names;
use crate::inject::pod::Pod;
use crate::inject::quantity::{Quantity, least_cpu, least_memory};
use crate::inject::refusal::{Refusal, Shown};
use crate::inject::settings::{Mode, Resources, Settings};

/// What the sidecar may be told to log.
const LOG_LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// The annotations that are read or written.
const KNOWN: [&str; 12] = [
    names::IMAGE,
    names::CPU_REQUEST,
    names::CPU_LIMIT,
    names::MEMORY_REQUEST,
    names::MEMORY_LIMIT,
    names::LOG_LEVEL,
    names::MOUNT,
    names::MODE,
    names::HEALTH_PORT_ANNOTATION,
    names::NETWORK_SETUP,
    names::STATUS,
    names::INJECTED_VERSION,
];

/// What is chosen for one pod.
#[derive(Debug)]
pub(super) struct Choices<'p> {
    pub(super) image: &'p str,
    pub(super) resources: Resources,
    pub(super) log_level: Option<&'p str>,
    /// The containers that get the socket, if they are named.
    pub(super) mount: Option<Vec<&'p str>>,
    pub(super) mode: Mode,
    pub(super) health_port: u16,
    /// The init containers that are named as setting up the network.
    pub(super) network_setup: Vec<&'p str>,
}

impl<'p> Choices<'p> {
    /// Reads the annotations.
    ///
    /// # Errors
    /// [`Refusal::Annotation`]: what is not understood is not guessed.
    pub(super) fn read(pod: &'p Pod, settings: &'p Settings) -> Result<Self, Refusal> {
        let image = pod.annotation(names::IMAGE).unwrap_or(&settings.image);
        if !settings.admits(image) {
            let what = format!("`{}` is of no repository that the injector was told of", Shown(image));
            return Err(Refusal::Annotation(names::IMAGE, what));
        }
        let log_level = pod.annotation(names::LOG_LEVEL);
        if let Some(level) = log_level.filter(|level| !LOG_LEVELS.contains(level)) {
            let what = format!("`{}` is none of {}", Shown(level), LOG_LEVELS.join(", "));
            return Err(Refusal::Annotation(names::LOG_LEVEL, what));
        }
        let mode = pod.annotation(names::MODE).map(|text| {
            let unknown = || {
                Refusal::Annotation(
                    names::MODE,
                    format!("`{}` is neither `native` nor `ordinary`", Shown(text)),
                )
            };
            Mode::parse(text).ok_or_else(unknown)
        });
        let health_port = pod.annotation(names::HEALTH_PORT_ANNOTATION).map(|text| {
            let port = text.parse::<u16>().ok().filter(|port| *port >= 1024);
            let unknown = || format!("`{}` is no port from 1024 on", Shown(text));
            port.ok_or_else(|| Refusal::Annotation(names::HEALTH_PORT_ANNOTATION, unknown()))
        });
        Ok(Self {
            image,
            resources: resources(pod, &settings.resources)?,
            log_level,
            mount: pod.annotation(names::MOUNT).map(|text| listed(text).collect()),
            mode: mode.transpose()?.unwrap_or(settings.mode),
            health_port: health_port.transpose()?.unwrap_or(names::HEALTH_PORT),
            network_setup: pod.annotation(names::NETWORK_SETUP).map(listed).into_iter().flatten().collect(),
        })
    }
}

/// The names in a list with commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// What the annotations say, and the defaults bent so that no request is above its limit.
fn resources(pod: &Pod, defaults: &Resources) -> Result<Resources, Refusal> {
    let read = |name: &'static str, least: Quantity| {
        let Some(text) = pod.annotation(name) else { return Ok(None) };
        match Quantity::read(text) {
            Ok(quantity) if quantity < least => {
                Err(Refusal::Annotation(name, format!("`{}` is less than {least}", Shown(text))))
            }
            Ok(quantity) => Ok(Some(quantity)),
            Err(error) => Err(Refusal::Annotation(name, format!("`{}`: {error}", Shown(text)))),
        }
    };
    let (cpu_request, cpu_limit) = pair(
        read(names::CPU_REQUEST, least_cpu())?,
        read(names::CPU_LIMIT, least_cpu())?,
        (&defaults.cpu_request, &defaults.cpu_limit),
        names::CPU_REQUEST,
    )?;
    let (memory_request, memory_limit) = pair(
        read(names::MEMORY_REQUEST, least_memory())?,
        read(names::MEMORY_LIMIT, least_memory())?,
        (&defaults.memory_request, &defaults.memory_limit),
        names::MEMORY_REQUEST,
    )?;
    Ok(Resources { cpu_request, cpu_limit, memory_request, memory_limit })
}

fn pair(
    request: Option<Quantity>,
    limit: Option<Quantity>,
    (default_request, default_limit): (&Quantity, &Quantity),
    name: &'static str,
) -> Result<(Quantity, Quantity), Refusal> {
    match (request, limit) {
        (Some(request), Some(limit)) if request > limit => {
            Err(Refusal::Annotation(name, format!("`{request}` is more than the limit, `{limit}`")))
        }
        (Some(request), Some(limit)) => Ok((request, limit)),
        (Some(request), None) => {
            let limit = default_limit.max(&request).clone();
            Ok((request, limit))
        }
        (None, Some(limit)) => Ok((default_request.min(&limit).clone(), limit)),
        (None, None) => Ok((default_request.clone(), default_limit.clone())),
    }
}

/// What its author should know of annotations that say nothing to anybody.
pub(super) fn unknown(pod: &Pod) -> Vec<String> {
    let all = pod.metadata.annotations.iter().flat_map(|all| all.keys());
    let strange =
        all.filter(|name| name.starts_with(names::ANNOTATION_PREFIX) && !KNOWN.contains(&name.as_str()));
    strange
        .take(3)
        .map(|name| format!("the annotation `{}` means nothing to countersign", Shown(name)))
        .collect()
}
