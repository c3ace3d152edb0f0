{{/* Whether something from outside the cluster may come in. */}}
{{- define "mcp-gateway.exposed" -}}
{{- if or (ne .Values.service.type "ClusterIP") .Values.ingress.enabled .Values.httpRoute.enabled }}true{{ end }}
{{- end }}

{{/* Options that say who is let in, one a line. */}}
{{- define "mcp-gateway.authArgs" -}}
{{- if and .Values.tls.clientCa.secretName (not .Values.tls.secretName) }}
{{- fail "tls.clientCa asks clients for certificates, which needs tls.secretName too." }}
{{- end }}
{{- if .Values.auth.apiKeys.secretName }}
- --api-key-file=/api-keys/{{ .Values.auth.apiKeys.key }}
{{- else if not .Values.tls.clientCa.secretName }}
{{- if eq .Values.auth.anonymous "never" }}
{{- fail "auth.anonymous is never: name a Secret with API keys in auth.apiKeys.secretName, or one with an authority in tls.clientCa.secretName." }}
{{- end }}
{{- if and (eq .Values.auth.anonymous "cluster") (include "mcp-gateway.exposed" .) }}
{{- fail "The gateway would be open to everyone outside the cluster (by service.type, ingress or httpRoute). Name a Secret with API keys in auth.apiKeys.secretName, or say auth.anonymous: everywhere if something else protects it." }}
{{- end }}
- --insecure
{{- end }}
{{- if .Values.tls.secretName }}
- --tls-cert=/tls/tls.crt
- --tls-key=/tls/tls.key
{{- if .Values.tls.clientCa.secretName }}
- --tls-client-ca=/client-ca/{{ .Values.tls.clientCa.key }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mcp-gateway.scheme" -}}
{{- if .Values.tls.secretName }}https{{ else }}http{{ end }}
{{- end }}

{{- define "mcp-gateway.port" -}}
{{- .Values.service.port | default (ternary 443 80 (not (empty .Values.tls.secretName))) }}
{{- end }}

{{/* Where pods of the cluster reach the gateway. */}}
{{- define "mcp-gateway.url" -}}
{{ include "mcp-gateway.scheme" . }}://{{ include "mcp-gateway.release" . }}.{{ .Release.Namespace }}.svc:{{ include "mcp-gateway.port" . }}
{{- end }}
