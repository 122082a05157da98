{{/*
One webhook. Arguments: root, name, phase (mutate or validate), values (those of this webhook), failurePolicy (the default),
group, resources, operations, conditions (YAML), isNamespaced.
*/}}
{{- define "ordinance.webhook" -}}
- name: {{ .name }}.{{ .phase }}.ordinance.dev
  admissionReviewVersions: [v1]
  clientConfig:
    service:
      name: {{ include "ordinance.fullname" .root }}
      namespace: {{ .root.Release.Namespace }}
      {{- if ne .root.Values.certificates.mode "self-managed" }}
      path: {{ include "ordinance.path" .phase }}
      {{- end }}
      port: {{ .root.Values.service.port }}
    {{- with include "ordinance.caBundle" .root }}
    caBundle: {{ . }}
    {{- end }}
  rules:
    - apiGroups: [{{ .group | quote }}]
      apiVersions: [v1]
      resources: [{{ join ", " .resources }}]
      operations: [{{ join ", " .operations }}]
      scope: {{ .isNamespaced | ternary "Namespaced" "Cluster" }}
  failurePolicy: {{ include "ordinance.failurePolicy" . }}
  matchPolicy: Equivalent
  sideEffects: {{ eq .phase "mutate" | ternary "None" "NoneOnDryRun" }}
  timeoutSeconds: {{ .values.timeoutSeconds }}
  {{- if eq .phase "mutate" }}
  reinvocationPolicy: IfNeeded
  {{- end }}
  {{- if .isNamespaced }}
  namespaceSelector:
    {{- with .values.namespaceSelector.matchLabels }}
    matchLabels:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values: {{ append .root.Values.webhooks.excludedNamespaces .root.Release.Namespace | uniq | toJson }}
      {{- with .values.namespaceSelector.matchExpressions }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- end }}
  {{- with .values.objectSelector }}
  objectSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  matchConditions:
    {{- .conditions | nindent 4 }}
    {{- with .values.matchConditions }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The path of a phase, mutate or validate. */}}
{{- define "ordinance.path" -}}
/{{ . }}/storage
{{- end }}

{{/*
The failure policy of a webhook. With a self-managed CA it is Ignore until a replica is ready, which then sets the intended
policy. An upgrade keeps the policy that the cluster has.
*/}}
{{- define "ordinance.failurePolicy" -}}
{{- $policy := .values.failurePolicy | default .failurePolicy }}
{{- if and (eq .root.Values.certificates.mode "self-managed") (not .root.isIntended) }}
{{- $policy = "Ignore" }}
{{- $name := printf "%s.%s.ordinance.dev" .name .phase }}
{{- $kind := printf "%sWebhookConfiguration" (eq .phase "mutate" | ternary "Mutating" "Validating") }}
{{- $live := lookup "admissionregistration.k8s.io/v1" $kind "" (include "ordinance.fullname" .root) }}
{{- range dig "webhooks" list $live }}
{{- if eq .name $name }}
{{- $policy = .failurePolicy }}
{{- end }}
{{- end }}
{{- end }}
{{- $policy }}
{{- end }}

{{/* The CA that the API server trusts, in base64. Empty if Ordinance or cert-manager writes it, or if it is not known. */}}
{{- define "ordinance.caBundle" -}}
{{- with .Values.certificates }}
{{- if eq .mode "secret" }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace (include "ordinance.tlsSecret" $) }}
{{- .caBundle | b64enc | default (dig "data" "ca.crt" "" $secret) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The metadata of a configuration. Arguments: root, phase, webhooks (the name of the template that renders them). */}}
{{- define "ordinance.webhook.metadata" -}}
name: {{ include "ordinance.fullname" .root }}
labels:
  {{- include "ordinance.labels" .root | nindent 2 }}
{{- with .root }}
{{- if eq .Values.certificates.mode "cert-manager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "ordinance.fullname" . }}
{{- else if eq .Values.certificates.mode "self-managed" }}
{{- $intended := dict "isIntended" true "Values" .Values "Release" .Release "Chart" .Chart }}
{{- $policies := dict }}
{{- $paths := dict }}
{{- range include $.webhooks $intended | fromYamlArray }}
{{- $_ := set $policies .name .failurePolicy }}
{{- $_ := set $paths .name (include "ordinance.path" $.phase) }}
{{- end }}
annotations:
  # The failure policies that a replica sets once it is ready.
  ordinance.dev/failure-policies: {{ toJson $policies | quote }}
  # The paths that a replica sets, each after a secret token. Applied again, this configuration keeps them.
  ordinance.dev/paths: {{ toJson $paths | quote }}
{{- end }}
{{- end }}
{{- end }}
