//! The admission policies, evaluated by two implementations of CEL on pods as people make them: with the injector away,
//! nothing gets in without its sidecar, and nobody gets at what is a sidecar's.

use crate::kit::{Objects, chooses, everything, list, named, of_kind, python, ran, text};
use countersign::inject::plan::{Plan, plan};
use countersign::inject::quantity::Quantity;
use countersign::inject::settings::{Mode, Resources, Settings, Tolerated};
use countersign::inject::{self, names};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What is asked of the API server.
#[derive(Clone, Debug)]
struct Asked {
    operation: &'static str,
    resource: &'static str,
    namespace: Value,
    before: Value,
    pod: Value,
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "agent", "namespace": "shop", "labels": { "countersign.dev/inject": "true" } },
        "spec": { "containers": [{ "name": "agent", "image": "agent:1" }] },
    })
}

/// What the injector makes of a pod.
fn injected_as(mode: Mode) -> Value {
    let quantity = |text: &str| Quantity::read(text).unwrap();
    let settings = Settings {
        image: concat!("countersign:", env!("CARGO_PKG_VERSION")).into(),
        repositories: Vec::new(),
        desk: "https://countersign-desk.countersign.svc:8443".into(),
        desk_ca: None,
        trust_domain: "https://countersign.example".into(),
        roots: "{}".into(),
        mode,
        resources: Resources {
            cpu_request: quantity("20m"),
            cpu_limit: quantity("500m"),
            memory_request: quantity("48Mi"),
            memory_limit: quantity("192Mi"),
        },
        own_namespace: names::NAMESPACE.into(),
        tolerated: Tolerated::default(),
    };
    let Plan::Inject(injection) = plan(inject::plan::Asked::ByPod, "shop", &pod(), &settings) else {
        panic!()
    };
    injection.patch.applied_to(&pod()).unwrap()
}

fn injected() -> Value {
    injected_as(Mode::Native)
}

fn namespace(name: &str, enabled: bool) -> Value {
    let mut labels = json!({ "kubernetes.io/metadata.name": name });
    if enabled {
        labels[names::NAMESPACE_LABEL] = json!(names::NAMESPACE_LABEL_VALUE);
    }
    json!({ "metadata": { "name": name, "labels": labels } })
}

fn making(pod: Value) -> Asked {
    Asked {
        operation: "CREATE",
        resource: "pods",
        namespace: namespace("shop", false),
        before: Value::Null,
        pod,
    }
}

/// Making the injected pod, changed in one place.
fn made(pointer: &str, value: Value) -> Asked {
    let mut pod = injected();
    put(&mut pod, pointer, value);
    making(pod)
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/");
    match document.pointer_mut(parent).unwrap() {
        Value::Array(list) if name == "-" => list.push(value),
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        Value::Object(members) if value.is_null() => drop(members.remove(&name)),
        other => other[name.as_str()] = value,
    }
}

impl Asked {
    fn within(mut self, name: &str, enabled: bool) -> Self {
        self.namespace = namespace(name, enabled);
        self
    }

    fn with(mut self, pointer: &str, value: Value) -> Self {
        put(&mut self.pod, pointer, value);
        self
    }

    /// Changing what is there to this.
    fn changing(mut self, resource: &'static str, before: Value) -> Self {
        (self.operation, self.resource, self.before) = ("UPDATE", resource, before);
        self
    }
}

/// The policies that the API server would ask about this, by the selectors; with their parameters, once for each
/// binding that applies.
fn asked_of<'o>(objects: &'o Objects, asked: &Asked) -> Vec<(&'o Value, Value)> {
    let labels = |object: &Value| object["metadata"]["labels"].clone();
    let selected = |by: &Value| {
        let objects = [&asked.pod, &asked.before];
        let either = objects
            .iter()
            .filter(|one| !one.is_null())
            .any(|one| chooses(&by["objectSelector"], &labels(one)));
        either && chooses(&by["namespaceSelector"], &labels(&asked.namespace))
    };
    let mut found = Vec::new();
    for binding in of_kind(objects, "ValidatingAdmissionPolicyBinding") {
        assert_eq!(binding["spec"]["validationActions"], json!(["Deny", "Audit"]));
        let policy = named(objects, "ValidatingAdmissionPolicy", text(&binding["spec"]["policyName"]));
        let constraints = &policy["spec"]["matchConstraints"];
        let ruled = list(&constraints["resourceRules"]).iter().any(|rule| {
            list(&rule["operations"]).contains(&asked.operation.into())
                && list(&rule["resources"]).contains(&asked.resource.into())
        });
        if ruled && selected(constraints) && selected(&binding["spec"]["matchResources"]) {
            let reference = &binding["spec"]["paramRef"];
            let parameters = match reference.is_null() {
                true => Value::Null,
                false => named(objects, "ConfigMap", text(&reference["name"])).clone(),
            };
            assert_eq!(policy["spec"]["failurePolicy"], "Fail");
            found.push((policy, parameters));
        }
    }
    found
}

