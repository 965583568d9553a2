//! Kinds: which kinds of object a cluster has by itself, which of them guard it, and which hold data.

fn has(kinds: &[&str], kind: &str) -> bool {
    kinds.iter().any(|one| one.eq_ignore_ascii_case(kind))
}

/// Whether a cluster knows this kind without anyone having defined it.
pub(super) fn is_known(kind: &str) -> bool {
    has(PLAIN, kind) || guards(kind) || holds_data(kind)
}

/// Whether this kind says who may do what, or what may run and where.
pub(super) fn guards(kind: &str) -> bool {
    has(GUARDS, kind)
}

/// Whether data is gone for good with an object of this kind.
pub(super) fn holds_data(kind: &str) -> bool {
    has(HOLDERS, kind)
}

const HOLDERS: &[&str] =
    &["Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "StatefulSet"];

const GUARDS: &[&str] = &[
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "ServiceAccount",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "CustomResourceDefinition",
    "APIService",
    "NetworkPolicy",
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "PodSecurityPolicy",
    "CertificateSigningRequest",
    "ClusterTrustBundle",
    "PriorityClass",
    "RuntimeClass",
    "ResourceQuota",
    "LimitRange",
    "Node",
    "FlowSchema",
    "PriorityLevelConfiguration",
    "CSIDriver",
    "TokenRequest",
    "PodDisruptionBudget",
];

const PLAIN: &[&str] = &[
    "Pod",
    "PodTemplate",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "DaemonSet",
    "Job",
    "CronJob",
    "Service",
    "Endpoints",
    "EndpointSlice",
    "Ingress",
    "IngressClass",
    "ConfigMap",
    "Secret",
    "Event",
    "Lease",
    "HorizontalPodAutoscaler",
    "StorageClass",
    "VolumeAttachment",
    "VolumeAttachmentClass",
    "CSINode",
    "CSIStorageCapacity",
    "ControllerRevision",
    "Binding",
    "Eviction",
    "Scale",
    "ComponentStatus",
    "SubjectAccessReview",
    "SelfSubjectAccessReview",
    "LocalSubjectAccessReview",
    "SelfSubjectRulesReview",
    "TokenReview",
    "Kustomization",
];
