//! Buckets that a FUSE client or NFS shows as files.

use super::CSI_VARIABLES;
use crate::catalogue::{ClassRow, Driver, PatternVariables, Texts};

pub(super) const ROWS: &[Driver<'static>] = &[
    Driver {
        names: Texts::List(&["gcsfuse.csi.storage.gke.io"]),
        title: "Cloud Storage FUSE",
        location: Texts::List(&["gs://{handle.bucket|bucketName}//{option:only-dir?}"]),
        handle: "bucket:suffix",
        handle_suffix: ":",
        options: "mountOptions",
        inline: true,
        sources: Texts::List(&[
            "https://github.com/GoogleCloudPlatform/gcs-fuse-csi-driver/blob/5fcdc04a02d23b051fe89eeaa72a8235a2d3869c/pkg/csi_driver/utils.go",
            "https://github.com/GoogleCloudPlatform/gcs-fuse-csi-driver/blob/5fcdc04a02d23b051fe89eeaa72a8235a2d3869c/pkg/util/util.go",
        ]),
        remark: "The bucket `_` stands for all buckets of the account and is compared with none of them.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["s3.csi.aws.com"]),
        title: "Mountpoint for Amazon S3",
        location: Texts::List(&[
            "[option:endpoint-url]s3-endpoint://{option:endpoint-url~https://*|option:endpoint-url~http://*|option:endpoint-url}/{bucketName}//{option:prefix?}",
            "s3://{bucketName~s3://*|bucketName}//{option:prefix?}",
        ]),
        sources: Texts::List(&[
            "https://github.com/awslabs/mountpoint-s3-csi-driver/blob/57c6bedb46e2c1281883b80dad4d5d54b438b0de/pkg/driver/node/node.go",
            "https://github.com/awslabs/mountpoint-s3-csi-driver/blob/57c6bedb46e2c1281883b80dad4d5d54b438b0de/pkg/mountpoint/args.go",
        ]),
        remark: "An access point is not told to be its bucket. Slashes that make two prefixes of S3 differ, such as `/a/` and `a/`, do \
                 not matter here.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["blob.csi.azure.com"]),
        title: "Azure Blob Storage (blobfuse and NFS)",
        location: Texts::List(&[
            "azure-blob://{server}/{option:container-name|containerName|handle.container}//{option:subdirectory?}",
            "[protocol=nfs]azure-blob://{storageAccount|storageAccountName|handle.account}.blob.{storageEndpointSuffix=core.windows.net}/{option:container-name|containerName|handle.container}//",
            "azure-blob://{secretRef.name~azure-storage-account-*-secret|secretName~azure-storage-account-*-secret|storageAccount|storageAccountName|handle.account}.blob.{storageEndpointSuffix=core.windows.net}/{option:container-name|containerName|handle.container}//{option:subdirectory?}",
            "azure-blob-secret://{secretRef}/{option:container-name|containerName|handle.container}//{option:subdirectory?}",
        ]),
        handle: "resourceGroup#account#container#uuid#secretNamespace#subscription",
        options: "mountOptions",
        inline: true,
        class: ClassRow {
            directory: Texts::List(&["containerName"]),
            proposal: CSI_VARIABLES.volume,
            variables: CSI_VARIABLES,
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/blob-csi-driver/blob/0744a60b3930b2c37d42f07170d99f5b36ac97fc/pkg/blob/nodeserver.go",
            "https://github.com/kubernetes-sigs/blob-csi-driver/blob/0744a60b3930b2c37d42f07170d99f5b36ac97fc/pkg/blob/blob.go",
            "https://github.com/kubernetes-sigs/blob-csi-driver/blob/0744a60b3930b2c37d42f07170d99f5b36ac97fc/pkg/blob/controllerserver.go",
        ]),
        remark: "A container is one place by blobfuse and by NFS, also from an NFS server called \
                 `<account>.blob.core.windows.net`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["ossplugin.csi.alibabacloud.com"]),
        title: "Alibaba Cloud OSS",
        location: Texts::List(&[
            "alibaba-oss://{bucketSpace}//{path?}",
            "alibaba-oss-prefix://{agenticBucket}/{bucketSpacePrefix}//{path?}",
            "alibaba-oss://{bucket}//{path?}",
            "alibaba-cnfs://{containerNetworkFileSystem}//{path?}",
        ]),
        class: ClassRow {
            shared_if: Texts::List(&["[volumeAs!=subpath]"]),
            keeps_files_if: Texts::List(&[""]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/kubernetes-sigs/alibaba-cloud-csi-driver/blob/8aacf9009bf92ff786b07ece73cc3a4d1e600ed5/pkg/oss/nodeserver.go#L187",
            "https://github.com/kubernetes-sigs/alibaba-cloud-csi-driver/blob/8aacf9009bf92ff786b07ece73cc3a4d1e600ed5/pkg/oss/controllerserver.go",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["com.tencent.cloud.csi.cosfs"]),
        title: "Tencent Cloud COS",
        location: Texts::List(&["tencent-cos://{bucket}//{path?}"]),
        sources: Texts::List(&[
            "https://github.com/TencentCloud/kubernetes-csi-tencentcloud/blob/defc12d0aa1cd9033474235ef3a670263c8fada4/driver/cosfs/mount.go#L86-L125",
        ]),
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["ru.yandex.s3.csi"]),
        title: "k8s-csi-s3",
        location: Texts::List(&["csi-s3://{secretRef=default}/{handle.bucket}//{handle.prefix?}"]),
        handle: "bucket/prefix",
        sources: Texts::List(&[
            "https://github.com/yandex-cloud/k8s-csi-s3/blob/cd2d29f0e655e30812c75fa5fb4c212cc04631b4/pkg/driver/nodeserver.go",
        ]),
        remark: "The endpoint is in the Secret, which stands for it as `namespace.name`.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["ch.ctrox.csi.s3-driver"]),
        title: "csi-s3",
        location: Texts::List(&[
            "[usePrefix=true|t|1]csi-s3://{secretRef=default}/{handle.bucket}//{handle.prefix?}",
            "csi-s3://{secretRef=default}/{handle.bucket}//{handle.prefix?}/csi-fs",
        ]),
        handle: "bucket/prefix/ignored",
        class: ClassRow {
            directory: Texts::List(&["prefix"]),
            only_if: "[usePrefix=true|t|1]",
            shared_if: Texts::List(&["[usePrefix=true|t|1][!prefix]"]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/ctrox/csi-s3/blob/cc18bd9bc181aec6ec7e7f306639a28e538924cc/pkg/driver/nodeserver.go",
            "https://github.com/ctrox/csi-s3/blob/cc18bd9bc181aec6ec7e7f306639a28e538924cc/pkg/driver/controllerserver.go#L47-L135",
        ]),
        remark: "The object `.metadata.json` of a volume can name another bucket, prefix or directory than the provisioner wrote.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["rclone.csi.veloxpack.io"]),
        title: "csi-driver-rclone",
        location: Texts::List(&["rclone://{remote}//{remotePath?}"]),
        inline: true,
        class: ClassRow {
            directory: Texts::List(&["remotePath"]),
            variables: CSI_VARIABLES,
            shared_if: Texts::List(&["[!remotePath]"]),
            keeps_files_if: Texts::List(&[""]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/veloxpack/csi-driver-rclone/blob/71bc90a0d2f1980d9944f70847cc78e01367d6e3/pkg/rclone/nodeserver.go",
            "https://github.com/veloxpack/csi-driver-rclone/blob/71bc90a0d2f1980d9944f70847cc78e01367d6e3/pkg/rclone/controllerserver.go",
        ]),
        remark: "What a remote is called is in its configuration: two remotes can be one storage, and one name in two \
                 configurations can be two.",
        ..Driver::NONE
    },
    Driver {
        names: Texts::List(&["csi-rclone"]),
        title: "csi-rclone",
        location: Texts::List(&[
            "[remote=s3]rclone-s3://{s3-endpoint~https://*|s3-endpoint~http://*|s3-endpoint}//{remotePath}/{remotePathSuffix?}",
            "rclone://{remote}//{remotePath}/{remotePathSuffix?}",
        ]),
        class: ClassRow {
            directory: Texts::List(&["pathPattern"]),
            variables: PatternVariables { volume: "", namespace: "${.PVC.namespace}", claim: "${.PVC.name}" },
            shared_if: Texts::List(&["[!pathPattern]"]),
            keeps_files_if: Texts::List(&[""]),
            ..ClassRow::NONE
        },
        sources: Texts::List(&[
            "https://github.com/wunderio/csi-rclone/blob/52bf6f31e7a60e9916f507ed8c039fcfd741f12d/pkg/rclone/nodeserver.go",
            "https://github.com/wunderio/csi-rclone/blob/52bf6f31e7a60e9916f507ed8c039fcfd741f12d/pkg/rclone/controller.go",
        ]),
        remark: "The server of a remote other than `s3` is not compared, so one name can be two storages.",
        ..Driver::NONE
    },
];
