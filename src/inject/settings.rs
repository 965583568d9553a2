//! What the injector is told by whoever runs it; a pod's author can't go beyond it.

use super::quantity::Quantity;

/// In which kind of container the sidecar runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An init container that is restarted always: it is ready before the agents start and ends after them.
    Native,
    /// An ordinary container that comes first, and holds up the others until its socket is there.
    Ordinary,
}

impl Mode {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ordinary => "ordinary",
        }
    }

    /// Reads it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Native, Self::Ordinary].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// What the sidecar's container is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// CPU that is kept for it.
    pub cpu_request: Quantity,
    /// CPU that it may use.
    pub cpu_limit: Quantity,
    /// Memory that is kept for it.
    pub memory_request: Quantity,
    /// Memory that it may use.
    pub memory_limit: Quantity,
}

/// What would let an agent reach the sidecar through the node, and is injected beside all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerated {
    /// Volumes of the type `hostPath`.
    pub host_path: bool,
    /// Privileged containers, and capabilities that amount to it.
    pub privileged: bool,
}

/// What the injector writes into pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The sidecar's image.
    pub image: Box<str>,
    /// Repositories, besides the image's own, of which a pod may choose an image for its sidecar.
    pub repositories: Vec<Box<str>>,
    /// The desk's URL.
    pub desk: Box<str>,
    /// The authorities of the desk's certificate, PEM; nothing where the desk's is one that everybody trusts.
    pub desk_ca: Option<Box<str>>,
    /// The trust domain.
    pub trust_domain: Box<str>,
    /// The root keys, a JWK set.
    pub roots: Box<str>,
    /// Which kind of container, where the pod does not say.
    pub mode: Mode,
    /// What it is given, where the pod does not say.
    pub resources: Resources,
    /// The namespace of our own pods.
    pub own_namespace: Box<str>,
    /// What is injected beside all the same.
    pub tolerated: Tolerated,
}

impl Settings {
    /// Whether a sidecar may run this image: one of a repository that the operator named, whatever its tag. Else a
    /// pod's author could have the desk certify the keys of any program.
    #[must_use]
    pub fn admits(&self, image: &str) -> bool {
        let wanted = repository(image);
        let known = self.repositories.iter().map(AsRef::as_ref);
        known.chain([repository(&self.image)]).any(|known| known == wanted)
    }
}

/// An image's name without tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    // A colon before the last slash is a registry's port.
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_the_name_without_tag_and_digest() {
        for (image, name) in [
            ("countersign", "countersign"),
            ("countersign:0.1.0", "countersign"),
            ("registry:5000/a/countersign", "registry:5000/a/countersign"),
            ("registry:5000/a/countersign:0.1.0", "registry:5000/a/countersign"),
            ("registry/countersign@sha256:00", "registry/countersign"),
            ("registry/countersign:1@sha256:00", "registry/countersign"),
        ] {
            assert_eq!(repository(image), name, "{image}");
        }
    }
}
