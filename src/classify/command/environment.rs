//! Variables of the environment: those that say where, and those that decide what runs.

use super::Argument;
use crate::classify::Why;
use crate::classify::shell::Session;

/// Names whose values say where a command acts.
const PLACES: &[&str] = &[
    "ANSIBLE_INVENTORY",
    "APP_ENV",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AZURE_SUBSCRIPTION_ID",
    "CLOUDSDK_CORE_PROJECT",
    "DATABASE_URL",
    "DB_HOST",
    "DB_NAME",
    "DJANGO_SETTINGS_MODULE",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "ENV",
    "ENVIRONMENT",
    "GOOGLE_CLOUD_PROJECT",
    "HELM_KUBECONTEXT",
    "HELM_NAMESPACE",
    "KUBECONFIG",
    "KUBECONTEXT",
    "KUBE_CONTEXT",
    "MIX_ENV",
    "MYSQL_HOST",
    "NAMESPACE",
    "NODE_ENV",
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGSERVICE",
    "RACK_ENV",
    "RAILS_ENV",
    "REDIS_URL",
    "STAGE",
    "TF_WORKSPACE",
    "VAULT_ADDR",
];

/// Names whose values make programs run something else, or read other settings.
const POWERFUL: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "EDITOR",
    "GIT_ASKPASS",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "KUBE_EDITOR",
    "LESSCLOSE",
    "LESSOPEN",
    "MANPAGER",
    "MAKEFLAGS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PROMPT_COMMAND",
    "PS4",
    "PSQL_EDITOR",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC",
    "RUSTC_WRAPPER",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "SYSTEMD_EDITOR",
    "TAR_OPTIONS",
    "VISUAL",
];

/// An assignment: where it decides what runs, that is a doubt.
pub(in crate::classify) fn environment(session: &mut Session, name: &str, value: &Argument) {
    let loader = name.starts_with("LD_") || name.starts_with("DYLD_") || name.starts_with("GIT_CONFIG_KEY");
    let function = name.starts_with("BASH_FUNC_");
    if loader || function || POWERFUL.contains(&name) {
        session.doubt(Why::Dynamic, &format!("{name}={}", value.text));
    }
}

/// The place that an assignment names.
pub(in crate::classify) fn place_of(name: &str, value: &Argument) -> Option<String> {
    (PLACES.contains(&name) && !value.text.is_empty()).then(|| without_password(&value.text))
}

/// A connection string without what is between the user and the host.
pub(super) fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split('?').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
