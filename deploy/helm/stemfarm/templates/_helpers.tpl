{{/* The release's name for a part: RELEASE-stemfarm-PART, at most 63 characters. */}}
{{- define "stemfarm.name" -}}
{{- $base := ternary .root.Release.Name (printf "%s-%s" .root.Release.Name .root.Chart.Name) (contains .root.Chart.Name .root.Release.Name) -}}
{{- printf "%s-%s" ($base | trunc 48 | trimSuffix "-") .part -}}
{{- end -}}

{{- define "stemfarm.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "stemfarm.labels" -}}
{{ include "stemfarm.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "stemfarm.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "stemfarm.secret" -}}
{{- .Values.secrets.existingSecret | default (include "stemfarm.name" (dict "root" . "part" "secrets")) -}}
{{- end -}}

{{- define "stemfarm.claim" -}}
{{- .Values.shared.existingClaim | default (include "stemfarm.name" (dict "root" . "part" "shared")) -}}
{{- end -}}

{{/* A variable out of the secret. */}}
{{- define "stemfarm.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "stemfarm.secret" .root }}
      key: {{ .key }}
{{- end -}}

{{/* What scheduler and workers are told. */}}
{{- define "stemfarm.env" -}}
{{ include "stemfarm.fromSecret" (dict "root" . "name" "FARM_LEDGER_URL" "key" "ledger-url") }}
{{ include "stemfarm.fromSecret" (dict "root" . "name" "FARM_BROKER_URL" "key" "broker-url") }}
{{- range $name, $value := .Values.extraEnv }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "stemfarm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