fn seen(asked: &Asked, policy: &Value, parameters: &Value) -> Value {
    json!({
        "policy": policy,
        "object": asked.pod,
        "oldObject": asked.before,
        "request": { "operation": asked.operation },
        "namespaceObject": asked.namespace,
        "params": parameters,
    })
}

/// What the Rust implementation says: which validations fail.
fn judged(line: &Value) -> Value {
    let mut context = cel::Context::default();
    for name in ["object", "oldObject", "request", "namespaceObject", "params"] {
        context.add_variable(name, line[name].clone()).unwrap();
    }
    let evaluated = |context: &cel::Context<'_, '_>, expression: &Value| {
        let program = cel::Program::compile(text(expression)).unwrap();
        program.execute(context).unwrap_or_else(|error| panic!("{error}: {expression} on {line}"))
    };
    let spec = &line["policy"]["spec"];
    let holds = |context: &cel::Context<'_, '_>, one: &Value| match evaluated(context, &one["expression"]) {
        cel::Value::Bool(holds) => holds,
        other => panic!("{other:?}: {one}"),
    };
    if !list(&spec["matchConditions"]).iter().all(|one| holds(&context, one)) {
        return json!({ "matches": false, "failed": [] });
    }
    let mut variables: HashMap<String, cel::Value> = HashMap::new();
    for one in list(&spec["variables"]) {
        context.add_variable_from_value("variables", variables.clone());
        variables.insert(text(&one["name"]).to_owned(), evaluated(&context, &one["expression"]));
    }
    context.add_variable_from_value("variables", variables);
    let validations = list(&spec["validations"]).iter().enumerate();
    let failed: Vec<usize> = validations.filter(|(_, one)| !holds(&context, one)).map(|(at, _)| at).collect();
    json!({ "matches": true, "failed": failed })
}

/// Why each is refused: the messages of the validations that fail, by both implementations alike.
fn refusals(asked: &[Asked]) -> Vec<Vec<String>> {
    let objects = everything("fleet");
    let mut lines = Vec::new();
    for (at, one) in asked.iter().enumerate() {
        lines.extend(
            asked_of(&objects, one).into_iter().map(|(policy, params)| (at, seen(one, policy, &params))),
        );
    }
    let input: Vec<String> = lines.iter().map(|(_, line)| line.to_string()).collect();
    let theirs = ran(&mut python("admission.py"), &input.join("\n"));
    let theirs: Vec<Value> = theirs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(theirs.len(), lines.len());
    let mut refusals = vec![Vec::new(); asked.len()];
    for ((at, line), theirs) in lines.iter().zip(theirs) {
        assert_eq!(judged(line), theirs, "two implementations differ: {line}");
        for failed in list(&theirs["failed"]) {
            let validation = &line["policy"]["spec"]["validations"][failed.as_u64().unwrap() as usize];
            refusals[*at].push(text(&validation["message"]).to_owned());
        }
    }
    refusals
}

const SIDECAR: &str = "/spec/initContainers/0";
const NONE: &str = "asks for a countersign sidecar and has none";

