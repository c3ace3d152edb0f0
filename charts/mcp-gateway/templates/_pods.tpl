{{/*
What every container of ours may do: nothing. Takes the user's number. All of it is the container's, so that nobody has to
look in two places; the Pod Security level is `restricted`.
*/}}
{{- define "mcp-gateway.securityContext" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* Image of the control plane, its security context, and the place it may write to. */}}
{{- define "mcp-gateway.container" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "mcp-gateway.securityContext" 1000 }}
{{- end }}

{{/* What small containers of a moment get. */}}
{{- define "mcp-gateway.smallResources" -}}
resources:
  requests: {cpu: 50m, memory: 96Mi}
  limits: {memory: 256Mi}
{{- end }}

{{/* What all pods have in common. Takes the context. */}}
{{- define "mcp-gateway.pod" -}}
automountServiceAccountToken: {{ .token }}
enableServiceLinks: false
{{- with .context.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods of a component go: apart from each other where there is room. Takes the context and the component's values. */}}
{{- define "mcp-gateway.placement" -}}
topologySpreadConstraints:
  {{- range tuple "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "mcp-gateway.selector" (list $.context $.component) | nindent 8 }}
  {{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
