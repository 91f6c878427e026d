{{- define "megarouter.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that select the pods of a component: (list . "gateway") */}}
{{- define "megarouter.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "megarouter.labels" -}}
{{- $root := index . 0 -}}
{{ include "megarouter.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{/* An image: (list . .Values.image.services) */}}
{{- define "megarouter.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- $name := $image.repository -}}
{{- if $root.Values.image.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" $root.Values.image.registry) $name }}{{ end -}}
{{- if $image.digest }}{{ printf "%s@%s" $name $image.digest }}{{ else }}{{ printf "%s:%s" $name (default $root.Chart.AppVersion $image.tag) }}{{ end -}}
{{- end }}

{{- define "megarouter.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "megarouter.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What every pod has: (list . "gateway" .Values.gateway) */}}
{{- define "megarouter.placement" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $values := index . 2 -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "megarouter.podSecurity" $root | nindent 2 }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "megarouter.nodes" $values | nindent 0 }}
{{- if $root.Values.topologySpread }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "megarouter.selector" (list $root $component) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* On which nodes a pod may run. */}}
{{- define "megarouter.nodes" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Kubernetes takes one of the two. */}}
{{- define "megarouter.disruptionBudget" -}}
{{- if hasKey . "minAvailable" }}
minAvailable: {{ .minAvailable }}
{{- else }}
maxUnavailable: {{ .maxUnavailable }}
{{- end }}
{{- end }}

{{/* A variable from a key of a Secret: (dict "name" … "secret" … "key" … "optional" true) */}}
{{- define "megarouter.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}
{{- end }}

{{/*
Settings of the values file: (list map variables), after the variables that the chart sets, rendered. A secret must not be among
them, because values are not secret; nor a variable of the chart, because Kubernetes refuses a name that comes twice.
*/}}
{{- define "megarouter.settings" -}}
{{- $set := index . 1 -}}
{{- range $name, $value := index . 0 }}
{{- if not (regexMatch "^(MEGAROUTER|OTEL)_[A-Z0-9_]+$" $name) }}{{ fail (printf "settings: %s is not a variable of MegaRouter or OpenTelemetry" $name) }}{{ end }}
{{- if regexMatch "(_KEY|_PEPPER|_SECRET|_URL|_PASSWORD)$" $name }}{{ fail (printf "settings: %s is a secret or has a value of its own: use `secrets` or `urls`" $name) }}{{ end }}
{{- if regexMatch (printf "name: %s(,|\\s|$)" $name) $set }}{{ fail (printf "settings: the chart sets %s itself: use the value for it, if there is one" $name) }}{{ end }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* Variables that each process has: (list . "authz") */}}
{{- define "megarouter.commonVariables" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.otlpEndpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- if $root.Values.authorities }}
- {name: SSL_CERT_FILE, value: /etc/megarouter/authorities/ca.crt}
{{- end }}
{{- end }}

{{/* Where a process that uses PostgreSQL reaches it besides its URL. */}}
{{- define "megarouter.databasePlaces" -}}
{{- with .Values.database.pooler }}
- {name: MEGAROUTER_DATABASE_POOLER, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* The certificate by which a process identifies itself to the databases: (list . "authz") */}}
{{- define "megarouter.certificateMount" -}}
{{- if index (index . 0).Values.serviceCertificates (index . 1) }}
- {name: certificate-{{ index . 1 }}, mountPath: /etc/megarouter/service-certificate, readOnly: true}
{{- end }}
{{- end }}

{{- define "megarouter.certificateVolume" -}}
{{- with index (index . 0).Values.serviceCertificates (index . 1) }}
- name: certificate-{{ index $ 1 }}
  secret: {secretName: {{ . }}, defaultMode: 288}
{{- end }}
{{- end }}

{{- define "megarouter.authoritiesMount" -}}
{{- if .Values.authorities }}
- {name: authorities, mountPath: /etc/megarouter/authorities, readOnly: true}
{{- end }}
{{- end }}

{{- define "megarouter.authoritiesVolume" -}}
{{- if .Values.authorities }}
- name: authorities
  configMap: {name: {{ .Values.authorities }}}
{{- end }}
{{- end }}

{{/* The probes of a service in Python: (dict "workers" 2 "readiness" true) */}}
{{- define "megarouter.probes" -}}
{{- $ask := list "python" "-m" "gateway_core.runtime.unix_sockets.health_probe" -}}
{{- $workers := list "--workers" (toString .workers) -}}
startupProbe:
  exec: {command: {{ concat $ask (list "--alive") $workers | toJson }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  exec: {command: {{ concat $ask (list "--alive") $workers | toJson }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
{{- if .readiness }}
readinessProbe:
  exec: {command: {{ concat $ask $workers | toJson }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}
{{- end }}
