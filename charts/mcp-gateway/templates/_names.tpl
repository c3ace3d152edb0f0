{{/* The release's name, which all names begin with. */}}
{{- define "mcp-gateway.release" -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$" .Release.Name) }}
{{- fail (printf "The release's name %q does not do: lower case letters, digits and -, 40 at most, a letter first." .Release.Name) }}
{{- end }}
{{- .Release.Name }}
{{- end }}

{{- define "mcp-gateway.gatewayName" -}}
{{- .Values.kubernetes.gatewayName | default (include "mcp-gateway.release" .) }}
{{- end }}

{{- define "mcp-gateway.registryName" -}}
{{- .Values.existingRegistry | default (printf "%s-registry" (include "mcp-gateway.release" .)) }}
{{- end }}

{{/* Labels that pods of a component are selected by. Takes a list of the context and the component. */}}
{{- define "mcp-gateway.selector" -}}
{{- $component := index . 1 -}}
app.kubernetes.io/name: mcp-gateway
app.kubernetes.io/instance: {{ include "mcp-gateway.release" (index . 0) }}
app.kubernetes.io/component: {{ $component }}
{{- end }}

{{/* Labels of an object, or of a pod. */}}
{{- define "mcp-gateway.labels" -}}
{{- $context := index . 0 -}}
{{ include "mcp-gateway.selector" . }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
app.kubernetes.io/part-of: mcp-gateway
{{- end }}

{{/*
Metadata of an object in the release's namespace. Takes a list of the context, the component and what follows the
release's name in the object's.
*/}}
{{- define "mcp-gateway.metadata" -}}
{{- $context := index . 0 -}}
name: {{ include "mcp-gateway.release" $context }}{{ index . 2 }}
namespace: {{ $context.Release.Namespace }}
labels:
  {{- include "mcp-gateway.labels" . | nindent 2 }}
  helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" }}
{{- end }}
