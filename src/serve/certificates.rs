//! The certificates of all listeners: read when they are opened, and looked at again while they serve.

use super::{ServeFailed, failed};
use crate::config;
use crate::metrics::Metrics;
use crate::moment::Moment;
use crate::tls::{Tls, TlsFiles};
use core::time::Duration;
use std::sync::Arc;

/// How often the files are looked at.
const ROUNDS: Duration = Duration::from_secs(2);

/// What gRPC is spoken over.
pub(super) const GRPC: &[&str] = &["h2"];
/// What browsers speak.
pub(super) const BROWSERS: &[&str] = &["h2", "http/1.1"];

/// The certificates of all listeners, by the listeners' names.
#[derive(Clone, Default)]
pub(super) struct Certificates(Vec<(&'static str, Arc<Tls>)>);

impl Certificates {
    /// Reads those of one listener.
    pub(super) fn open(
        &mut self,
        listener: &'static str,
        tls: &config::Tls,
        protocols: &'static [&'static str],
    ) -> Result<Arc<Tls>, ServeFailed> {
        let config::Tls { certificate, key, client_authority } = tls.clone();
        let tls = Tls::open(TlsFiles { certificate, key, client_authority }, protocols).map_err(failed)?;
        let tls = Arc::new(tls);
        self.0.push((listener, tls.clone()));
        Ok(tls)
    }

    /// Until when each is valid, where that can be read, and whether its files can't be taken.
    pub(super) fn standing(&self) -> Vec<(&'static str, Option<Moment>, bool)> {
        self.0.iter().map(|(listener, tls)| (*listener, tls.not_after(), tls.failing())).collect()
    }

    /// Looks at the files again and again.
    pub(super) async fn look_after(self, metrics: Arc<Metrics>) {
        let mut told: Vec<Option<String>> = vec![None; self.0.len()];
        loop {
            tokio::time::sleep(ROUNDS).await;
            for ((listener, tls), told) in self.0.iter().zip(&mut told) {
                let looking = tls.clone();
                let Ok(looked) = tokio::task::spawn_blocking(move || looking.look()).await else { continue };
                match looked {
                    Ok(false) => *told = None,
                    Ok(true) => {
                        *told = None;
                        metrics.certificate_reloaded(listener, "taken");
                        tracing::info!(listener, "another certificate is in force");
                    }
                    // Once for each trouble: files that are being written are looked at more than once.
                    Err(error) if told.as_deref() != Some(&error.to_string()) => {
                        metrics.certificate_reloaded(listener, "refused");
                        tracing::error!(listener, %error, "the certificate stays as it was");
                        *told = Some(error.to_string());
                    }
                    Err(_) => {}
                }
            }
        }
    }
}
