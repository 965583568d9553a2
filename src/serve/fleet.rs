//! The fleet of a service, by its configuration: who may enrol, and where sidecars connect.

use super::certificates::Certificates;
use super::{ServeFailed, access, failed, listeners};
use crate::cluster::http::{Api, Place};
use crate::config::{Access, Config};
use crate::desk::LocalDesk;
use crate::desk::fleet::{
    AccountPattern, Accounts, ClusterKeys, Fleet, FleetExecutor, KeyFile, Role, Roles, Settings,
};
use crate::entropy::Entropy;
use crate::grpc::identity::Proof;
use crate::grpc::listen::Listening;
use crate::metrics::Metrics;
use crate::presence::kubernetes::Cluster;
use crate::risk::pattern::Glob;
use crate::sidecar::Sidecar;
use crate::store::Store;
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

/// After how long sidecars connect anew if nothing is said.
const CONNECTION_AGE: Duration = Duration::from_secs(30 * 60);

/// The fleet, where sidecars have somewhere to connect to.
pub(super) fn fleet(
    config: &Config,
    store: &Arc<dyn Store>,
    desk: &Arc<LocalDesk>,
    sidecar: &Arc<Sidecar>,
    entropy: &Arc<dyn Entropy>,
    metrics: &Arc<Metrics>,
) -> Result<Option<Arc<Fleet>>, ServeFailed> {
    if config.listen.sidecars.tcp.is_none() && config.listen.sidecars.socket.is_none() {
        return Ok(None);
    }
    let executors = config.executors.iter().map(|executor| FleetExecutor {
        id: executor.id.clone(),
        conditions: executor.condition_kinds(),
        plain: executor.plain,
    });
    let settings = Settings {
        domain: config.trust_domain.clone(),
        origin: sidecar.origin.clone(),
        life: Duration::from_hours(config.fleet.certificate_hours),
        executors: executors.collect(),
        most: config.fleet.most,
    };
    let keys = sidecar.issuance.clone();
    let fleet = Fleet::new(
        store.clone(),
        desk.clone(),
        keys,
        entropy.clone(),
        metrics.clone(),
        settings,
        roles(config)?,
    );
    Ok(Some(Arc::new(fleet)))
}

/// Binds where sidecars connect.
pub(super) async fn bind(
    config: &Config,
    certificates: &mut Certificates,
) -> Result<(Listening, Option<SocketAddr>), ServeFailed> {
    let mut listening = Listening::default();
    let sidecars = &config.listen.sidecars;
    let address = listeners::bind(&mut listening, "sidecars", sidecars, certificates).await?;
    // There may be more than one desk, and others tomorrow: sidecars look up anew where they are.
    listening.limit_age(Some(sidecars.max_connection_age().unwrap_or(CONNECTION_AGE)));
    Ok((listening, address))
}

/// Which agents sidecars may enrol as.
pub(super) fn roles(config: &Config) -> Result<Roles, ServeFailed> {
    let mut roles = Roles::default();
    for one in &config.fleet.certificates {
        let access = Access { certificate_sha256: Some(one.certificate_sha256.clone()), ..Access::default() };
        let Some(Proof::Certificate(sha256)) = access::proof(&access)? else { continue };
        let role = Role {
            agent: one.id.clone(),
            on_behalf_of: one.on_behalf_of.clone(),
            operators: one.operators.clone(),
        };
        if roles.certificates.insert(sha256, role).is_some() {
            return Err(failed("`fleet.certificates`: two agents have one certificate"));
        }
    }
    let Some(kubernetes) = &config.fleet.kubernetes else { return Ok(roles) };
    let keys = match &kubernetes.jwks {
        Some(file) => ClusterKeys::File(KeyFile::open(file.clone()).map_err(failed)?),
        None => ClusterKeys::Review(cluster()?),
    };
    let glob = |text: &str| Glob::new(text).ok_or_else(|| failed(format!("`{text}` is no pattern")));
    let pattern = |account: &crate::config::Account| {
        Ok::<_, ServeFailed>(AccountPattern {
            namespace: glob(&account.namespace)?,
            service_account: glob(&account.service_account)?,
            id: account.id.clone(),
            on_behalf_of: account.on_behalf_of.clone(),
            operators: account.operators.clone(),
        })
    };
    let cluster =
        Cluster { issuer: kubernetes.issuer.as_str().into(), audience: kubernetes.audience.as_str().into() };
    let patterns = kubernetes.agents.iter().map(pattern).collect::<Result<_, _>>()?;
    roles.accounts = Some(Accounts { cluster, keys, patterns });
    Ok(roles)
}

/// The cluster that this runs in, to ask it about tokens.
fn cluster() -> Result<Arc<dyn crate::cluster::Cluster>, ServeFailed> {
    let place = Place::of_pod(|name| std::env::var(name).ok()).ok_or_else(|| {
        failed("`fleet.kubernetes.token_review` asks the cluster, and this runs in none; give `jwks`")
    })?;
    Ok(Arc::new(Api::new(place).map_err(failed)?))
}
