{{/*
The name of everything in this release. It is part of the names of cluster-wide objects, so that another release does
not collide with it. Short enough for suffixes within the 63 characters of a label. A release may be called what no
Service can be: dots are replaced, and a digit in front is refused before half of the release is there.
*/}}
{{- define "entresol.fullname" -}}
{{- $name := include "entresol.name" . -}}
{{- $full := .Values.fullnameOverride -}}
{{- if not $full -}}
{{- $full = contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $full = $full | replace "." "-" | trunc 43 | trimSuffix "-" -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $full -}}
{{- fail (printf "the full name %s must begin with a letter, as a Service is called so: set fullnameOverride" $full) -}}
{{- end -}}
{{- $full -}}
{{- end }}

{{/* Labels that select the operator's pods. They are immutable in a Deployment: no version, nothing that changes. */}}
{{- define "entresol.selectorLabels" -}}
app.kubernetes.io/name: {{ include "entresol.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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
