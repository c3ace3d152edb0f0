{{/* Namespaces of servers, as a JSON list; [] stands for all. */}}
{{- define "mcp-gateway.namespaces" -}}
{{- $named := .Values.kubernetes.namespaces | uniq }}
{{- if has "*" $named }}
{{- if gt (len $named) 1 }}{{ fail "kubernetes.namespaces: \"*\" stands alone." }}{{ end }}
{{- list | toJson }}
{{- else }}
{{- $named | default (list .Release.Namespace) | sortAlpha | toJson }}
{{- end }}
{{- end }}

{{/* What a control plane does in a namespace of servers. */}}
{{- define "mcp-gateway.serverRules" -}}
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{- end }}

{{/* What `mcp-gateway cleanup` does there. */}}
{{- define "mcp-gateway.cleanupRules" -}}
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list]
{{- end }}

{{/*
A role and who has it, as two documents. Takes `metadata` (a YAML text without kind), `cluster`, `rules` (a YAML text) and
`subject` with `namespace`.
*/}}
{{- define "mcp-gateway.grant" -}}
{{- $kind := ternary "ClusterRole" "Role" .cluster -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  {{- .metadata | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  {{- .metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .role }}
subjects:
  - kind: ServiceAccount
    name: {{ .subject }}
    namespace: {{ .namespace }}
{{- end }}
