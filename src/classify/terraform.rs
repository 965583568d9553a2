//! Terraform: what applying a plan does, from its JSON form.

use super::{Act, Extent, Kind, Language, Reading, Why};
use crate::operation::json::{Object, Value};
use std::collections::BTreeMap;

/// How deep a plan's configuration is looked into.
const DEEPEST: usize = 64;

/// What is done to resources, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Read,
    Create,
    Update,
    Forget,
    Delete,
    Replace,
    Access,
    Unknown,
}

impl Change {
    /// The change that a list of actions stands for; `None` if it is none.
    fn of(actions: &[&str]) -> Option<Self> {
        match actions {
            ["no-op"] => None,
            ["read"] => Some(Self::Read),
            ["create"] => Some(Self::Create),
            ["update"] => Some(Self::Update),
            ["delete"] => Some(Self::Delete),
            ["forget"] => Some(Self::Forget),
            ["delete", "create"] | ["create", "delete"] => Some(Self::Replace),
            _ => Some(Self::Unknown),
        }
    }

    fn act(self) -> Act {
        let (what, kind) = match self {
            Self::Read => ("terraform read", Kind::Read),
            Self::Create => ("terraform create", Kind::Write),
            Self::Update => ("terraform update", Kind::Update),
            // It goes on existing, and nobody manages it any more.
            Self::Forget => ("terraform forget", Kind::Update),
            Self::Delete => ("terraform delete", Kind::Delete),
            Self::Replace => ("terraform replace", Kind::Delete),
            Self::Access => ("terraform change of access", Kind::Admin),
            Self::Unknown => ("terraform", Kind::Unknown),
        };
        Act { irreversible: matches!(self, Self::Delete | Self::Replace), ..Act::new(what, kind) }
    }
}

/// Reads a plan as `terraform show -json` writes it.
///
/// ```
/// use countersign::classify::terraform;
/// use countersign::operation::json::{Limits, read};
///
/// let plan = r#"{"resource_changes": [{"address": "aws_instance.web", "type": "aws_instance",
///     "change": {"actions": ["delete"]}}]}"#;
/// let reading = terraform::read(&read(plan.as_bytes(), &Limits::OPERATION).unwrap());
/// assert_eq!(reading.acts[0].to_string(), "delete: terraform delete on aws_instance.web, at most 1, for good");
/// ```
#[must_use]
pub fn read(plan: &Value) -> Reading {
    let mut reading = Reading::new(Language::Terraform);
    let Some(plan) = plan.as_object() else {
        reading.doubt(Why::Syntax, "plan");
        return reading;
    };
    let Some(changes) = plan.get("resource_changes").and_then(Value::as_array) else {
        reading.doubt(Why::Missing, "resource_changes");
        return reading;
    };
    let mut by_change: BTreeMap<Change, Vec<String>> = BTreeMap::new();
    for change in changes {
        read_change(change, &mut by_change, &mut reading);
    }
    for (change, addresses) in by_change {
        let extent = Extent::Counted(u64::try_from(addresses.len()).unwrap_or(u64::MAX));
        let mut targets = addresses;
        targets.truncate(Act::MAX_NAMES);
        reading.act(Act { targets, extent, ..change.act() });
    }
    if reading.acts.is_empty() && reading.doubts.is_empty() {
        reading.act(Act { extent: Extent::Counted(0), ..Change::Read.act() });
    }
    check_plan(plan, &mut reading);
    reading
}

