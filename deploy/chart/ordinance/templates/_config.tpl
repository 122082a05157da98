{{/* The configuration file, passed by --config. */}}
{{- define "ordinance.config" -}}
listen: {{ printf "%s:8443" .Values.listenAddress | quote }}
adminListen: {{ printf "%s:8080" .Values.listenAddress | quote }}
metricsListen: {{ printf "%s:8081" .Values.listenAddress | quote }}
certificate:
  {{- if eq .Values.certificates.mode "self-managed" }}
  source: self-managed
  selfManaged:
    service: {{ include "ordinance.fullname" . }}
    namespace: {{ .Release.Namespace }}
    {{- toYaml .Values.certificates.selfManaged | nindent 4 }}
  {{- else }}
  source: files
  certFile: /etc/ordinance/tls/tls.crt
  keyFile: /etc/ordinance/tls/tls.key
  {{- end }}
  reloadInterval: {{ .Values.certificates.reloadInterval }}
  {{- with .Values.clientAuthentication }}
  {{- if .configMap }}
  clientCa: /etc/ordinance/client-ca/ca.crt
  allowedNames: {{ toJson .allowedNames }}
  {{- end }}
  {{- end }}
onError: {{ .Values.onError }}
{{- if .Values.events.enabled }}
events: true
{{- end }}
{{- if not .Values.reservations.enabled }}
reservations: false
{{- end }}
audit:
  interval: {{ .Values.audit.interval }}
  reports: {{ .Values.audit.reports }}
  lease: {{ include "ordinance.auditLease" . }}
{{- with .Values.recording }}
{{- if .reviews }}
recording:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
log:
  level: {{ .Values.log.level }}
  format: {{ .Values.log.format }}
{{- with .Values.limits }}
limits:
  {{- toYaml . | nindent 2 }}
{{- end }}
policies:
  storage:
    {{- if ne .Values.policy.mode "Enforce" }}
    # Such a mode refuses nothing, so a failure must not either: the failure policies are Ignore.
    onError: defer
    {{- end }}
    settings:
      {{- toYaml .Values.policy | nindent 6 }}
  {{- with .Values.extraPolicies }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
