//! File storage of clouds. What is NFS or SMB has the same place as by the drivers of these protocols.

use super::CSI_VARIABLES;
use crate::catalogue::{ClassRow, Driver, PatternVariables, Texts};

pub(super) const ROWS: &[Driver<'static>] = &[
    Driver {
        names: Texts::List(&["file.csi.azure.com"]),
        title: "Azure Files",
        location: Texts::List(&[
            "[protocol=nfs]nfs://{server}/{storageAccount|handle.account}/{shareName|handle.share}//{folderName?}/{diskName|handle.disk?}",
            "[protocol=nfs]nfs://{storageAccount|handle.account}.file.{storageEndpointSuffix=core.windows.net}/{storageAccount|handle.account}/{shareName|handle.share}//{folderName?}/{diskName|handle.disk?}",
            "smb://{server}/{shareName|handle.share}//{folderName?}/{diskName|handle.disk?}",
            "smb://{secretRef.name~azure-storage-account-*-secret|secretName~azure-storage-account-*-secret|storageAccount|handle.account}.file.{storageEndpointSuffix=core.windows.net}/{shareName|handle.share}//{folderName?}/{diskName|handle.disk?}",
            "azure-file-secret://{secretRef}/{shareName|handle.share}//{folderName?}/{diskName|handle.disk?}",
        ]),
        handle: "resourceGroup#account#share#disk#uuid#secretNamespace#subscription",
        inline: true,
        class: ClassRow {
            directory: Texts::List(&["shareName", "folderName"]),
            proposal: CSI_VARIABLES.volume,
            variables: CSI_VARIABLES,
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/azurefile-csi-driver/blob/7b5ae18e74f0c885791f67404286882a049761f8/pkg/azurefile/nodeserver.go",
            "https://github.com/kubernetes-sigs/azurefile-csi-driver/blob/7b5ae18e74f0c885791f67404286882a049761f8/pkg/azurefile/azurefile.go",
            "https://github.com/kubernetes-sigs/azurefile-csi-driver/blob/7b5ae18e74f0c885791f67404286882a049761f8/pkg/azurefile/controllerserver.go",
        ]),
        remark: "The account in a Secret goes before the attributes, but only the name of a Secret that the driver made says it. \
                 Other Secrets stand for their account as `namespace.name`. A disk image in a share (`diskName`) counts as a directory in \
                 it.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["efs.csi.aws.com"]),
        title: "Amazon EFS (and S3 Files)",
        location: Texts::List(&[
            "[handle^=s3files:]s3files://{handle.fileSystem}/{handle.accessPoint|option:accesspoint?}//{handle.path?}",
            "efs://{handle.fileSystem|fileSystemId}/{handle.accessPoint|option:accesspoint?}//{handle.path|path?}",
        ]),
        handle: "fileSystem:path:accessPoint",
        handle_types: Texts::List(&["efs", "s3files"]),
        inline: true,
        class: ClassRow {
            directory: Texts::List(&["subPathPattern"]),
            variables: PatternVariables {
                volume: "${.PV.name}",
                namespace: "${.PVC.namespace}",
                claim: "${.PVC.name}",
            },
            only_if: "[ensureUniqueDirectory=false|f|0]",
            shared_if: Texts::List(&["[reuseAccessPoint=true|t|1]"]),
            shared_by: "which gives claims of the same name in two namespaces one access point",
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/a4fc67600be60d0f8350dc9459e55ff04e9aa944/pkg/driver/node.go",
            "https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/a4fc67600be60d0f8350dc9459e55ff04e9aa944/pkg/driver/controller.go",
            "https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/v1.7.0/pkg/driver/node.go",
            "https://github.com/aws/efs-utils/blob/def6e74fbbe891d07212b5bcd82109d5e5b59be7/dist/efs-utils.conf",
        ]),
        remark: "The root of an access point is unknown, so it counts as a directory of its own below the root of the file system. \
                 The attribute `path` counts up to v2. An NFS server called \
                 `fs-….efs.<region>.amazonaws.com` is the file system; the address of a mount target is not resolved. The driver \
                 refuses inline volumes today; a set with one counts as sharing it.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["filestore.csi.storage.gke.io"]),
        title: "Google Filestore (instances and multishares)",
        location: Texts::List(&[
            "[handle^=modeMultishare]nfs://{ip}/{handle.share}//",
            "nfs://{ip}/{volume}//",
        ]),
        handle: "mode/pool/project/location/instance/share",
        options: "mountOptions",
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/gcp-filestore-csi-driver/blob/2edb466bc7a0e5224a65967a4cc3ec9a52368619/pkg/csi_driver/node.go",
            "https://github.com/kubernetes-sigs/gcp-filestore-csi-driver/blob/2edb466bc7a0e5224a65967a4cc3ec9a52368619/pkg/csi_driver/volume_id.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["fsx.csi.aws.com"]),
        title: "Amazon FSx for Lustre",
        location: Texts::List(&["lustre://{dnsname}/{mountname=fsx}"]),
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/aws-fsx-csi-driver/blob/5b227125add708cd0b87c76abe1a4c074e71dfc5/pkg/driver/node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["fsx.openzfs.csi.aws.com"]),
        title: "Amazon FSx for OpenZFS",
        location: Texts::List(&[
            "[ResourceType=filesystem]nfs://{DNSName}/fsx//",
            "nfs://{DNSName}/{VolumePath}",
        ]),
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/aws-fsx-openzfs-csi-driver/blob/dc7b82cd5912643a0e00e53f031c76740a716aa0/pkg/driver/node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["azurelustre.csi.azure.com"]),
        title: "Azure Managed Lustre",
        location: Texts::List(&["lustre://{mgs-ip-address}/lustrefs//{sub-dir?}"]),
        class: ClassRow {
            directory: Texts::List(&["sub-dir"]),
            variables: CSI_VARIABLES,
            only_if: "[mgs-ip-address]",
            shared_if: Texts::List(&["[mgs-ip-address][!sub-dir]"]),
            keeps_files_if: Texts::List(&["[mgs-ip-address]"]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/azurelustre-csi-driver/blob/26f644207f30ad1a5986b1c16c011d015ef4ee06/pkg/azurelustre/nodeserver.go",
            "https://github.com/kubernetes-sigs/azurelustre-csi-driver/blob/26f644207f30ad1a5986b1c16c011d015ef4ee06/pkg/azurelustre/controllerserver.go",
        ]),
        remark: "Variables of the pod in `sub-dir` are filled in at the mount, so such a directory cannot be known.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["lustre.csi.storage.gke.io"]),
        title: "Google Managed Lustre",
        location: Texts::List(&[
            "lustre://{mountpoint|mount-point|mount_point}//",
            "lustre://{ip}/{filesystem}//",
        ]),
        sources: Texts::List(&[
            "https://github.com/GoogleCloudPlatform/lustre-csi-driver/blob/89f1eb73bc0677403fdd60250190f67f539e73cf/pkg/csi_driver/node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["nasplugin.csi.alibabacloud.com"]),
        title: "Alibaba Cloud NAS",
        location: Texts::List(&[
            "nfs://{accesspoint}//{path?}",
            "alibaba-cnfs://{containerNetworkFileSystem}//{path?}",
            "nfs://{server}//{path?}",
        ]),
        class: ClassRow {
            shared_if: Texts::List(&["[volumeAs=sharepath]"]),
            keeps_files_if: Texts::List(&["[volumeAs=sharepath]", "[archiveOnDelete!=false]"]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/alibaba-cloud-csi-driver/blob/8aacf9009bf92ff786b07ece73cc3a4d1e600ed5/pkg/nas/nodeserver.go",
            "https://github.com/kubernetes-sigs/alibaba-cloud-csi-driver/blob/8aacf9009bf92ff786b07ece73cc3a4d1e600ed5/pkg/nas/utils.go",
        ]),
        remark: "One file system has several mount targets, e.g. one per network: list them in `exports.serverAliases`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["fss.csi.oraclecloud.com", "*.fss.csi.oraclecloud.com"]),
        title: "Oracle Cloud File Storage",
        location: Texts::List(&["nfs://{handle.server}/{handle.path}"]),
        handle: "fileSystem:server:/path",
        sources: Texts::List(&[
            "https://github.com/oracle/oci-cloud-controller-manager/blob/1100ac3624ed482b53a6e43d85afdccd0d4b095b/pkg/csi/driver/fss_node.go",
        ]),
        remark: "A file system with several exports or mount targets is several places.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["lustre.csi.oraclecloud.com", "*.lustre.csi.oraclecloud.com"]),
        title: "Oracle Cloud File Storage with Lustre",
        location: Texts::List(&["[handle^=ocid]lustre://{handle.address}", "lustre://{handle}"]),
        handle: "fileSystem:address",
        sources: Texts::List(&[
            "https://github.com/oracle/oci-cloud-controller-manager/blob/1100ac3624ed482b53a6e43d85afdccd0d4b095b/pkg/csi/driver/lustre_node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["vpc.file.csi.ibm.io"]),
        title: "IBM Cloud File Storage for VPC",
        location: Texts::List(&["nfs://{nfsServerPath}"]),
        handle: "share#target",
        sources: Texts::List(&[
            "https://github.com/IBM/ibm-vpc-file-csi-driver/blob/bb2cfd82fd48bc9f19b23f73b5e49aed9d826bb6/pkg/ibmcsidriver/node.go#L216-L345",
        ]),
        remark: "A share with several mount targets is several places: list them in `exports.serverAliases`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["com.tencent.cloud.csi.cfs"]),
        title: "Tencent Cloud CFS",
        location: Texts::List(&["[vers=4|4.0|4.1]nfs://{host}//{path?}", "nfs://{host}/{fsid?}//{path?}"]),
        inline: true,
        sources: Texts::List(&[
            "https://github.com/TencentCloud/kubernetes-csi-tencentcloud/blob/defc12d0aa1cd9033474235ef3a670263c8fada4/driver/cfs/node.go",
        ]),
        remark: "NFSv3 has the id of the file system before the path, NFSv4 does not: the two are not compared.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["com.tencent.cloud.csi.cfsturbo"]),
        title: "Tencent Cloud CFS Turbo",
        location: Texts::List(&[
            "[proto=nfs]nfs://{host}/{fsid}//{rootdir=cfs}/{path?}",
            "lustre://{host}/{fsid}//{rootdir=cfs}/{path?}",
        ]),
        sources: Texts::List(&[
            "https://github.com/TencentCloud/kubernetes-csi-tencentcloud/blob/defc12d0aa1cd9033474235ef3a670263c8fada4/driver/cfsturbo/node.go",
        ]),
        remark: "Two addresses of one file system are two places, and so are NFS and Lustre.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&[
            "sfs.csi.huaweicloud.com",
            "sfsturbo.csi.huaweicloud.com",
            "obs.csi.huaweicloud.com",
        ]),
        title: "Huawei Cloud SFS, SFS Turbo and OBS",
        location: Texts::List(&["volume://{handle}"]),
        sources: Texts::List(&[
            "https://github.com/huaweicloud/huaweicloud-csi-driver/blob/06c6079190bacacc1e1027d1d0a53850860fe53a/pkg/sfs/nodeserver.go#L50",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["sfsturbo.csi.everest.io", "nas.csi.everest.io"]),
        title: "Huawei Cloud Everest (SFS and SFS Turbo)",
        location: Texts::List(&["nfs://{everest.io/share-export-location}", "volume://{handle}"]),
        sources: Texts::List(&["https://github.com/opentelekomcloud-docs/cloud-container-engine"]),
        remark: "Closed source; the row rests on the documentation of Open Telekom Cloud.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["filestorage.csi.scaleway.com"]),
        title: "Scaleway File Storage",
        location: Texts::List(&["volume://{handle.id|handle}"]),
        handle: "region/id",
        sources: Texts::List(&[
            "https://github.com/scaleway/scaleway-filestorage-csi/blob/fafe4c665d335ec240b49f7a28834b041aead483/pkg/driver/node.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&[
            "manila.csi.openstack.org",
            "nfs.manila.csi.openstack.org",
            "cephfs.manila.csi.openstack.org",
        ]),
        title: "OpenStack Manila",
        location: Texts::List(&[
            "manila://share/{shareID}",
            "manila://share-name/{shareName}",
            "volume://{handle}",
        ]),
        sources: Texts::List(&[
            "https://github.com/kubernetes/cloud-provider-openstack/blob/c453fb7c9bbb2091aee763d9d2809cc81fdf31c6/pkg/csi/manila/nodeserver.go#L50-L125",
        ]),
        remark: "The export of a share is not in the volume, so it is not compared with NFS or CephFS volumes.",
        ..Driver::NONE
    },
];
