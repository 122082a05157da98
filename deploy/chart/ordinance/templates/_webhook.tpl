{{/*
One webhook. Of: root, name, phase (mutate or validate), values (its own), failurePolicy (its default), group, resources,
operations, conditions (YAML), isNamespaced.
*/}}
{{- define "ordinance.webhook" -}}
- name: {{ .name }}.{{ .phase }}.ordinance.dev
  admissionReviewVersions: [v1]
  clientConfig:
    service:
      name: {{ include "ordinance.fullname" .root }}
      namespace: {{ .root.Release.Namespace }}
      path: /{{ .phase }}/storage
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
  failurePolicy: {{ .values.failurePolicy | default .failurePolicy }}
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

{{/* What the API server trusts, in base64; empty if cert-manager writes it, or if nobody said. */}}
{{- define "ordinance.caBundle" -}}
{{- with .Values.certificates }}
{{- if eq .source "secret" }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace (include "ordinance.tlsSecret" $) }}
{{- .caBundle | b64enc | default (dig "data" "ca.crt" "" $secret) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of both configurations. */}}
{{- define "ordinance.webhook.metadata" -}}
name: {{ include "ordinance.fullname" . }}
labels:
  {{- include "ordinance.labels" . | nindent 2 }}
{{- if eq .Values.certificates.source "certManager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "ordinance.fullname" . }}
{{- end }}
{{- end }}
