//! The names, ports and paths of a countersign in Kubernetes: what the injector writes and the manifests repeat.

/// The pod label that asks for the sidecar (`"true"`), or declines it in a namespace that asks (`"false"`).
pub const POD_LABEL: &str = "countersign.dev/inject";
/// The namespace label that asks for the sidecar in every pod of it.
pub const NAMESPACE_LABEL: &str = "countersign.dev/injection";
/// … and the value with which it does.
pub const NAMESPACE_LABEL_VALUE: &str = "enabled";
/// The label that our own pods carry, with what they are.
pub const COMPONENT_LABEL: &str = "countersign.dev/component";

/// What all annotations begin with, those that are read and those that are written.
pub const ANNOTATION_PREFIX: &str = "countersign.dev/";
/// Annotation: the sidecar's image; of a repository that the injector was told of.
pub const IMAGE: &str = "countersign.dev/image";
/// Annotation: the sidecar's CPU request.
pub const CPU_REQUEST: &str = "countersign.dev/cpu-request";
/// Annotation: the sidecar's CPU limit.
pub const CPU_LIMIT: &str = "countersign.dev/cpu-limit";
/// Annotation: the sidecar's memory request.
pub const MEMORY_REQUEST: &str = "countersign.dev/memory-request";
/// Annotation: the sidecar's memory limit.
pub const MEMORY_LIMIT: &str = "countersign.dev/memory-limit";
/// Annotation: how much the sidecar logs: `error`, `warn`, `info`, `debug` or `trace`.
pub const LOG_LEVEL: &str = "countersign.dev/log-level";
/// Annotation: the containers that get the socket, separated by commas.
pub const MOUNT: &str = "countersign.dev/mount";
/// Annotation: `native` or `ordinary`, whatever the injector takes the cluster for.
pub const MODE: &str = "countersign.dev/mode";
/// Annotation: the port of the sidecar's probes and metrics, where an agent needs [`HEALTH_PORT`] itself.
pub const HEALTH_PORT_ANNOTATION: &str = "countersign.dev/health-port";
/// Annotation: networks are set up by these init containers, which therefore run before the sidecar.
pub const NETWORK_SETUP: &str = "countersign.dev/network-setup";
/// Annotation that the injector writes: `injected`.
pub const STATUS: &str = "countersign.dev/status";
/// Annotation that the injector writes: its own version.
pub const INJECTED_VERSION: &str = "countersign.dev/injected-version";

/// The sidecar's container.
pub const CONTAINER: &str = "countersign";
/// Where the program is in the image.
pub const BINARY: &str = "/countersign";
/// What the sidecar's container runs: arguments of the image's entry point, which is [`BINARY`].
pub const ARGUMENTS: [&str; 1] = ["sidecar"];
/// The user and the group that the sidecar runs as. No image that is known to us uses it for an agent.
pub const USER: i64 = 7117;

/// The volume of the socket.
pub const SOCKET_VOLUME: &str = "countersign-socket";
/// … the folder that it is mounted at, in every container that gets it,
pub const SOCKET_FOLDER: &str = "/run/countersign";
/// … and the socket in it.
pub const SOCKET: &str = "/run/countersign/agent.sock";
/// The volume of the sidecar's own journal and keys,
pub const DATA_VOLUME: &str = "countersign-data";
/// … and where the sidecar, and nobody else, mounts it.
pub const DATA_FOLDER: &str = "/var/lib/countersign";
/// The volume of the sidecar's service-account token,
pub const TOKEN_VOLUME: &str = "countersign-token";
/// … where the sidecar, and nobody else, mounts it,
pub const TOKEN_FOLDER: &str = "/var/run/secrets/countersign";
/// … the token's name in it,
pub const TOKEN_PATH: &str = "token";
/// … and the whole path.
pub const TOKEN_FILE: &str = "/var/run/secrets/countersign/token";
/// The audience of that token. No other volume of an agent's pod may ask for it.
pub const AUDIENCE: &str = "countersign";
/// How long that token lives, in seconds; the kubelet renews it at four fifths.
pub const TOKEN_SECONDS: i64 = 3600;