fn read_change(change: &Value, by_change: &mut BTreeMap<Change, Vec<String>>, reading: &mut Reading) {
    let object = change.as_object();
    let text = |name: &str| object.and_then(|object| object.get(name)).and_then(Value::as_str);
    let address = text("address").unwrap_or("?");
    let actions = object
        .and_then(|object| object.get("change")?.as_object()?.get("actions")?.as_array())
        .map(|actions| actions.iter().map(|action| action.as_str().unwrap_or("?")).collect::<Vec<_>>());
    let change = match actions.as_deref() {
        None | Some([]) => {
            reading.doubt(Why::Missing, &format!("{address} change.actions"));
            Some(Change::Unknown)
        }
        Some(actions) => Change::of(actions),
    };
    let Some(change) = change else { return };
    if change == Change::Unknown {
        reading.doubt(Why::Unfamiliar, address);
    }
    by_change.entry(change).or_default().push(address.to_owned());
    // The type as it is said, and as the address says it.
    let named = text("type").into_iter().chain(address.rsplit('.').nth(1));
    if change != Change::Read && named.into_iter().any(guards) {
        by_change.entry(Change::Access).or_default().push(address.to_owned());
    }
}

/// Whether resources of this type say who may reach or do what, by the words of its name.
fn guards(resource_type: &str) -> bool {
    const WORDS: &[&str] = &[
        "iam",
        "role",
        "roles",
        "policy",
        "policies",
        "permission",
        "permissions",
        "firewall",
        "waf",
        "wafv2",
        "kms",
        "route53",
        "dns",
        "user",
        "group",
        "membership",
        "acl",
        "secret",
        "secretsmanager",
        "vault",
        "organizations",
        "organization",
        "scp",
        "sso",
        "cognito",
        "identity",
        "account",
        "grant",
        "grants",
        "access",
        "certificate",
        "acm",
        "rbac",
        "cloudtrail",
        "guardduty",
        "login",
        "password",
        "token",
        "key",
        "keyring",
    ];
    const PAIRS: &[(&str, &str)] = &[
        ("security", "group"),
        ("network", "acl"),
        ("network", "policy"),
        ("service", "account"),
        ("public", "access"),
    ];
    let words: Vec<&str> = resource_type.split(['_', '-', '.']).collect();
    let pair = |pair: &[&str]| PAIRS.iter().any(|(a, b)| pair == [*a, *b]);
    // `aws_autoscaling_group` groups machines, not people.
    let plain_group =
        ["autoscaling", "resource", "target", "log", "node", "instance", "placement", "subnet", "parameter"];
    words.windows(2).any(pair)
        || words.iter().enumerate().any(|(at, word)| {
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            let plain = *word == "group" && before.is_some_and(|before| plain_group.contains(before));
            WORDS.contains(word) && !plain
        })
}

/// What a plan holds beside its changes: programs that run when it is applied, and that it is not all.
fn check_plan(plan: &Object, reading: &mut Reading) {
    if plan.get("errored").is_some_and(|errored| errored != &Value::Bool(false)) {
        reading.doubt(Why::Syntax, "errored");
    }
    for name in ["deferred_changes", "deferred_action_invocations", "action_invocations"] {
        if plan.get(name).and_then(Value::as_array).is_some_and(|changes| !changes.is_empty()) {
            reading.doubt(Why::Dynamic, name);
        }
    }
    if let Some(configuration) = plan.get("configuration") {
        check_configuration(configuration, 0, reading);
    }
}

fn check_configuration(value: &Value, depth: usize, reading: &mut Reading) {
    if depth > DEEPEST {
        return reading.doubt(Why::TooMuch, "configuration");
    }
    match value {
        Value::Object(object) => {
            for provisioner in object.get("provisioners").and_then(Value::as_array).into_iter().flatten() {
                let kind = provisioner.as_object().and_then(|one| one.get("type")).and_then(Value::as_str);
                reading.doubt(Why::Foreign, kind.unwrap_or("provisioner"));
            }
            if object.get("mode").and_then(Value::as_str) == Some("data")
                && object.get("type").and_then(Value::as_str) == Some("external")
            {
                reading.doubt(Why::Foreign, "external");
            }
            object.iter().for_each(|(_, inner)| check_configuration(inner, depth + 1, reading));
        }
        Value::Array(elements) => {
            elements.iter().for_each(|one| check_configuration(one, depth + 1, reading))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
