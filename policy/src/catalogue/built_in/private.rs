//! Drivers whose inline volumes have files of one pod, or files that no pod can write.

use crate::catalogue::{Driver, Texts};

/// A driver of inline volumes only.
const fn private(
    names: &'static [&'static str],
    title: &'static str,
    sources: &'static [&'static str],
) -> Driver<'static> {
    Driver { names: Texts::List(names), title, shared: false, sources: Texts::List(sources), ..Driver::NONE }
}

pub(super) const ROWS: &[Driver<'static>] = &[
    private(
        &["secrets-store.csi.k8s.io"],
        "Secrets Store CSI driver",
        &[
            "https://github.com/kubernetes-sigs/secrets-store-csi-driver/blob/0aad886f70e94a6037325f4eaba4660338dde448/deploy/csidriver.yaml",
        ],
    ),
    private(
        &["csi.cert-manager.io"],
        "cert-manager csi-driver",
        &[
            "https://github.com/cert-manager/csi-driver/blob/4b98b475d30b28fd3ec272d65382044a417821db/deploy/charts/csi-driver/templates/csidriver.yaml",
        ],
    ),
    private(
        &["spiffe.csi.cert-manager.io"],
        "cert-manager csi-driver-spiffe",
        &[
            "https://github.com/cert-manager/csi-driver-spiffe/blob/b7fce6021df3b626758744e2ad619777af0804bb/deploy/charts/csi-driver-spiffe/templates/csidriver.yaml",
        ],
    ),
    private(
        &["csi.spiffe.io"],
        "SPIFFE CSI driver",
        &[
            "https://github.com/spiffe/spiffe-csi/blob/dc1271ed1ce5540ba70f0deb0c8af1b4f49ff86d/example/config/spiffe-csi-driver.yaml",
        ],
    ),
    private(
        &["csi.sharedresource.openshift.io"],
        "OpenShift Shared Resource CSI driver",
        &[
            "https://github.com/redhat-openshift-builds/operator/blob/ea1b42e18b17dca0726108c947affbee22af2947/config/sharedresource/csidriver.yaml",
        ],
    ),
    private(
        &["image.csi.k8s.io"],
        "CSI image populator",
        &[
            "https://github.com/kubernetes-csi/csi-driver-image-populator/blob/d2b8b80ff6e8d93bc8ceec652619f6ccb6327e26/deploy/kubernetes-1.16/csi-image-csidriverinfo.yaml",
        ],
    ),
    private(
        &["container-image.csi.k8s.io"],
        "warm-metal container-image CSI driver",
        &[
            "https://github.com/warm-metal/container-image-csi-driver/blob/a781471038347cd55986bebb74c6f18aecc18461/charts/warm-metal-csi-driver/templates/csi-driver.yaml",
        ],
    ),
];