/// Variable of the sidecar: the desk's URL.
pub const ENV_DESK: &str = "COUNTERSIGN_DESK";
/// Variable of the sidecar: the authorities of the desk's certificate, as PEM.
pub const ENV_DESK_CA: &str = "COUNTERSIGN_DESK_CA";
/// Variable of the sidecar: the trust domain.
pub const ENV_TRUST_DOMAIN: &str = "COUNTERSIGN_TRUST_DOMAIN";
/// Variable of the sidecar: the root keys, as a JWK set.
pub const ENV_ROOTS: &str = "COUNTERSIGN_ROOTS";
/// Variable of the sidecar: the file of its service-account token.
pub const ENV_TOKEN_FILE: &str = "COUNTERSIGN_SERVICE_ACCOUNT_TOKEN_FILE";
/// Variable of the sidecar: the folder of its journal and keys.
pub const ENV_DATA: &str = "COUNTERSIGN_DATA";
/// Variable of the sidecar and of the agents: the socket.
pub const ENV_SOCKET: &str = "COUNTERSIGN_SOCKET";
/// Variable of the sidecar: where it answers probes and metrics.
pub const ENV_HEALTH: &str = "COUNTERSIGN_HEALTH";
/// Variable of the sidecar: the filter of its log; only written where the pod asks for one.
pub const ENV_LOG: &str = "COUNTERSIGN_LOG";

/// The port of probes and metrics, of the sidecar and of our own pods.
pub const HEALTH_PORT: u16 = 9464;
/// The name of that port in an agent's pod. Not `health`: a Service of the agent's may mean a port of its own by that.
pub const HEALTH_PORT_NAME: &str = "countersign";
/// Whether it has begun.
pub const STARTUP_PATH: &str = "/startup";
/// Whether it still turns.
pub const LIVE_PATH: &str = "/live";
/// Whether it takes work.
pub const READY_PATH: &str = "/ready";
/// What it has counted.
pub const METRICS_PATH: &str = "/metrics";

/// The namespace of our own pods.
pub const NAMESPACE: &str = "countersign";
/// The namespaces in which nothing is ever injected, besides our own.
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-node-lease", "kube-public"];
/// The injector's Service.
pub const INJECTOR_SERVICE: &str = "countersign-injector";
/// The port that the injector listens on.
pub const WEBHOOK_PORT: u16 = 9443;
/// The path of the webhook that the API server calls for pods with [`POD_LABEL`] `"true"`.
pub const POD_PATH: &str = "/inject";
/// The path of the webhook that it calls for every pod of a namespace with [`NAMESPACE_LABEL`]. A review does not tell
/// a namespace's labels, and one webhook's selectors both have to match: so there are two webhooks, and the path says
/// which of them was asked.
pub const NAMESPACE_PATH: &str = "/inject/namespace";
/// The MutatingWebhookConfiguration, of which the injector reads and updates the authorities (`get`, `update`).
pub const WEBHOOK_CONFIGURATION: &str = "countersign-injector";
/// The Secret in which replicas share their certificate (`get`, `update`; `create` where it is not made beforehand).
pub const CERTIFICATE_SECRET: &str = "countersign-injector-certificate";
/// … and the key in it.
pub const CERTIFICATE_SECRET_KEY: &str = "generations.json";

/// The desk's Service.
pub const DESK_SERVICE: &str = "countersign-desk";
/// The desk's port for sidecars.
pub const FLEET_PORT: u16 = 8443;
/// The desk's port for reviewers' gRPC.
pub const REVIEW_PORT: u16 = 8444;
/// The console's port.
pub const CONSOLE_PORT: u16 = 8080;
