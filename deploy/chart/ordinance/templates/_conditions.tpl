{{/*
CEL conditions that select the requests which the policy can patch, refuse or warn of. The policy would admit every other
request without a finding; a test compares each condition with every case. No condition may fail on an object that the API
server stores, so each one tests optional fields with has() first. On CREATE there is no oldObject.
*/}}

{{- define "ordinance.conditions.statefulSets" -}}
- name: is-not-being-deleted
  expression: "!has(object.metadata.deletionTimestamp)"
- name: has-volumes-that-replicas-can-share
  expression: >-
    has(object.spec.volumeClaimTemplates) && size(object.spec.volumeClaimTemplates) > 0
    || has(object.spec.template.spec.volumes) && object.spec.template.spec.volumes.exists(v,
    has(v.persistentVolumeClaim) || has(v.nfs) || has(v.cephfs) || has(v.glusterfs) || has(v.azureFile) || has(v.quobyte)
    || has(v.csi)
    || has(v.awsElasticBlockStore) || has(v.azureDisk) || has(v.cinder) || has(v.fc) || has(v.gcePersistentDisk)
    || has(v.iscsi) || has(v.photonPersistentDisk) || has(v.portworxVolume) || has(v.rbd) || has(v.scaleIO)
    || has(v.storageos) || has(v.vsphereVolume))
    || has(object.metadata.annotations)
    && object.metadata.annotations.exists(k, k.startsWith("ordinance.dev/"))
- name: changes-what-replicas-mount
  expression: >-
    request.operation == "CREATE"
    || {{ include "ordinance.conditions.annotations" (list "ordinance.dev/isolation" "ordinance.dev/shared-volumes") }}
    || {{ .changed }}
{{- end }}

{{- define "ordinance.conditions.templateOrGrowth" -}}
object.spec.template != oldObject.spec.template
    || {{ include "ordinance.conditions.grows" 1 }}
{{- end }}

{{/* Scaling from one replica or none to more. The argument is the number of replicas if the field is absent. */}}
{{- define "ordinance.conditions.grows" -}}
(has(object.spec) && has(object.spec.replicas) ? object.spec.replicas : {{ . }}) > 1
    && (has(oldObject.spec) && has(oldObject.spec.replicas) ? oldObject.spec.replicas : {{ . }}) <= 1
{{- end }}

{{/* One of the given annotations was added, changed or removed. */}}
{{- define "ordinance.conditions.annotations" -}}
{{ toJson . | replace "," ", " }}.exists(k,
    (has(object.metadata.annotations) && k in object.metadata.annotations
    ? object.metadata.annotations[k] : null)
    != (has(oldObject.metadata.annotations) && k in oldObject.metadata.annotations
    ? oldObject.metadata.annotations[k] : null))
{{- end }}

{{/* The given field of the spec was added, changed or removed. */}}
{{- define "ordinance.conditions.field" -}}
(has(object.spec.{{ . }}) ? object.spec.{{ . }} : null)
    != (has(oldObject.spec.{{ . }}) ? oldObject.spec.{{ . }} : null)
{{- end }}

{{- define "ordinance.conditions.scale" -}}
- name: grows-beyond-one-replica
  expression: >-
    {{ include "ordinance.conditions.grows" 0 }}
{{- end }}

{{/* Ordinance annotates only claims whose name ends in an ordinal, and only those without the annotation. */}}
{{- define "ordinance.conditions.claims" -}}
- name: is-not-being-deleted
  expression: "!has(object.metadata.deletionTimestamp)"
- name: is-an-ordinals
  expression: has(object.metadata.name) && object.metadata.name.matches("^.+-[0-9]+$")
- name: has-no-mark
  expression: "!(has(object.metadata.annotations) && 'ordinance.dev/sub-path' in object.metadata.annotations)"
{{- end }}

{{/* Every CSI driver is included, because two volumes with one handle are the same storage. A directory of a node counts with
the node only. */}}
{{- define "ordinance.conditions.volumes" -}}
- name: can-be-on-a-directory-of-another
  expression: >-
    has(object.spec.nfs) || has(object.spec.csi) || has(object.spec.cephfs) || has(object.spec.glusterfs)
    || has(object.spec.azureFile) || has(object.spec.quobyte)
    || has(object.spec.nodeAffinity) && (has(object.spec.local) || has(object.spec.hostPath))
{{- end }}

{{/* The argument is object or oldObject. A restored volume, whose claimRef has no uid, counts as static, as in the policy. */}}
{{- define "ordinance.conditions.isProvisioned" -}}
has({{ . }}.metadata.annotations) && "pv.kubernetes.io/provisioned-by" in {{ . }}.metadata.annotations
    && {{ . }}.metadata.annotations["pv.kubernetes.io/provisioned-by"] != ""
    && has({{ . }}.spec.claimRef) && has({{ . }}.spec.claimRef.uid) && {{ . }}.spec.claimRef.uid != ""
{{- end }}

{{- define "ordinance.conditions.volumeUpdates" -}}
- name: is-not-being-deleted
  expression: "!has(object.metadata.deletionTimestamp)"
{{ include "ordinance.conditions.volumes" . }}
- name: changes-how-it-is-shared
  expression: >-
    {{ include "ordinance.conditions.annotations" (list "ordinance.dev/shared-with" "ordinance.dev/takes-over"
         "volume.beta.kubernetes.io/mount-options") }}
    || {{ include "ordinance.conditions.field" "mountOptions" }}
    || {{ include "ordinance.conditions.field" "accessModes" }}
    || {{ include "ordinance.conditions.field" "persistentVolumeReclaimPolicy" }}
    || {{ include "ordinance.conditions.isProvisioned" "oldObject" }}
    && !({{ include "ordinance.conditions.isProvisioned" "object" }})
{{- end }}

{{- define "ordinance.conditions.storageClasses" -}}
- name: can-give-claims-one-directory
  expression: >-
    has(object.parameters) || object.provisioner in ["csi-rclone", "ossplugin.csi.alibabacloud.com", "rclone.csi.veloxpack.io", "smb.csi.k8s.io"]{{ if .Values.policy.drivers }} || has(object.provisioner){{ end }}
{{- end }}
