{{/*
The name of everything in this release. It is part of the names of cluster-wide objects, so that another release does
not collide with it. Short enough for suffixes within the 63 characters of a label.
*/}}
{{- define "entresol.fullname" -}}
{{- $name := include "entresol.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 43 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 43 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels that select the operator's pods. They are immutable in a Deployment: no version, nothing that changes. */}}
{{- define "entresol.selectorLabels" -}}
app.kubernetes.io/name: {{ include "entresol.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The operator's ServiceAccount. */}}
{{- define "entresol.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "entresol.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* The operator's image. A digest says exactly which; a tag beside it would only be read by people. */}}
{{- define "entresol.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{/* What Pod Security "restricted" demands of a pod, and of a container; for every pod of this chart. */}}
{{- define "entresol.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "entresol.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The namespace that `helm test` works in: one that is served. */}}
{{- define "entresol.testNamespace" -}}
{{- coalesce .Values.test.namespace (first .Values.namespaces) .Release.Namespace -}}
{{- end }}

{{/* A hook of `helm test`, in the order of its weight: made anew for every test, and gone after one that succeeds. */}}
{{- define "entresol.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ first . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
