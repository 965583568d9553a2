//! Kustomizations, as far as ours go: what they name is put together as `kubectl kustomize` puts it together.

use super::objects::Object;
use super::patch::Operation;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A `kustomization.yaml`. A field that is not here is an error, so that none is passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kustomization {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    patches: Vec<Patch>,
    #[serde(default, rename = "configMapGenerator")]
    config_maps: Vec<ConfigMap>,
    #[serde(default, rename = "generatorOptions")]
    options: Options,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    path: String,
    target: Target,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    kind: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMap {
    name: String,
    namespace: String,
    files: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default, rename = "disableNameSuffixHash")]
    plain_names: bool,
}

/// The files that kustomizations are made of, by their paths.
#[derive(Clone, Copy)]
pub(super) struct Tree(&'static [(&'static str, &'static str)]);

impl Tree {
    pub(super) const fn new(files: &'static [(&'static str, &'static str)]) -> Self {
        Self(files)
    }

    /// The objects of an overlay, and of the components that are added to it.
    ///
    /// # Errors
    /// What is wrong with the files, which a test renders in every combination.
    pub(super) fn render(self, overlay: &str, components: &[&str]) -> Result<Vec<Object>, String> {
        let mut objects = Vec::new();
        for folder in core::iter::once(&overlay).chain(components) {
            self.add(folder, &mut objects)?;
        }
        Ok(objects)
    }

    fn add(self, folder: &str, objects: &mut Vec<Object>) -> Result<(), String> {
        let path = format!("{folder}/kustomization.yaml");
        let kustomization: Kustomization =
            serde_saphyr::from_str(self.text(&path)?).map_err(|error| format!("`{path}`: {error}"))?;
        for resource in &kustomization.resources {
            let path = join(folder, resource);
            match resource.ends_with(".yaml") {
                true => objects.extend(self.objects(&path)?),
                false => self.add(&path, objects)?,
            }
        }
        for made in &kustomization.config_maps {
            if !kustomization.options.plain_names {
                return Err(format!("`{path}`: names with a hash are not made here"));
            }
            let mut data = Map::new();
            for file in &made.files {
                data.insert(file.clone(), Value::from(self.text(&join(folder, file))?));
            }
            objects.push(Object::config_map(
                made.namespace.as_str(),
                &made.name,
                &kustomization.options.labels,
                data,
            ));
        }
        // A component patches what was there before it as well.
        for patch in &kustomization.patches {
            let path = join(folder, &patch.path);
            let operations: Vec<Operation> =
                serde_saphyr::from_str(self.text(&path)?).map_err(|error| format!("`{path}`: {error}"))?;
            let meant = |object: &&mut Object| {
                object.kind() == patch.target.kind && object.name() == patch.target.name
            };
            for object in objects.iter_mut().filter(meant) {
                for operation in &operations {
                    operation
                        .apply(object.whole())
                        .ok_or_else(|| format!("`{path}`: {operation:?} finds no such place"))?;
                }
            }
        }
        Ok(())
    }

    fn objects(self, path: &str) -> Result<Vec<Object>, String> {
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(self.text(path)?).map_err(|error| format!("`{path}`: {error}"))?;
        let objects: Option<Vec<Object>> = documents.into_iter().map(Object::new).collect();
        objects.ok_or_else(|| format!("`{path}`: an object has no kind or no name"))
    }

    fn text(self, path: &str) -> Result<&'static str, String> {
        let found = self.0.iter().find(|(there, _)| *there == path);
        found.map(|(_, text)| *text).ok_or_else(|| format!("there is no `{path}`"))
    }
}

/// A path from a folder on, without `..`.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}
