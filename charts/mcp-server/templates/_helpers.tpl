{{/* Labels that the pods are selected by; a Deployment's selector never changes. */}}
{{- define "mcp-server.selector" -}}
app.kubernetes.io/name: mcp-server
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Metadata of every object. All of them have the release's name. */}}
{{- define "mcp-server.metadata" -}}
name: {{ .Release.Name | quote }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "mcp-server.selector" . | nindent 2 }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
annotations:
  mcp-gateway/server: {{ include "mcp-server.id" . | quote }}
{{- end }}

{{- define "mcp-server.id" -}}
{{ .Values.id | default .Release.Name }}
{{- end }}

{{/* A variable's Secret, written as `secret/key` or as a map, as JSON. */}}
{{- define "mcp-server.secret" -}}
{{- if kindIs "string" . }}
{{- $parts := splitn "/" 2 . }}
{{- dict "name" $parts._0 "key" $parts._1 | toJson }}
{{- else }}
{{- . | toJson }}
{{- end }}
{{- end }}

{{/* Resources with every amount as text, as YAML. */}}
{{- define "mcp-server.resources" -}}
{{- $resources := dict }}
{{- range $kind, $amounts := .Values.resources }}
{{- $texts := dict }}
{{- range $name, $amount := $amounts }}
{{- $_ := set $texts $name (toString $amount) }}
{{- end }}
{{- $_ := set $resources $kind $texts }}
{{- end }}
{{- with $resources -}}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
A word of a stdio server's command as the bridge gets it: `$(NAME)` becomes the variable's value, or the bridge's own
placeholder for a secret; `$$(NAME)` are the characters.
*/}}
{{- define "mcp-server.word" -}}
{{- $word := .word | replace "$$(" "\u0001" }}
{{- range $name, $_ := .values.secrets }}
{{- $word = $word | replace (printf "$(%s)" $name) (printf "${%s}" $name) }}
{{- end }}
{{- range $name, $value := .values.env }}
{{- $word = $word | replace (printf "$(%s)" $name) $value }}
{{- end }}
{{- $word | replace "\u0001" "$(" }}
{{- end }}

{{/* Data of the ConfigMap, as JSON: the variables of an HTTP server, or the registry of a stdio server's bridge. */}}
{{- define "mcp-server.config" -}}
{{- $values := .Values }}
{{- if eq $values.transport "http" }}
{{- $values.env | toRawJson }}
{{- else }}
{{- if not $values.command }}
{{- fail "`command` is missing: the program of a stdio server must be named" }}
{{- end }}
{{- $cmd := list }}
{{- range concat $values.command $values.args }}
{{- $cmd = append $cmd (include "mcp-server.word" (dict "word" . "values" $values)) }}
{{- end }}
{{- $env := deepCopy $values.env }}
{{- range $name, $_ := $values.secrets }}
{{- $_ := set $env $name (printf "${%s}" $name) }}
{{- end }}
{{- $entry := dict "type" "stdio" "cmd" $cmd "env" $env }}
{{- with $values.pool }}
{{- $_ := set $entry "pool" . }}
{{- end }}
{{- dict "registry.json" (dict (include "mcp-server.id" .) $entry | toRawJson) | toRawJson }}
{{- end }}
{{- end }}
