{{/* The name of every object. */}}
{{- define "ordinance.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $full | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* The labels that select the pods. They never change, because the selector of a Deployment is immutable. */}}
{{- define "ordinance.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ordinance.labels" -}}
{{ include "ordinance.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ordinance.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "ordinance.fullname" .) "default") }}
{{- end }}

{{/* Not empty if one replica audits the cluster. */}}
{{- define "ordinance.audits" -}}
{{- if regexMatch "[1-9]" .Values.audit.interval }}true{{ end }}
{{- end }}

{{/* The Lease of the replica that audits. */}}
{{- define "ordinance.auditLease" -}}
{{- include "ordinance.fullname" . }}-audit
{{- end }}

{{/* The Secret with the self-managed CA. */}}
{{- define "ordinance.caSecret" -}}
{{- include "ordinance.fullname" . }}-ca
{{- end }}

{{/* The Secret with the serving certificate, for the modes secret and cert-manager. */}}
{{- define "ordinance.tlsSecret" -}}
{{- .Values.certificates.secret.name | default (printf "%s-tls" (include "ordinance.fullname" .)) }}
{{- end }}

{{- define "ordinance.image" -}}
{{- with .Values.image }}
{{- empty .digest | not | ternary (printf "%s@%s" .repository .digest) (printf "%s:%s" .repository (.tag | default $.Chart.AppVersion)) }}
{{- end }}
{{- end }}