#[test]
fn what_asks_has_its_sidecar_or_is_not_made() {
    let sidecar = |key: &str| format!("{SIDECAR}/{key}");
    let label = "/metadata/labels/countersign.dev~1inject";
    let rows: Vec<(&str, Asked, Option<&str>)> = vec![
        ("as the injector makes it", making(injected()), None),
        ("… with an ordinary container", making(injected_as(Mode::Ordinary)), None),
        (
            "… in a namespace that asks",
            making(injected()).within("shop", true).with(label, Value::Null),
            None,
        ),
        ("… by its digest", made(&sidecar("image"), json!("countersign@sha256:00")), None),
        ("the injector was away", making(pod()), Some(NONE)),
        ("… and the namespace asks", making(pod()).within("shop", true).with(label, Value::Null), Some(NONE)),
        (
            "… and the label is mistyped",
            making(pod()).within("shop", true).with(label, json!("yes")),
            Some(NONE),
        ),
        ("… and the pod declines", making(pod()).within("shop", true).with(label, json!("false")), None),
        ("it does not ask", making(pod()).with("/metadata/labels", Value::Null), None),
        ("it is one of ours", making(pod()).within("countersign", true), None),
        ("it is the cluster's", making(pod()).within("kube-system", true), None),
        (
            "it is a mirror of a static pod",
            making(pod()).with("/metadata/annotations", json!({ "kubernetes.io/config.mirror": "8c0f" })),
            None,
        ),
        (
            "the sidecar ends before the agent begins",
            made(&sidecar("restartPolicy"), Value::Null),
            Some("restartPolicy"),
        ),
        ("… or when it fails", made(&sidecar("restartPolicy"), json!("OnFailure")), Some("restartPolicy")),
        ("another image", made(&sidecar("image"), json!("evil:1")), Some("image")),
        ("another image of a like name", made(&sidecar("image"), json!("countersign-evil:1")), Some("image")),
        (
            "another registry of that name",
            made(&sidecar("image"), json!("countersign:5000/evil")),
            Some("image"),
        ),
        (
            "another registry before it",
            made(&sidecar("image"), json!("evil.example/countersign:1")),
            Some("image"),
        ),
        ("no image", made(&sidecar("image"), Value::Null), Some("image")),
        (
            "another program of the image",
            made(&sidecar("command"), json!(["/countersign", "keys"])),
            Some("something else"),
        ),
        (
            "another command of the program",
            made(&sidecar("args"), json!(["keys", "list"])),
            Some("something else"),
        ),
        ("more arguments", made(&sidecar("args/-"), json!("--trust-domain=evil")), Some("something else")),
        ("no arguments", made(&sidecar("args"), Value::Null), Some("something else")),
        (
            "two of them",
            made("/spec/containers/-", injected()["spec"]["initContainers"][0].clone()),
            Some(NONE),
        ),
        (
            "its keys in a volume that others share",
            made(
                "/spec/volumes/1",
                json!({ "name": "countersign-data", "persistentVolumeClaim": { "claimName": "c" } }),
            ),
            Some("volumes of its own"),
        ),
        (
            "its token from a Secret",
            made("/spec/volumes/2", json!({ "name": "countersign-token", "secret": { "secretName": "s" } })),
            Some("volumes of its own"),
        ),
        (
            "its keys elsewhere",
            made(&sidecar("volumeMounts/1/mountPath"), json!("/elsewhere")),
            Some("volumes of its own"),
        ),
        ("nothing mounted", made(&sidecar("volumeMounts"), Value::Null), Some("volumes of its own")),
        (
            "processes that see each other",
            made("/spec/shareProcessNamespace", json!(true)),
            Some("see each other's processes"),
        ),
        (
            "processes that see the node's",
            made("/spec/hostPID", json!(true)),
            Some("see each other's processes"),
        ),
        ("processes that do not", made("/spec/shareProcessNamespace", json!(false)), None),
    ];
    judge(&rows);
}

#[test]
fn what_is_a_sidecar_s_is_nobody_else_s() {
    let token = || {
        json!({ "name": "t", "projected": { "sources": [
            { "configMap": { "name": "c" } },
            { "serviceAccountToken": { "path": "t", "audience": "countersign" } },
        ] } })
    };
    let steal = |volume: &str| json!({ "name": volume, "mountPath": "/stolen", "subPath": "keys" });
    let label = "/metadata/labels/countersign.dev~1inject";
    let bystander = || making(pod()).with("/metadata/labels", Value::Null);
    let looking = |container: Value| {
        making(injected())
            .with("/spec/ephemeralContainers", json!([container]))
            .changing("pods/ephemeralcontainers", injected())
    };
    let rows: Vec<(&str, Asked, Option<&str>)> = vec![
        ("a pod that has nothing to do with us", bystander(), None),
        (
            "… with a token for others",
            bystander().with("/spec/volumes", json!([{ "name": "t", "projected": { "sources": [
                { "serviceAccountToken": { "path": "t", "audience": "vault" } }, { "serviceAccountToken": { "path": "u" } },
                { "downwardAPI": {} } ] } }, { "name": "e", "emptyDir": {} }])),
            None,
        ),
        ("a token of ours without a sidecar", bystander().with("/spec/volumes", json!([token()])), Some("for pods that ask")),
        ("… in a namespace that asks, declining", making(injected()).within("shop", true).with(label, json!("false")), Some("for pods that ask")),
        ("… of our own", bystander().within("countersign", false).with("/spec/volumes", json!([token()])), None),
        ("a second token of ours beside the sidecar's", made("/spec/volumes/-", token()), Some("`countersign-token` alone")),
        ("the agent mounts the keys", made("/spec/containers/0/volumeMounts/-", steal("countersign-data")), Some("no other container")),
        ("the agent mounts the token", made("/spec/containers/0/volumeMounts/-", steal("countersign-token")), Some("no other container")),
        (
            "a later init container does",
            made("/spec/initContainers/-", json!({ "name": "setup", "image": "i", "volumeMounts": [steal("countersign-data")] })),
            Some("no other container"),
        ),
        ("the agent mounts what is its own", made("/spec/containers/0/volumeMounts/-", steal("data")), None),
        ("looking around in the agent", looking(json!({ "name": "debug", "image": "i", "targetContainerName": "agent" })), None),
        ("looking around in the sidecar", looking(json!({ "name": "debug", "image": "i", "targetContainerName": "countersign" })), Some("debugging")),
        ("looking into the keys", looking(json!({ "name": "debug", "image": "i", "volumeMounts": [steal("countersign-data")] })), Some("debugging")),
        ("looking into the token", looking(json!({ "name": "debug", "image": "i", "volumeMounts": [steal("countersign-token")] })), Some("debugging")),
        ("a pod that runs is changed", making(injected()).with("/metadata/annotations", json!({ "a": "b" })).changing("pods", injected()), None),
        ("… and its label taken away", making(injected()).with(label, Value::Null).changing("pods", injected()), Some("stays what it is")),
        ("… and its label changed", making(injected()).with(label, json!("false")).changing("pods", injected()), Some("stays what it is")),
        (
            "… injected by its namespace, which does not ask any more",
            making(injected()).with(label, Value::Null).with("/metadata/finalizers", Value::Null).changing("pods", {
                let mut before = injected();
                put(&mut before, label, Value::Null);
                before
            }),
            None,
        ),
    ];
    judge(&rows);
}

