//! Drivers of NFS, SMB and cluster file systems.

use super::CSI_VARIABLES;
use crate::catalogue::{ClassRow, Driver, PatternVariables, Texts};

pub(super) const ROWS: &[Driver<'static>] = &[
    Driver {
        names: Texts::List(&["nfs.csi.k8s.io"]),
        title: "CSI driver for NFS",
        location: Texts::List(&["nfs://{server}//{share}/{subdir?}"]),
        options: "mountOptions",
        inline: true,
        class: ClassRow {
            directory: Texts::List(&["subDir"]),
            variables: CSI_VARIABLES,
            keeps_files_if: Texts::List(&["[onDelete=retain|archive]"]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-csi/csi-driver-nfs/blob/d3b27c00743a5317325107c1d2fb8fd4cf057a16/pkg/nfs/nodeserver.go",
            "https://github.com/kubernetes-csi/csi-driver-nfs/blob/d3b27c00743a5317325107c1d2fb8fd4cf057a16/pkg/nfs/controllerserver.go",
        ]),
        remark: "Inline volumes need the Helm value `feature.enableInlineVolume` since v4.2.0. `subdir` is read since v4.1.0.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["smb.csi.k8s.io"]),
        title: "CSI driver for SMB",
        location: Texts::List(&["smb://{source}//{subdir?}"]),
        inline: true,
        class: ClassRow {
            directory: Texts::List(&["subDir"]),
            variables: CSI_VARIABLES,
            shared_if: Texts::List(&[
                "[!subDir][!csi.storage.k8s.io/provisioner-secret-name][!option:guest]",
            ]),
            keeps_files_if: Texts::List(&["[onDelete=retain|archive]"]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-csi/csi-driver-smb/blob/95c6968057eeab711c5913fa6c26295759b6ceb3/pkg/smb/nodeserver.go",
            "https://github.com/kubernetes-csi/csi-driver-smb/blob/95c6968057eeab711c5913fa6c26295759b6ceb3/pkg/smb/controllerserver.go",
        ]),
        remark: "Names are compared without their case. The provisioner makes a directory for a claim only with a provisioner \
                 secret, a `subDir`, or the mount option `guest`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["cephfs.csi.ceph.com", "*.cephfs.csi.ceph.com"]),
        title: "Ceph CSI, CephFS (also under an operator's prefix, e.g. Rook)",
        location: Texts::List(&[
            "[backingSnapshotID]cephfs-snapshot://{clusterID}/{backingSnapshotID}",
            "[staticVolume=true|t|1]cephfs://{clusterID}/{fsName|option:mds_namespace|option:fs?}//{rootPath}",
            "cephfs://{clusterID}/{fsName|option:mds_namespace|option:fs?}//{subvolumePath}",
            "[!staticVolume]cephfs://{clusterID}/{fsName|option:mds_namespace|option:fs?}//{rootPath}",
        ]),
        sources: Texts::List(&[
            "https://github.com/ceph/ceph-csi/blob/52fcb7b00c3d586c12c05593b1c73ad2c42b171f/internal/cephfs/nodeserver.go",
            "https://github.com/ceph/ceph-csi/blob/52fcb7b00c3d586c12c05593b1c73ad2c42b171f/internal/cephfs/store/volumeoptions.go",
            "https://github.com/ceph/ceph-csi/blob/52fcb7b00c3d586c12c05593b1c73ad2c42b171f/internal/util/volid.go",
        ]),
        remark: "One cluster can have several `clusterID`s, as Rook gives each subvolume group one: list them in \
                 `exports.serverAliases`. The driver ignores the attributes of a volume whose handle is an id that it made itself.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["nfs.csi.ceph.com", "*.nfs.csi.ceph.com"]),
        title: "Ceph CSI, NFS (also under an operator's prefix, e.g. Rook)",
        location: Texts::List(&["nfs://{server}//{share}"]),
        sources: Texts::List(&[
            "https://github.com/ceph/ceph-csi/blob/52fcb7b00c3d586c12c05593b1c73ad2c42b171f/internal/nfs/nodeserver/nodeserver.go",
        ]),
        remark: "The directory of CephFS behind an export is not compared with volumes of the CephFS driver.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["org.democratic-csi.*"]),
        title: "democratic-csi",
        location: Texts::List(&[
            "[node_attach_driver=nfs]nfs://{server}//{share}",
            "[node_attach_driver=smb]smb://{server}/{share}//",
            "[node_attach_driver=lustre]lustre://{server}//{share}",
            "[node_attach_driver=iscsi]iscsi://{iqn}/{lun=0}",
            "[node_attach_driver=nvmeof]nvmeof://{nqn}/{nsid=1}",
            "[node_attach_driver=objectivefs]objectivefs://{env.OBJECTSTORE?}{filesystem}",
            "volume://{handle}",
        ]),
        sources: Texts::List(&[
            "https://github.com/democratic-csi/democratic-csi/blob/8a4a28a87f496359876655dfb0bb63715d5f2657/src/driver/index.js#L675",
        ]),
        remark: "Operators choose the name of the driver: add a row for a name that does not begin with `org.democratic-csi.`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.juicefs.com"]),
        title: "JuiceFS",
        location: Texts::List(&["juicefs://{secretRef}//{option:subdir?}/{subPath?}"]),
        options: "mountOptions",
        class: ClassRow {
            directory: Texts::List(&["pathPattern"]),
            variables: PatternVariables {
                volume: "",
                namespace: "${.pvc.namespace}|${.PVC.namespace}",
                claim: "${.pvc.name}|${.PVC.name}",
            },
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/juicedata/juicefs-csi-driver/blob/5e5a4b3b9b82c57fbd4f559bb188bab81a14aea6/pkg/juicefs/juicefs.go",
            "https://github.com/juicedata/juicefs-csi-driver/blob/5e5a4b3b9b82c57fbd4f559bb188bab81a14aea6/pkg/juicefs/mount/builder/common.go",
            "https://github.com/juicedata/juicefs-csi-driver/blob/5e5a4b3b9b82c57fbd4f559bb188bab81a14aea6/pkg/driver/provisioner.go",
        ]),
        remark: "The file system is in the Secret, which stands for it as `namespace.name`: list two Secrets of one file system in \
                 `exports.serverAliases`. The driver's ConfigMap can set another `subdir`. Of two values of `subdir`, the driver takes \
                 that of `spec.mountOptions`, Ordinance that of the attribute.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["seaweedfs-csi-driver"]),
        title: "SeaweedFS",
        location: Texts::List(&[
            "seaweedfs://{filer=default}//{filer.path}",
            "[handle^=/]seaweedfs://{filer=default}//{handle}",
            "seaweedfs://{filer=default}//{path}",
            "seaweedfs://{filer=default}//buckets/{handle}",
        ]),
        class: ClassRow { directory: Texts::List(&["path"]), ..ClassRow::NONE },
        sources: Texts::List(&[
            "https://github.com/seaweedfs/seaweedfs-csi-driver/blob/05c90b2a9db6ba1acc0c04de727ea1056f3d3db7/pkg/driver/mounter.go",
            "https://github.com/seaweedfs/seaweedfs-csi-driver/blob/05c90b2a9db6ba1acc0c04de727ea1056f3d3db7/pkg/driver/controllerserver.go",
        ]),
        remark: "A volume without the attribute `filer` is on the driver's own filer.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["org.gluster.glusterfs"]),
        title: "GlusterFS CSI",
        location: Texts::List(&["glusterfs://{glusterserver}/{glustervol}"]),
        sources: Texts::List(&[
            "https://github.com/gluster/gluster-csi-driver/blob/465ac8d54e43603f7cf85875684f5ad2b9744eb0/pkg/glusterfs/nodeserver.go",
        ]),
        remark: "Any server of a pool serves its volumes: list them in `exports.serverAliases`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["glusterfs.csi.k8s.io"]),
        title: "csi-driver-glusterfs",
        location: Texts::List(&["glusterfs://{server}/{share}"]),
        sources: Texts::List(&[
            "https://github.com/levindecaro/csi-driver-glusterfs/blob/a287e1166eb98cab6df352ce9406ac7464d8125a/pkg/glusterfs/nodeserver.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["kadalu"]),
        title: "Kadalu",
        location: Texts::List(&[
            "[type=External]glusterfs://{gserver}/{gvolname}//{path?}",
            "kadalu://{hostvol}//{path?}",
        ]),
        class: ClassRow { shared_if: Texts::List(&["[single_pv_per_pool=true]"]), ..ClassRow::NONE },
        sources: Texts::List(&[
            "https://github.com/kadalu/kadalu/blob/ebe8797c10aff2dd35b114ee291986deb87b2cd9/csi/nodeserver.py",
            "https://github.com/kadalu/kadalu/blob/ebe8797c10aff2dd35b114ee291986deb87b2cd9/csi/controllerserver.py",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["beegfs.csi.netapp.com"]),
        title: "BeeGFS",
        location: Texts::List(&["beegfs://{handle.host}//{handle.path?}"]),
        handle: "scheme://host/path",
        sources: Texts::List(&[
            "https://github.com/ThinkParQ/beegfs-csi-driver/blob/84d9a7ca3da5ab2d13f8e115ad2721ffb7f7b965/pkg/beegfs/beegfs_util.go",
            "https://github.com/ThinkParQ/beegfs-csi-driver/blob/84d9a7ca3da5ab2d13f8e115ad2721ffb7f7b965/pkg/beegfs/beegfs.go",
        ]),
        remark: "The driver parses the handle as a URL: a query, a fragment and percent-encoding are not resolved here.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.quobyte.com"]),
        title: "Quobyte",
        location: Texts::List(&[
            "[handle.ignored]quobyte-tenant://{handle.tenant=default}/{handle.volume}",
            "quobyte-tenant://{handle.tenant=default}/{handle.volume}//{handle.subdir?}",
        ]),
        handle: "tenant|volume|subdir|ignored",
        sources: Texts::List(&[
            "https://github.com/quobyte/quobyte-csi-driver/blob/aaa42b32c75b6ae1cd224e2f5e1bda2c8f7d5fae/src/driver/node.go",
        ]),
        remark: "A volume has a name and a UUID, which cannot be told to be one. A fourth part of the handle makes the driver mount the \
                 whole volume.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.weka.io"]),
        title: "WEKA",
        location: Texts::List(&["weka://{secretRef=default}/{handle.fileSystem}//{handle.path?}"]),
        handle: "type/version/fileSystem/path",
        options: "mountOptions",
        sources: Texts::List(&[
            "https://github.com/weka/csi-wekafs/blob/556dac2fe2d110da73abe5b326e1f187112fabd4/pkg/wekafs/utilities.go#L150-L220",
            "https://github.com/weka/csi-wekafs/blob/556dac2fe2d110da73abe5b326e1f187112fabd4/pkg/wekafs/volumeconstructors.go",
        ]),
        remark: "The cluster is in the Secret, which stands for it as `namespace.name`. A snapshot (`<file system>:<snapshot>`) counts \
                 as a file system of its own.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.cubefs.com"]),
        title: "CubeFS",
        location: Texts::List(&["cubefs://{masterAddr}/{volName|handle}//{subdir?}"]),
        class: ClassRow { directory: Texts::List(&["volName"]), ..ClassRow::NONE },
        sources: Texts::List(&[
            "https://github.com/cubefs/cubefs-csi/blob/b3768c25cfc38f53fe8cfdee6343ef81cc7d4edd/pkg/cubefs/cfs_server.go#L80-L160",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["curvine"]),
        title: "Curvine",
        location: Texts::List(&["curvine://{master-addrs}//{curvine-path}"]),
        sources: Texts::List(&[
            "https://github.com/CurvineIO/curvine/blob/bff4e7dc528cf9712d6210bb67e70dcb11b8273e/curvine-csi/pkg/csi/node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["fuse.csi.fluid.io"]),
        title: "Fluid",
        location: Texts::List(&["fluid://node//{fluid_path}/{fluid_sub_path?}"]),
        sources: Texts::List(&[
            "https://github.com/fluid-cloudnative/fluid/blob/a826600a43221c5b99f6185d3ce926a700c37008/pkg/csi/plugins/nodeserver.go#L124-L200",
        ]),
        remark: "What is behind a dataset is in the object Dataset, not in the volume.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["exa.csi.ddn.com"]),
        title: "DDN EXAScaler (Lustre)",
        location: Texts::List(&["lustre://{handle.nids}/{handle.fileSystem}//{handle.path?}"]),
        handle: "config:nids;/fileSystem:mountPoint:path",
        sources: Texts::List(&[
            "https://github.com/DDNStorage/exa-csi-driver/blob/df655d86d6ec00a838693c1d17c4e045fae77a28/README.md#L525-L640",
        ]),
        remark: "Closed source; the row rests on its documentation. A colon in the address is a semicolon in the handle.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["lustre-csi.hpe.com"]),
        title: "HPE Lustre",
        location: Texts::List(&["lustre://{handle.nids}//{handle.path?}"]),
        handle: "nids:/path",
        sources: Texts::List(&[
            "https://github.com/HewlettPackard/lustre-csi-driver/blob/ff083418e2fac0828bb80632fe65b7497c323bb4/pkg/hpelustre/nodeserver.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["cvmfs.csi.cern.ch"]),
        title: "CernVM-FS (read-only)",
        shared: false,
        sources: Texts::List(&[
            "https://github.com/cvmfs-contrib/cvmfs-csi/blob/9ff31326f8c91c892e55f2aa5fae6403ebb35ad9/internal/cvmfs/node/csiserver.go#L90-L165",
        ]),
        remark: "Its volumes cannot be written, so they are never compared.",
        ..Driver::NONE
    },
];
