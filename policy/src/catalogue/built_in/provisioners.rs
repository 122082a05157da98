//! Provisioners whose volumes have a source of Kubernetes' own: `nfs`, `local` or `hostPath`.

use crate::catalogue::{ClassRow, Driver, PatternVariables, Texts};

/// nfs-subdir-external-provisioner, whose name operators choose.
pub(crate) const NFS_SUBDIR: Driver<'static> = Driver {
    names: Texts::List(&[
        "k8s-sigs.io/nfs-subdir-external-provisioner",
        "cluster.local/nfs-subdir-external-provisioner",
    ]),
    title: "nfs-subdir-external-provisioner",
    class: ClassRow {
        directory: Texts::List(&["pathPattern"]),
        variables: PatternVariables { volume: "", namespace: "${.PVC.namespace}", claim: "${.PVC.name}" },
        keeps_files_if: Texts::List(&[
            "[onDelete=retain|archive]",
            "[!onDelete][archiveOnDelete!=false|f|0]",
        ]),
        ..ClassRow::NONE
    },
    sources: Texts::List(&[
        "https://github.com/kubernetes-sigs/nfs-subdir-external-provisioner/blob/59a3ca2cd10febfbe200c8676c4107be95f267a9/cmd/nfs-subdir-external-provisioner/provisioner.go",
    ]),
    remark: "Recognised by any name that contains `nfs-subdir-external-provisioner`, and by a `pathPattern` with `${.PVC.`.",
    ..Driver::NONE
};

pub(super) const ROWS: &[Driver<'static>] = &[
    NFS_SUBDIR,
    Driver {
        names: Texts::List(&["rancher.io/local-path"]),
        title: "local-path-provisioner",
        class: ClassRow {
            directory: Texts::List(&["pathPattern"]),
            proposal: "'{{ .PVC.Namespace }}/{{ .PVC.Name }}/'",
            variables: PatternVariables {
                volume: "{{.PVName}}",
                namespace: "{{.PVC.Namespace}}",
                claim: "{{.PVC.Name}}",
            },
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/rancher/local-path-provisioner/blob/9fa2a62eda441935d28b1d597aa5a3c665481d65/provisioner.go",
        ]),
        remark: "A `sharedFileSystemPath` is in its ConfigMap: such volumes have no node, and are not compared.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["openebs.io/local"]),
        title: "OpenEBS LocalPV hostpath",
        sources: Texts::List(&[
            "https://github.com/openebs/dynamic-localpv-provisioner/blob/2f165df9e37cd60ec88772d20e0acd2b655a347c/cmd/provisioner-localpv/app/provisioner_hostpath.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["openebs.io/nfsrwx"]),
        title: "OpenEBS dynamic NFS provisioner",
        sources: Texts::List(&[
            "https://github.com/openebs/dynamic-nfs-provisioner/blob/077394ced96d0368e9e3e412d03d0c881bb64e2f/provisioner/provisioner_kernel_nfs_server.go",
        ]),
        remark: "Each claim has an NFS server of its own, in front of a second volume that is not told to be the same files.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["cluster.local/nfs-server-provisioner"]),
        title: "nfs-ganesha-server-and-external-provisioner",
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/nfs-ganesha-server-and-external-provisioner/blob/7027d6505a510673579c03db589bcb02cc8eda0b/pkg/volume/provision.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["kubernetes.io/no-provisioner"]),
        title: "local-static-provisioner, and static volumes",
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/sig-storage-local-static-provisioner/blob/6cbe253cb2ef8245c84801060da3b37335ca78bf/pkg/discovery/discovery.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["kubernetes.io/azure-file"]),
        title: "Azure Files, in-tree",
        class: ClassRow { directory: Texts::List(&["shareName"]), ..ClassRow::NONE },
        sources: Texts::List(&[
            "https://github.com/kubernetes/kubernetes/blob/04791b4906602ffda5ccf9bc4c84d3329f1d7080/staging/src/k8s.io/csi-translation-lib/plugins/azure_file.go",
        ]),
        ..Driver::NONE
    },
];
