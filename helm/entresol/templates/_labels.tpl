{{/* The chart's name, or what replaces it. */}}
{{- define "entresol.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end }}

{{/* Labels of everything in this release. */}}
{{- define "entresol.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "entresol.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: entresol
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
