//! Drivers of disks and of volumes on one node, of which the handle is the id.

use crate::catalogue::{Driver, Texts};

/// A driver whose volumes only their handle identifies.
const fn disk(
    names: &'static [&'static str],
    title: &'static str,
    sources: &'static [&'static str],
) -> Driver<'static> {
    Driver {
        names: Texts::List(names),
        title,
        location: Texts::List(&["volume://{handle}"]),
        shared: false,
        sources: Texts::List(sources),
        ..Driver::NONE
    }
}

pub(super) const ROWS: &[Driver<'static>] = &[
    Driver {
        location: Texts::List(&["[partition=0]volume://{handle}", "volume://{handle}/{partition?}"]),
        ..disk(
            &["ebs.csi.aws.com"],
            "Amazon EBS",
            &[
                "https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/429e202e589798e55c0f8ddcc81b2850b7f000d0/examples/kubernetes/static-provisioning/README.md",
            ],
        )
    },
    Driver {
        location: Texts::List(&["volume://{handle}/{partition?}"]),
        remark: "A handle with `UNSPECIFIED` for project and zone is not told to be the full one.",
        ..disk(
            &["pd.csi.storage.gke.io"],
            "Google Compute Engine persistent disk",
            &[
                "https://github.com/kubernetes-sigs/gcp-compute-persistent-disk-csi-driver/blob/b560165c3508dcbca6c53a7b005eba185c301167/docs/kubernetes/user-guides/pre-provisioned.md",
            ],
        )
    },
    Driver {
        location: Texts::List(&["volume://{handle}/{partition?}"]),
        remark: "Handles are compared with their case.",
        ..disk(
            &["disk.csi.azure.com"],
            "Azure disk",
            &[
                "https://github.com/kubernetes-sigs/azuredisk-csi-driver/blob/d983d613b6dd04af5bcc886d309b8de6ea5637b6/docs/driver-parameters.md",
            ],
        )
    },
    Driver {
        location: Texts::List(&[
            "[staticVolume=true|t|1][migration=true]rbd://{clusterID}/{pool}/{imageName}",
            "[staticVolume=true|t|1]rbd://{clusterID}/{pool}/{handle}",
            "volume://{handle}",
        ]),
        ..disk(
            &["rbd.csi.ceph.com", "*.rbd.csi.ceph.com"],
            "Ceph RBD (ceph-csi)",
            &[
                "https://github.com/ceph/ceph-csi/blob/52fcb7b00c3d586c12c05593b1c73ad2c42b171f/docs/static-pvc.md",
            ],
        )
    },
    disk(
        &["cinder.csi.openstack.org"],
        "OpenStack Cinder",
        &[
            "https://github.com/kubernetes/cloud-provider-openstack/blob/c453fb7c9bbb2091aee763d9d2809cc81fdf31c6/docs/cinder-csi-plugin/examples.md",
        ],
    ),
    disk(
        &["dobs.csi.digitalocean.com"],
        "DigitalOcean Block Storage",
        &[
            "https://github.com/digitalocean/csi-digitalocean/blob/0711283de556eac2cd6e41da844d51993f1e247f/examples/kubernetes/pod-single-existing-volume/README.md",
        ],
    ),
    disk(
        &["csi.hetzner.cloud"],
        "Hetzner Cloud",
        &[
            "https://github.com/hetznercloud/csi-driver/blob/53ead0b2b8ebdf15bb580677d57faeca91c5d5cb/docs/kubernetes/guides/importing-volumes.md",
        ],
    ),
    Driver {
        location: Texts::List(&["volume://{handle.id}/{partition?}"]),
        handle: "id-label",
        ..disk(
            &["linodebs.csi.linode.com"],
            "Linode (Akamai) Block Storage",
            &[
                "https://github.com/linode/linode-blockstorage-csi-driver/blob/def6be4fae640b7f54e80f9f2a8eed34a9865ba2/pkg/linode-volumes/utils.go",
            ],
        )
    },
    disk(
        &["block.csi.vultr.com"],
        "Vultr",
        &[
            "https://github.com/vultr/vultr-csi/blob/4f2281bba49faad8c0f4bc3dc03ba11a37ec7956/driver/controller.go",
        ],
    ),
    Driver {
        location: Texts::List(&["volume://{handle.id|handle}"]),
        handle: "zone/id",
        ..disk(
            &["csi.scaleway.com"],
            "Scaleway Block Storage",
            &[
                "https://github.com/scaleway/scaleway-csi/blob/e2edd7abbd893c0fd53880851e4c1843d73d3d13/examples/kubernetes/README.md",
            ],
        )
    },
    disk(
        &["blockvolume.csi.oraclecloud.com", "*.blockvolume.csi.oraclecloud.com"],
        "Oracle Cloud Infrastructure Block Volume",
        &[
            "https://github.com/oracle/oci-cloud-controller-manager/blob/1100ac3624ed482b53a6e43d85afdccd0d4b095b/pkg/csi/driver/bv_controller.go",
        ],
    ),
    disk(
        &["vpc.block.csi.ibm.io"],
        "IBM Cloud VPC Block Storage",
        &[
            "https://github.com/kubernetes-sigs/ibm-vpc-block-csi-driver/blob/eb45013426da044cadf193e2f9b267ae9d869a62/pkg/ibmcsidriver/controller.go",
        ],
    ),
    disk(
        &["diskplugin.csi.alibabacloud.com"],
        "Alibaba Cloud disk",
        &[
            "https://github.com/kubernetes-sigs/alibaba-cloud-csi-driver/blob/8aacf9009bf92ff786b07ece73cc3a4d1e600ed5/examples/disk/options/pv.yaml",
        ],
    ),
    disk(
        &["topolvm.io", "topolvm.cybozu.com"],
        "TopoLVM",
        &[
            "https://github.com/topolvm/topolvm/blob/83e3dcee2fd750e3c3f40f74faa90ced8e9676c7/internal/driver/node.go",
        ],
    ),
    disk(
        &["local.csi.openebs.io"],
        "OpenEBS LVM LocalPV",
        &[
            "https://github.com/openebs/lvm-localpv/blob/f3276f4cb264e51e3b97ee2ddf9cac109d30e917/pkg/driver/agent.go",
        ],
    ),
    disk(
        &["zfs.csi.openebs.io"],
        "OpenEBS ZFS LocalPV",
        &[
            "https://github.com/openebs/zfs-localpv/blob/d52f9a9a57313ff3f252f5c57f6f7cfe96f9a389/docs/import-existing-volume.md",
        ],
    ),
    disk(
        &["io.openebs.csi-mayastor"],
        "OpenEBS Replicated Storage (Mayastor)",
        &[
            "https://github.com/openebs/mayastor-control-plane/blob/c02e0cb7798e1f16f632c1cebfeacb19d299554d/control-plane/csi-driver/src/bin/controller/controller.rs",
        ],
    ),
    disk(
        &["cstor.csi.openebs.io"],
        "OpenEBS cStor",
        &[
            "https://github.com/openebs/cstor-csi/blob/17d3da9b57c09311b5a9a33b4371a5296d496ae0/pkg/driver/node.go",
        ],
    ),
    disk(
        &["csi.storpool.com"],
        "StorPool",
        &[
            "https://github.com/storpool/storpool-csi/blob/0308b24a49d206d000aa1d85a683a7348fd7d37c/services/controller.py",
        ],
    ),
    disk(
        &["csi.proxmox.sinextra.dev"],
        "Proxmox CSI plugin",
        &[
            "https://github.com/sergelogvinov/proxmox-csi-plugin/blob/a7c58ec6a73eac35f003484e7f2ef603b69270c4/docs/faq.md",
        ],
    ),
    disk(
        &["hostpath.csi.k8s.io"],
        "CSI hostpath driver (test driver)",
        &[
            "https://github.com/kubernetes-csi/csi-driver-host-path/blob/1f2b2e64d01e8dd93e1f2e8fa6efcda7280208f2/pkg/hostpath/hostpath.go",
        ],
    ),
    disk(
        &["directpv-min-io"],
        "MinIO DirectPV",
        &[
            "https://github.com/minio/directpv/blob/a9adb854cdec76bcc455e35b2201c1ae026f35c4/pkg/csi/node/publish_unpublish.go",
        ],
    ),
    Driver {
        location: Texts::List(&["volume://{handle.id|handle}"]),
        handle: "zone/id",
        ..disk(
            &["csi.exoscale.com"],
            "Exoscale Block Storage",
            &[
                "https://github.com/exoscale/exoscale-csi-driver/blob/6206a6faeae0c2de000a76e2c09ee2a939160bd0/driver/helpers.go",
            ],
        )
    },
    disk(
        &["storage.csi.upcloud.com"],
        "UpCloud",
        &[
            "https://github.com/UpCloudLtd/upcloud-csi/blob/705a0d38c942103cacf9d18854e7fc317b7b3023/internal/controller/controller.go",
        ],
    ),
    disk(
        &["csi.ovirt.org"],
        "oVirt",
        &[
            "https://github.com/openshift/ovirt-csi-driver/blob/b418c0b94ec99b52eda968e0ab16b5e8146e0928/pkg/service/controller.go",
        ],
    ),
    Driver {
        location: Texts::List(&["volume://{handle.uid|handle}"]),
        handle: "id;uid",
        ..disk(
            &["block.csi.ibm.com"],
            "IBM block storage",
            &[
                "https://github.com/IBM/ibm-block-csi-driver/blob/2f19986fec76ce4f3aa9218f320f78d167bfffee/controllers/servers/utils.py",
            ],
        )
    },
    disk(
        &["csi.cloudscale.ch"],
        "cloudscale.ch",
        &[
            "https://github.com/cloudscale-ch/csi-cloudscale/blob/5434e1b624c3da1d32b608dc54353232df54fe50/driver/controller.go",
        ],
    ),
    disk(
        &["csi.civo.com"],
        "Civo",
        &[
            "https://github.com/civo/civo-csi/blob/37312dc7e2d1fdadeb47daba73e262696d735e78/pkg/driver/controller_server.go",
        ],
    ),
    disk(
        &["ebs.csi.volcengine.com"],
        "Volcano Engine EBS",
        &[
            "https://github.com/volcengine/volcengine-csi-driver/blob/6d065f0d2a9dd8c315a5dfe0fd2ca5f7cfdb29f9/example/ebs/csi-pv.yaml",
        ],
    ),
    disk(
        &["evs.csi.huaweicloud.com"],
        "Huawei Cloud EVS",
        &[
            "https://github.com/huaweicloud/huaweicloud-csi-driver/blob/06c6079190bacacc1e1027d1d0a53850860fe53a/pkg/evs/controllerserver.go",
        ],
    ),
    disk(
        &["bsu.csi.outscale.com"],
        "Outscale BSU",
        &[
            "https://github.com/outscale/osc-bsu-csi-driver/blob/a0f018875d7be9e4d0d189269dffa79a3874f10a/pkg/driver/controller.go",
        ],
    ),
    disk(
        &["powervs.csi.ibm.com"],
        "IBM Power Virtual Server Block",
        &[
            "https://github.com/kubernetes-sigs/ibm-powervs-block-csi-driver/blob/06d965ddb66f984edcf34be8566014935b16eb03/examples/kubernetes/static-provisioning/Readme.md",
        ],
    ),
    disk(
        &["block-storage.csi.stackit.cloud"],
        "STACKIT block storage",
        &[
            "https://github.com/stackitcloud/cloud-provider-stackit/blob/d561f8ea011cc9e7f1946aa89170f51b732b2985/pkg/csi/blockstorage/controllerserver.go",
        ],
    ),
];
