//! The manifests of `deploy/`, as they are in the program.

macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../deploy/", $path)))),+]
    };
}

/// The files by their paths in `deploy/`.
pub(super) const FILES: &[(&str, &str)] = embedded![
    "grafana/countersign.json",
    "grafana/kustomization.yaml",
    "kubernetes/base/desk-account.yaml",
    "kubernetes/base/kustomization.yaml",
    "kubernetes/base/namespace.yaml",
    "kubernetes/base/policy.yaml",
    "kubernetes/base/roster.yaml",
    "kubernetes/base/settings.yaml",
    "kubernetes/components/cert-manager/authority.yaml",
    "kubernetes/components/cert-manager/certificates.yaml",
    "kubernetes/components/cert-manager/injector-access.yaml",
    "kubernetes/components/cert-manager/injector-deployment.yaml",
    "kubernetes/components/cert-manager/injector-secret-access.yaml",
    "kubernetes/components/cert-manager/injector-webhook.yaml",
    "kubernetes/components/cert-manager/kustomization.yaml",
    "kubernetes/components/monitoring/kustomization.yaml",
    "kubernetes/components/monitoring/monitors.yaml",
    "kubernetes/components/monitoring/rules.yaml",
    "kubernetes/components/network-policies/desk.yaml",
    "kubernetes/components/network-policies/everyone.yaml",
    "kubernetes/components/network-policies/injector.yaml",
    "kubernetes/components/network-policies/kustomization.yaml",
    "kubernetes/overlays/fleet/admission-injected.yaml",
    "kubernetes/overlays/fleet/admission-reserved.yaml",
    "kubernetes/overlays/fleet/countersign.yaml",
    "kubernetes/overlays/fleet/desk-access.yaml",
    "kubernetes/overlays/fleet/desk-deployment.yaml",
    "kubernetes/overlays/fleet/desk-disruption.yaml",
    "kubernetes/overlays/fleet/desk-service.yaml",
    "kubernetes/overlays/fleet/injector-access.yaml",
    "kubernetes/overlays/fleet/injector-account.yaml",
    "kubernetes/overlays/fleet/injector-certificate.yaml",
    "kubernetes/overlays/fleet/injector-deployment.yaml",
    "kubernetes/overlays/fleet/injector-disruption.yaml",
    "kubernetes/overlays/fleet/injector-service.yaml",
    "kubernetes/overlays/fleet/injector-webhook.yaml",
    "kubernetes/overlays/fleet/kustomization.yaml",
    "kubernetes/overlays/standalone/countersign.yaml",
    "kubernetes/overlays/standalone/desk-deployment.yaml",
    "kubernetes/overlays/standalone/desk-service.yaml",
    "kubernetes/overlays/standalone/desk-volume.yaml",
    "kubernetes/overlays/standalone/kustomization.yaml",
];
