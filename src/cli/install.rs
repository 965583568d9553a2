//! `countersign install --print`: the manifests that run it in a Kubernetes cluster, with one's own names in them.

mod embedded;
mod kustomization;
mod objects;
mod patch;
mod wishes;
mod yaml;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::party::TrustDomain;
use clap::ValueEnum;
use kustomization::Tree;
use objects::Object;
use serde_json::{Value, json};
use wishes::{Image, Namespace, Wishes};

/// Print the manifests for a Kubernetes cluster, for `kubectl apply --server-side -f -`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print them; nothing here speaks to a cluster
    #[arg(long, required = true)]
    print: bool,
    /// A desk on PostgreSQL and an injector of sidecars; what is printed if nothing is said
    #[arg(long, conflicts_with = "standalone")]
    fleet: bool,
    /// Everything in one pod on an embedded store, without an injector
    #[arg(long)]
    standalone: bool,
    /// What else the cluster has that is to be used (may be repeated, or separated by commas)
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    with: Vec<Part>,
    /// The namespace
    #[arg(long, value_name = "NAME", default_value = "countersign")]
    namespace: String,
    /// The image, where your cluster gets it from: REPOSITORY:TAG or REPOSITORY@DIGEST
    #[arg(long, value_name = "IMAGE", default_value = concat!("countersign:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// The trust domain, a URI of yours: the one that the keys were made for
    #[arg(long, value_name = "URI", default_value = "https://countersign.example")]
    trust_domain: String,
    /// Where reviewers' browsers reach the console, as they write an origin
    #[arg(long, value_name = "ORIGIN", default_value = "https://approve.countersign.example")]
    console_url: String,
    /// Only objects of this kind, or the one of this kind and name (may be repeated)
    #[arg(long, value_name = "KIND[/NAME]")]
    only: Vec<String>,
    /// Print one JSON document, a List
    #[arg(long)]
    json: bool,
}

/// What is used where the cluster has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Certificates by cert-manager
    CertManager,
    /// Monitors and alerts for the Prometheus operator, a dashboard for Grafana
    Monitoring,
    /// Network policies: who may reach whom
    NetworkPolicies,
}

impl Part {
    const fn folder(self) -> &'static str {
        match self {
            Self::CertManager => "kubernetes/components/cert-manager",
            Self::Monitoring => "kubernetes/components/monitoring",
            Self::NetworkPolicies => "kubernetes/components/network-policies",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if what was asked for is not a name, or nothing is left to print.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let wishes = args.wishes()?;
    let overlay =
        if args.standalone { "kubernetes/overlays/standalone" } else { "kubernetes/overlays/fleet" };
    let mut parts: Vec<&str> = args.with.iter().map(|part| part.folder()).collect();
    parts.sort_unstable();
    parts.dedup();
    let tree = Tree::new(embedded::FILES);
    let mut objects = tree.render(overlay, &parts).map_err(Failed::plain)?;
    for object in &mut objects {
        wishes.put_into(object);
    }
    objects.sort_by_key(Object::rank);
    let objects = only(objects, &args.only)?;
    let output = Output::new(args.json);
    if args.json {
        let items: Vec<Value> = objects.into_iter().map(Object::into_value).collect();
        output.print(|| json!({ "apiVersion": "v1", "kind": "List", "items": items }), |_| String::new());
    } else {
        let texts: Vec<String> = objects.iter().map(|object| yaml::document(object.value())).collect();
        output.line(texts.join("---\n").trim_end());
    }
    Ok(Exit::Success)
}

impl Args {
    fn wishes(&self) -> Result<Wishes, Failed> {
        let usage = |what: String| Failed::new(Exit::Usage, what);
        let namespace = Namespace::parse(&self.namespace).ok_or_else(|| {
            usage(format!(
                "`--namespace {}` is no name of a namespace: up to 63 of a-z, 0-9 and `-`",
                self.namespace
            ))
        })?;
        let image = Image::parse(&self.image).ok_or_else(|| {
            usage(format!(
                "`--image {}` is no image: REPOSITORY, REPOSITORY:TAG or REPOSITORY@sha256:…",
                self.image
            ))
        })?;
        let trust_domain = TrustDomain::new(&self.trust_domain)
            .map_err(|error| usage(format!("`--trust-domain {}`: {error}", self.trust_domain)))?;
        let host = self.console_url.strip_prefix("https://");
        let of_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if !host.is_some_and(|host| !host.is_empty() && host.chars().all(of_host)) {
            return Err(usage(format!(
                "`--console-url {}` is no origin, as https://approve.example.com is one",
                self.console_url
            )));
        }
        Ok(Wishes { namespace, image, trust_domain, console_url: self.console_url.clone() })
    }
}

fn only(mut objects: Vec<Object>, wanted: &[String]) -> Result<Vec<Object>, Failed> {
    for wish in wanted {
        if !objects.iter().any(|object| object.is(wish)) {
            let there: Vec<String> = objects.iter().map(Object::title).collect();
            return Err(Failed::new(Exit::Usage, format!("`--only {wish}`: there is no such object"))
                .advise(format!("there are {}", there.join(", "))));
        }
    }
    if !wanted.is_empty() {
        objects.retain(|object| wanted.iter().any(|wish| object.is(wish)));
    }
    Ok(objects)
}
