{{/* What both policies about Tasks look at. Statuses are no concern of theirs. */}}
{{- define "entresol.policies.tasks" -}}
- apiGroups: [entresol.dev]
  apiVersions: ["*"]
  operations: [CREATE, UPDATE]
  resources: [tasks]
{{- end }}

{{/*
Deletion is not matched, and nobody is asked about a spec that stays: finalizers, owners and labels are the business of
the garbage collector, of the namespace controller and of tools that apply again what is there.
*/}}
{{- define "entresol.policies.changed" -}}
- name: spec-changed
  expression: request.operation == 'CREATE' || object.spec != oldObject.spec
{{- end }}

{{/*
The pod that a Task asks for. `dyn` because the definition describes few fields of a pod and keeps them all: what it does
not describe is there when the policy runs, but the API server's check of types does not know it.
*/}}
{{- define "entresol.policies.pod" -}}
- name: template
  expression: >-
    has(object.spec.template) ? dyn(object.spec.template) : dyn({'spec': {'containers': [{'name': 'main'}]}})
- name: pod
  expression: variables.template.spec
{{- end }}
