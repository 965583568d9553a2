//! What is put into a pod: the container, its volumes, and what agents get of it.

use super::choices::Choices;
use crate::inject::names;
use crate::inject::patch::object;
use crate::inject::settings::{Mode, Settings};
use serde_json::{Value, json};

/// How long an agent waits at most for the socket of an ordinary container, in seconds; as long as the startup probe.
const WAIT_SECONDS: u32 = 120;

/// The sidecar's container.
pub(super) fn container(choices: &Choices<'_>, settings: &Settings, mode: Mode, guaranteed: bool) -> Value {
    let resources = &choices.resources;
    let request = |request: &Value, limit: &Value| if guaranteed { limit.clone() } else { request.clone() };
    let (cpu, memory) = (json!(resources.cpu_limit.as_str()), json!(resources.memory_limit.as_str()));
    let requests = json!({
        "cpu": request(&json!(resources.cpu_request.as_str()), &cpu),
        "memory": request(&json!(resources.memory_request.as_str()), &memory),
    });
    let (restart, lifecycle) = match mode {
        Mode::Native => (json!("Always"), Value::Null),
        Mode::Ordinary => (Value::Null, wait()),
    };
    object([
        ("name", json!(names::CONTAINER)),
        ("image", json!(choices.image)),
        ("args", json!(names::ARGUMENTS)),
        ("restartPolicy", restart),
        ("env", environment(choices, settings)),
        (
            "ports",
            json!([{ "name": names::HEALTH_PORT_NAME, "containerPort": choices.health_port, "protocol": "TCP" }]),
        ),
        (
            "volumeMounts",
            json!([
                { "name": names::SOCKET_VOLUME, "mountPath": names::SOCKET_FOLDER },
                { "name": names::DATA_VOLUME, "mountPath": names::DATA_FOLDER },
                { "name": names::TOKEN_VOLUME, "mountPath": names::TOKEN_FOLDER, "readOnly": true },
            ]),
        ),
        ("resources", json!({ "requests": requests, "limits": { "cpu": cpu, "memory": memory } })),
        (
            "securityContext",
            json!({
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "privileged": false,
                "readOnlyRootFilesystem": true,
                "runAsGroup": names::USER,
                "runAsNonRoot": true,
                "runAsUser": names::USER,
                "seccompProfile": { "type": "RuntimeDefault" },
            }),
        ),
        ("startupProbe", probe(names::STARTUP_PATH, choices.health_port, 1, 120)),
        ("livenessProbe", probe(names::LIVE_PATH, choices.health_port, 10, 3)),
        ("readinessProbe", probe(names::READY_PATH, choices.health_port, 5, 3)),
        ("lifecycle", lifecycle),
        ("terminationMessagePolicy", json!("FallbackToLogsOnError")),
    ])
}

/// Holds up the containers that come after until the socket is there: a kubelet starts the next one only when this is
/// done.
fn wait() -> Value {
    let seconds = WAIT_SECONDS.to_string();
    json!({ "postStart": { "exec": { "command": [
        names::BINARY, "wait", "--socket", names::SOCKET, "--seconds", seconds,
    ] } } })
}

/// Without a host: Pod Security refuses probes that go elsewhere.
fn probe(path: &str, port: u16, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": port, "scheme": "HTTP" },
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 2,
    })
}

/// The sidecar's variables, and no others.
fn environment(choices: &Choices<'_>, settings: &Settings) -> Value {
    let health = format!("0.0.0.0:{}", choices.health_port);
    let variables = [
        (names::ENV_DESK, Some(settings.desk.as_ref())),
        (names::ENV_DESK_CA, settings.desk_ca.as_deref()),
        (names::ENV_TRUST_DOMAIN, Some(settings.trust_domain.as_ref())),
        (names::ENV_ROOTS, Some(settings.roots.as_ref())),
        (names::ENV_TOKEN_FILE, Some(names::TOKEN_FILE)),
        (names::ENV_DATA, Some(names::DATA_FOLDER)),
        (names::ENV_SOCKET, Some(names::SOCKET)),
        (names::ENV_HEALTH, Some(health.as_str())),
        (names::ENV_LOG, choices.log_level),
    ];
    let variables = variables.into_iter().filter_map(|(name, value)| Some((name, value?)));
    // A kubelet puts another variable's value for `$(NAME)`, and one dollar for two.
    variables.map(|(name, value)| json!({ "name": name, "value": value.replace('$', "$$") })).collect()
}

/// The sidecar's volumes.
pub(super) fn volumes() -> [Value; 3] {
    let token = json!({ "serviceAccountToken": {
        "audience": names::AUDIENCE,
        "expirationSeconds": names::TOKEN_SECONDS,
        "path": names::TOKEN_PATH,
    } });
    [
        json!({ "name": names::SOCKET_VOLUME, "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } }),
        json!({ "name": names::DATA_VOLUME, "emptyDir": {} }),
        json!({ "name": names::TOKEN_VOLUME, "projected": { "sources": [token] } }),
    ]
}

/// The socket, as an agent mounts it: nobody can put another in its place.
pub(super) fn agents_mount() -> Value {
    json!({ "name": names::SOCKET_VOLUME, "mountPath": names::SOCKET_FOLDER, "readOnly": true })
}

/// Where an agent finds the socket.
pub(super) fn agents_variable() -> Value {
    json!({ "name": names::ENV_SOCKET, "value": names::SOCKET })
}
