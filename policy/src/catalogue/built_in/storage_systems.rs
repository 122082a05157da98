//! Storage systems whose volumes have ids, and files by NFS or SMB behind them.

use crate::catalogue::{ClassRow, Driver, Texts};

pub(super) const ROWS: &[Driver<'static>] = &[
    Driver {
        names: Texts::List(&["driver.longhorn.io", "io.rancher.longhorn"]),
        title: "Longhorn",
        location: Texts::List(&["volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/longhorn/longhorn-manager/blob/5ddaa369fa7e3b0da9ee9fd42dbec24e25f793f6/csi/node_server.go",
        ]),
        remark: "The NFS export of its share manager is not told to be the volume.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.trident.netapp.io"]),
        title: "NetApp Trident",
        location: Texts::List(&["volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/NetApp/trident/blob/71dd7161840c3d1ef0be16a97891f745e9224e27/frontend/csi/node_server.go",
            "https://github.com/NetApp/trident/blob/71dd7161840c3d1ef0be16a97891f745e9224e27/core/orchestrator_core.go#L4240",
        ]),
        remark: "The server and the path are not in the volume. A claim with `trident.netapp.io/shareFromPVC` has another handle for the \
                 same files.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["pxd.portworx.com", "com.openstorage.pxd"]),
        title: "Portworx",
        location: Texts::List(&["volume://{handle}"]),
        class: ClassRow {
            shared_if: Texts::List(&["[proxy_nfs_exportpath]", "[proxy_s3_bucket]"]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/libopenstorage/openstorage/blob/033255168c219510ec41af08217842bcf690801b/csi/node.go",
            "https://github.com/libopenstorage/openstorage/blob/033255168c219510ec41af08217842bcf690801b/api/spec/spec_handler.go#L456-L490",
        ]),
        remark: "The mount is closed source. A volume has an id and a name, which cannot be told to be one.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.san.synology.com"]),
        title: "Synology",
        location: Texts::List(&[
            "[protocol=nfs]nfs://{dsm}//{baseDir}",
            "[protocol=smb]smb://{source}//",
            "volume://{handle}",
        ]),
        sources: Texts::List(&[
            "https://github.com/SynologyOpenSource/synology-csi/blob/280790021bf8815232132a19e13795c5d13af677/pkg/driver/nodeserver.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.vsphere.vmware.com"]),
        title: "VMware vSphere (disks and file volumes)",
        location: Texts::List(&["volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/vsphere-csi-driver/blob/bf80902567175f298195110dee2abdd4d90f9863/pkg/csi/service/vanilla/controller.go#L1440",
            "https://github.com/kubernetes-sigs/vsphere-csi-driver/blob/bf80902567175f298195110dee2abdd4d90f9863/pkg/csi/service/common/constants.go",
        ]),
        remark: "The NFS export of a file volume is not in the volume, so it is not compared with NFS volumes.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi-isilon.dellemc.com"]),
        title: "Dell PowerScale (Isilon)",
        location: Texts::List(&["nfs://{AzServiceIP}//{Path}", "isilon://{handle.cluster=default}//{Path}"]),
        handle: "name=_=_=export=_=_=zone=_=_=cluster",
        sources: Texts::List(&[
            "https://github.com/dell/csi-powerscale/blob/82fe23fbc1a31eec0f31ccb6ae1dfd4ddcdfce45/service/node.go#L96-L196",
        ]),
        remark: "A cluster has many addresses: list them in `exports.serverAliases`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi-unity.dellemc.com"]),
        title: "Dell Unity",
        location: Texts::List(&["volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/dell/csi-unity/blob/8a247ce2cdc55485e15c4ef4d09af4e2b293e5e2/service/service.go#L371-L400",
        ]),
        remark: "Two handles with other names before the same array and volume are one volume, and are not told to be.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi-powerstore.dellemc.com"]),
        title: "Dell PowerStore",
        location: Texts::List(&["volume://{handle.volume}"]),
        handle: "volume/array/protocol",
        sources: Texts::List(&[
            "https://github.com/dell/csi-powerstore/blob/8db0ba6aa8f2399193d0244863728a21698cda25/pkg/array/array.go#L522",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["spectrumscale.csi.ibm.com"]),
        title: "IBM Storage Scale",
        location: Texts::List(&[
            "gpfs://node//{handle.path}",
            "gpfs://node//{handle.fourth~path=*}",
            "gpfs://node//{handle.third~path=*}",
            "volume://{handle}",
        ]),
        handle: "class;kind;third;fourth;group;fileset;path",
        class: ClassRow {
            shared_if: Texts::List(&["[existingVolume=yes]"]),
            shared_by: "which gives claims of the same name in two namespaces one fileset",
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/IBM/ibm-spectrum-scale-csi/blob/7e9359b0017d8036c45ece72d55981977821ac5b/driver/csiplugin/gpfs_util.go#L647",
            "https://github.com/IBM/ibm-spectrum-scale-csi/blob/7e9359b0017d8036c45ece72d55981977821ac5b/driver/csiplugin/nodeserver.go#L140-L290",
        ]),
        remark: "Only the path on the node is mounted: that of static volumes is the third or fourth part, as `path=/…`. A path below \
                 `.volumes` can be a symbolic link to another one.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.huawei.com"]),
        title: "Huawei storage",
        location: Texts::List(&["volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/Huawei/eSDK_K8S_Plugin/blob/712170b23f08b2686a3adcefb1834fb0871af67e/csi/manage/nas_manager.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi.vastdata.com"]),
        title: "VAST Data",
        location: Texts::List(&[
            "[schema=2]vast://{vip_pool_name|vip_pool_fqdn}//{export_path}",
            "vast://{vip_pool_name|vip_pool_fqdn=local}//{root_export}/{snapshot_base_path|handle}",
        ]),
        sources: Texts::List(&[
            "https://github.com/vast-data/vast-csi/blob/268bab188ed249bee5f6ebec0b054d6c8d5c1e2e/vast_csi/server.py#L506-L545",
        ]),
        remark: "A `vip_pool_fqdn` has a random first label for each volume, so volumes of a pool with one are not told to be on one \
                 server.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["com.hammerspace.csi"]),
        title: "Hammerspace",
        location: Texts::List(&["hammerspace://cluster//{handle}"]),
        sources: Texts::List(&[
            "https://github.com/hammer-space/csi-plugin/blob/d4ecb491077c7ae8347b2c9b7cdc1c6523879deb/pkg/driver/node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["linstor.csi.linbit.com"]),
        title: "LINSTOR (Piraeus)",
        location: Texts::List(&["nfs://{linstor.csi.linbit.com/nfs-export}", "volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/piraeusdatastore/linstor-csi/blob/44aa98afcf289f7300c97eddd9a10b11b1890bcd/pkg/volume/volume.go",
        ]),
        remark: "`res` and `res/0` are one volume, and are not told to be.",
        ..Driver::NONE
    },
];