fn judge(rows: &[(&str, Asked, Option<&str>)]) {
    let asked: Vec<Asked> = rows.iter().map(|(_, asked, _)| asked.clone()).collect();
    for ((name, _, expected), refused) in rows.iter().zip(refusals(&asked)) {
        match expected {
            None => assert_eq!(refused, Vec::<String>::new(), "{name}"),
            Some(words) => {
                assert!(refused.iter().any(|message| message.contains(words)), "{name}: {refused:?}")
            }
        }
    }
}

#[test]
fn the_webhook_is_asked_about_what_asks_once() {
    let objects = everything("fleet");
    let configuration = named(&objects, "MutatingWebhookConfiguration", names::WEBHOOK_CONFIGURATION);
    let label = |value: Option<&str>| {
        let mut labels = json!({ "app": "agent" });
        if let Some(value) = value {
            labels[names::POD_LABEL] = json!(value);
        }
        labels
    };
    let asked = |labels: &Value, namespace: &Value| -> Vec<String> {
        let webhooks = list(&configuration["webhooks"]).iter();
        let chosen = webhooks.filter(|webhook| {
            chooses(&webhook["objectSelector"], labels)
                && chooses(&webhook["namespaceSelector"], &namespace["metadata"]["labels"])
        });
        chosen.map(|webhook| text(&webhook["clientConfig"]["service"]["path"]).to_owned()).collect()
    };
    let (plain, enabled) = (namespace("shop", false), namespace("shop", true));
    let rows: &[(Option<&str>, &Value, &[&str])] = &[
        (None, &plain, &[]),
        (Some("true"), &plain, &[names::POD_PATH]),
        (Some("false"), &plain, &[]),
        (None, &enabled, &[names::NAMESPACE_PATH]),
        (Some("true"), &enabled, &[names::POD_PATH]),
        (Some("false"), &enabled, &[]),
        (Some("yes"), &enabled, &[names::NAMESPACE_PATH]),
    ];
    for (value, namespace, paths) in rows {
        assert_eq!(asked(&label(*value), namespace), *paths, "{value:?} in {namespace}");
    }
    for name in [&[names::NAMESPACE], &names::SYSTEM_NAMESPACES[..]].concat() {
        assert!(asked(&label(Some("true")), &namespace(name, true)).is_empty(), "{name}");
    }
    let mut ours = label(Some("true"));
    ours[names::COMPONENT_LABEL] = json!("desk");
    assert!(asked(&ours, &enabled).is_empty());
    for webhook in list(&configuration["webhooks"]) {
        let said = [
            ("sideEffects", json!("None")),
            ("admissionReviewVersions", json!(["v1"])),
            ("timeoutSeconds", json!(5)),
            ("matchPolicy", json!("Equivalent")),
            ("reinvocationPolicy", json!("IfNeeded")),
            ("failurePolicy", json!("Ignore")),
        ];
        for (key, value) in said {
            assert_eq!(webhook[key], value, "{key}");
        }
        let conditions = list(&webhook["matchConditions"]);
        let [condition] = conditions else { panic!("{conditions:?}") };
        for (annotations, asked) in [
            (Value::Null, true),
            (json!({ "a": "b" }), true),
            (json!({ "kubernetes.io/config.mirror": "8c0f" }), false),
        ] {
            let mut pod = pod();
            put(&mut pod, "/metadata/annotations", annotations);
            let mut context = cel::Context::default();
            context.add_variable("object", pod).unwrap();
            let holds =
                cel::Program::compile(text(&condition["expression"])).unwrap().execute(&context).unwrap();
            assert_eq!(holds, cel::Value::Bool(asked));
        }
    }
}
