{{/*
The operator's settings as variables of its environment. Numbers are written with `int64`, because Helm reads them as
floats and would print a million as 1e+06.
*/}}
{{- define "entresol.settings" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: ENTRESOL_IDENTITY
  value: $(POD_NAME)
- name: ENTRESOL_ADVERTISE
  value: $(POD_IP):{{ .Values.api.port }}
- name: ENTRESOL_LEASE
  value: $(POD_NAMESPACE)/{{ include "entresol.fullname" . }}
- name: ENTRESOL_LEASE_SECONDS
  value: {{ .Values.lease.seconds | quote }}
- name: ENTRESOL_LEASE_RENEW_SECONDS
  value: {{ .Values.lease.renewSeconds | quote }}
- name: ENTRESOL_LEASE_RETRY_SECONDS
  value: {{ .Values.lease.retrySeconds | quote }}
- name: ENTRESOL_LISTEN
  value: 0.0.0.0:{{ .Values.api.port }}
- name: ENTRESOL_ACCESS
  value: {{ .Values.api.access }}
- name: ENTRESOL_NAMESPACES
  value: {{ join "," .Values.namespaces | quote }}
- name: ENTRESOL_AGENTS
  value: {{ .Values.agents.selector | quote }}
- name: ENTRESOL_IMPLICIT_ROLES
  value: {{ .Values.implicitRoles | quote }}
- name: ENTRESOL_LOG_LEVEL
  value: {{ .Values.settings.logLevel }}
- name: ENTRESOL_LOG_FORMAT
  value: {{ .Values.settings.logFormat }}
- name: ENTRESOL_ORDERING
  value: {{ .Values.settings.ordering }}
- name: ENTRESOL_EXCLUDED_RESOURCES
  value: {{ join "," .Values.settings.excludedResources | quote }}
- name: ENTRESOL_UNREADY_GRACE
  value: {{ int64 .Values.settings.unreadyGraceSeconds | quote }}
- name: ENTRESOL_OFFER_TIMEOUT
  value: {{ int64 .Values.settings.offerTimeoutSeconds | quote }}
- name: ENTRESOL_AUDIT_SECONDS
  value: {{ int64 .Values.settings.auditSeconds | quote }}
- name: ENTRESOL_CONNECTIONS
  value: {{ int64 .Values.settings.connections | quote }}
- name: ENTRESOL_DEEDS_IN_FLIGHT
  value: {{ int64 .Values.settings.deedsInFlight | quote }}
- name: ENTRESOL_GRANTS_PER_CYCLE
  value: {{ int64 .Values.settings.grantsPerCycle | quote }}
- name: ENTRESOL_GRANTS_PER_STEP
  value: {{ int64 .Values.settings.grantsPerStep | quote }}
- name: ENTRESOL_WAITING_WRITES
  value: {{ int64 .Values.settings.waitingWrites | quote }}
- name: ENTRESOL_EVENTS
  value: {{ int64 .Values.settings.events | quote }}
{{- end }}
