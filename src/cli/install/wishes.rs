//! One's own names in the manifests: each is put where it belongs and nowhere else, whatever else looks alike.

use super::objects::Object;
use crate::party::TrustDomain;
use serde_json::Value;

/// The namespace that the manifests are written for.
const WRITTEN_FOR: &str = "countersign";
/// … and the repository of their image.
const REPOSITORY: &str = "countersign";
/// The ConfigMap of what is the same for the whole cluster.
const SETTINGS: &str = "countersign";

/// What somebody wants otherwise than the manifests have it.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub namespace: Namespace,
    pub image: Image,
    pub trust_domain: TrustDomain,
    pub console_url: String,
}

/// The name of a namespace: a label of RFC 1123.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Namespace(String);

impl Namespace {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let sound = (1..=63).contains(&text.len())
            && text.chars().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        sound.then(|| Self(text.to_owned()))
    }
}

/// An image by its repository, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    whole: String,
    repository: String,
}

impl Image {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let of_name = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let sound = !name.is_empty()
            && name.chars().all(of_name)
            && name.split('/').all(|part| !part.is_empty())
            && digest.is_none_or(|digest| {
                digest.strip_prefix("sha256:").is_some_and(|hex| {
                    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                })
            });
        if !sound {
            return None;
        }
        // A colon before a slash is a port's.
        let repository = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => {
                (!repository.is_empty() && !tag.is_empty()).then_some(repository)?
            }
            Some(_) | None => name,
        };
        Some(Self { whole: text.to_owned(), repository: repository.to_owned() })
    }

    /// A regular expression that is this repository's images, and no others.
    fn pattern(&self) -> String {
        let mut pattern = "^".to_owned();
        for c in self.repository.chars() {
            if !c.is_ascii_alphanumeric() && !"-/:_".contains(c) {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push_str("([:@][^/]+)?$");
        pattern
    }
}

impl Wishes {
    /// Puts them into one object.
    pub(super) fn put_into(&self, object: &mut Object) {
        let Namespace(namespace) = &self.namespace;
        object.put_in_namespace(namespace);
        match object.kind() {
            "Namespace" => set(object.at("/metadata/name"), namespace),
            "Deployment" => {
                for list in ["/spec/template/spec/initContainers", "/spec/template/spec/containers"] {
                    object.each(list).for_each(|container| self.put_image(container.get_mut("image")));
                }
            }
            "ConfigMap" if object.name() == SETTINGS => {
                set(object.at("/data/trust-domain"), &self.trust_domain.to_string());
                set(object.at("/data/console-url"), &self.console_url);
                self.put_image(object.at("/data/sidecar-image"));
                set(object.at("/data/sidecar-image-pattern"), &self.image.pattern());
            }
            "RoleBinding" | "ClusterRoleBinding" => {
                object.each("/subjects").for_each(|subject| set(subject.get_mut("namespace"), namespace));
            }
            "MutatingWebhookConfiguration" => {
                for webhook in object.each("/webhooks") {
                    set(webhook.pointer_mut("/clientConfig/service/namespace"), namespace);
                    self.put_exclusion(webhook.get_mut("namespaceSelector"));
                }
                let authority = object.at("/metadata/annotations/cert-manager.io~1inject-ca-from");
                replace(authority, |text| {
                    text.split_once('/').map(|(_, certificate)| format!("{namespace}/{certificate}"))
                });
            }
            "ValidatingAdmissionPolicy" => {
                self.put_exclusion(object.at("/spec/matchConstraints/namespaceSelector"));
            }
            "ValidatingAdmissionPolicyBinding" => set(object.at("/spec/paramRef/namespace"), namespace),
            "Certificate" => {
                for name in object.each("/spec/dnsNames") {
                    replace(Some(name), |text| {
                        let mut labels: Vec<&str> = text.split('.').collect();
                        let second = labels.get_mut(1).filter(|label| **label == WRITTEN_FOR)?;
                        *second = namespace;
                        Some(labels.join("."))
                    });
                }
            }
            // Nothing in the others names a namespace or an image.
            _ => {}
        }
    }

    fn put_image(&self, image: Option<&mut Value>) {
        replace(image, |text| {
            let written = Image::parse(text).is_some_and(|image| image.repository == REPOSITORY);
            written.then(|| self.image.whole.clone())
        });
    }

    /// Our own namespace among those in which nothing is done.
    fn put_exclusion(&self, selector: Option<&mut Value>) {
        let Namespace(namespace) = &self.namespace;
        let expressions = selector.and_then(|selector| selector.get_mut("matchExpressions"));
        for expression in expressions.and_then(Value::as_array_mut).into_iter().flatten() {
            let by_name = expression.get("key").is_some_and(|key| key == "kubernetes.io/metadata.name");
            let values = expression.get_mut("values").and_then(Value::as_array_mut).filter(|_| by_name);
            for value in values.into_iter().flatten().filter(|value| *value == WRITTEN_FOR) {
                *value = Value::from(namespace.as_str());
            }
        }
    }
}

/// Sets what is there already; the manifests say which places there are.
fn set(place: Option<&mut Value>, text: &str) {
    replace(place, |_| Some(text.to_owned()));
}

fn replace(place: Option<&mut Value>, by: impl FnOnce(&str) -> Option<String>) {
    if let Some(place) = place
        && let Value::String(text) = place
        && let Some(new) = by(text)
    {
        *text = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_taken_apart_where_they_have_to_be() {
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        for (text, repository) in [
            ("countersign", Some("countersign")),
            ("countersign:0.1.0", Some("countersign")),
            (
                "registry.example.com:5000/team/countersign:1",
                Some("registry.example.com:5000/team/countersign"),
            ),
            ("registry.example.com:5000/countersign", Some("registry.example.com:5000/countersign")),
            (digest.as_str(), Some("a/b")),
            ("", None),
            (":1", None),
            ("a:", None),
            ("a//b", None),
            ("a b", None),
            ("a@sha256:00", None),
            ("a@md5:00", None),
            ("a\nb", None),
        ] {
            assert_eq!(Image::parse(text).map(|image| image.repository).as_deref(), repository, "{text}");
        }
    }

    #[test]
    fn the_pattern_is_the_repository_s_images_and_no_others() {
        let image = Image::parse("registry.example.com:5000/team/countersign:1").unwrap();
        let pattern = regex::Regex::new(&image.pattern()).unwrap();
        for (text, is) in [
            ("registry.example.com:5000/team/countersign:2", true),
            ("registry.example.com:5000/team/countersign@sha256:00", true),
            ("registry.example.com:5000/team/countersign", true),
            ("registry.example.com:5000/team/countersign-evil:2", false),
            ("registry.example.com:5000/team/countersign:5000/evil", false),
            ("registryXexample.com:5000/team/countersign:2", false),
            ("evil/registry.example.com:5000/team/countersign:2", false),
        ] {
            assert_eq!(pattern.is_match(text), is, "{text}");
        }
    }

    #[test]
    fn names_of_namespaces_are_labels() {
        for (text, is) in [
            ("countersign", true),
            ("a-1", true),
            ("-a", false),
            ("a-", false),
            ("A", false),
            ("", false),
            ("a.b", false),
        ] {
            assert_eq!(Namespace::parse(text).is_some(), is, "{text}");
        }
        assert!(Namespace::parse(&"a".repeat(64)).is_none());
    }
}
