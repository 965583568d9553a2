//! How a command is told a service's configuration: a file, variables over it, flags over both.

use super::exit::{Exit, Failed};
use crate::config::{Config, ConfigError, Layered, Layers};
use std::path::{Path, PathBuf};

/// Where a service's configuration comes from.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Configured {
    /// The configuration file
    #[arg(long, short, env = "COUNTERSIGN_CONFIG", value_name = "FILE", default_value = "countersign.yaml")]
    config: PathBuf,
    /// Say a key of the configuration, over the file and over `COUNTERSIGN__PATH__TO__KEY` variables; the value is YAML
    #[arg(long, value_name = "PATH.TO.KEY=VALUE")]
    set: Vec<String>,
}

impl Configured {
    /// The configuration, with where each part of it was said.
    ///
    /// # Errors
    /// [`ConfigError`] with all that could be found at once.
    pub(super) fn layered(&self) -> Result<Layered<Config>, ConfigError> {
        Config::layered(&layers(&self.config).with_flags(self.set.iter().cloned()))
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`Failed`] with what is wrong with it.
    pub(super) fn load(&self) -> Result<Config, Failed> {
        self.layered().map(|layered| layered.value).map_err(refused)
    }
}

/// The configuration for a command that has the file as its only flag.
///
/// # Errors
/// [`Failed`] with what is wrong with it.
pub(super) fn load(file: &Path) -> Result<Config, Failed> {
    Config::layered(&layers(file)).map(|layered| layered.value).map_err(refused)
}

fn layers(file: &Path) -> Layers {
    Layers::file(file).with_variables(std::env::vars_os())
}

/// What a command ends with whose configuration can't be used.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn refused(error: ConfigError) -> Failed {
    let advice = match &error {
        ConfigError::Unreadable { .. } => "`countersign init` writes a configuration to start from",
        ConfigError::Wrong(_) => {
            "`countersign config check` says all that is wrong, `config show` what is in force"
        }
    };
    Failed::new(Exit::Usage, &error).advise(advice)
}
