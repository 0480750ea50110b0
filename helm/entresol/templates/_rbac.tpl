{{/*
What the operator reads, everywhere and in every mode. Its limits are those of the whole cluster: pods outside the served
namespaces take up room on the same nodes, and tasks waiting elsewhere change what is fair here. Who does not see them
over-commits nodes and divides wrongly.
*/}}
{{- define "entresol.rules.read" -}}
- apiGroups: [""]
  resources: [nodes, namespaces, pods]
  verbs: [list, watch]
- apiGroups: [scheduling.k8s.io]
  resources: [priorityclasses]
  verbs: [list, watch]
- apiGroups: [entresol.dev]
  resources: [tasks, frameworks, frameworkroles]
  verbs: [list, watch]
{{- end }}

{{/* What the operator does in the namespaces that it serves. */}}
{{- define "entresol.rules.write" -}}
# Pods of Tasks are created and deleted, plain pods are bound, both get conditions; an outcome that is unknown is read.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, create, delete]
- apiGroups: [""]
  resources: [pods/binding]
  verbs: [create]
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
# Statuses of its own kinds, and Tasks whose time to live is over.
- apiGroups: [entresol.dev]
  resources: [tasks]
  verbs: [get, delete]
- apiGroups: [entresol.dev]
  resources: [tasks/status, frameworks/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* The subject of every binding of the operator. */}}
{{- define "entresol.subjects" -}}
- kind: ServiceAccount
  name: {{ include "entresol.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
