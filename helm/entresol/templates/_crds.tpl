{{/*
The definitions of the kinds, each as one document. They are read as YAML rather than as templates: descriptions and CEL
rules keep whatever they say. Kept on uninstall, because deleting a definition deletes every object of its kind.
*/}}
{{- define "entresol.crds" -}}
{{- range $path, $_ := .Files.Glob "files/crds/*.yaml" }}
{{- $definition := $.Files.Get $path | fromYaml }}
{{- $extra := dict "labels" (include "entresol.labels" $ | fromYaml) }}
{{- if $.Values.crds.keep }}
{{- $_ := set $extra "annotations" (dict "helm.sh/resource-policy" "keep") }}
{{- end }}
---
{{ toYaml (mergeOverwrite $definition (dict "metadata" $extra)) }}
{{ end }}
{{- end }}
