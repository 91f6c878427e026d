{{/* The pod of Envoy. A Deployment and a StatefulSet use the same one. */}}
{{- define "megarouter.gatewayPod" -}}
{{- $gateway := .Values.gateway -}}
{{- $services := include "megarouter.image" (list . .Values.image.services) -}}
metadata:
  labels:
    {{- include "megarouter.labels" (list . "gateway") | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: envoy
    {{- with $gateway.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "megarouter.placement" (list . "gateway" $gateway) | nindent 2 }}
  # The pause before, Envoy, which ends when its calls have ended, and then one service after the other, which settle what it reported.
  terminationGracePeriodSeconds: {{ add $gateway.drainGraceSeconds 5 15 40 }}
  initContainers:
    - name: configuration
      image: {{ $services }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [megarouter_envoy.gateway]
      env:
        - {name: MEGAROUTER_EDGE_SECRET_FILE, value: /etc/megarouter/edge/edge-secret}
        - {name: MEGAROUTER_CREDENTIALS_FOLDER, value: /etc/megarouter/credentials}
        - {name: MEGAROUTER_MODEL_URL, value: {{ .Values.urls.model | quote }}}
        - {name: MEGAROUTER_CONSOLE, value: {{ .Values.console.enabled | quote }}}
        {{- if .Values.console.enabled }}
        - {name: MEGAROUTER_SIGN_IN_PAGE_URL, value: "{{ .Values.urls.admin }}/console/sign-in"}
        {{- end }}
        {{- if .Values.reportSigning }}
        - {name: MEGAROUTER_REPORT_CERTIFICATE_FILE, value: /etc/megarouter/report-certificates/tls.crt}
        {{- end }}
        - {name: MEGAROUTER_AUTHZ_WORKERS, value: {{ $gateway.authzWorkers | quote }}}
        - {name: MEGAROUTER_RATELIMIT_WORKERS, value: {{ $gateway.ratelimitWorkers | quote }}}
        - {name: MEGAROUTER_DRAIN_GRACE_S, value: {{ $gateway.drainGraceSeconds | quote }}}
        - {name: MEGAROUTER_PUBLIC_ADDRESS, value: "0.0.0.0"}
        {{- if .Values.tls.secret }}
        - {name: MEGAROUTER_TLS_CERTIFICATE_FILE, value: /etc/megarouter/tls/tls.crt}
        - {name: MEGAROUTER_TLS_KEY_FILE, value: /etc/megarouter/tls/tls.key}
        {{- else if .Values.tls.behindProxy }}
        - {name: MEGAROUTER_ALLOW_PLAIN_HTTP, value: "true"}
        {{- else }}
        {{- fail "tls: set `secret`, or `behindProxy: true` if something in front ends TLS" }}
        {{- end }}
        {{- if .Values.tls.clientAuthorities }}
        - {name: MEGAROUTER_TLS_CLIENT_CA_FILE, value: /etc/megarouter/client-authorities/ca.crt}
        {{- end }}
        {{- if .Values.catalog }}
        - {name: MEGAROUTER_CATALOG_FILE, value: /etc/megarouter/catalog/catalog.yaml}
        {{- end }}
        {{- if .Values.identityProviders }}
        - {name: MEGAROUTER_IDENTITY_PROVIDERS_FILE, value: /etc/megarouter/identity-providers/identity-providers.yaml}
        {{- end }}
        {{- with .Values.allowedOrigins.admin }}
        - {name: MEGAROUTER_ADMIN_ALLOWED_ORIGINS, value: {{ . | quote }}}
        {{- end }}
        {{- with .Values.allowedOrigins.model }}
        - {name: MEGAROUTER_MODEL_ALLOWED_ORIGINS, value: {{ . | quote }}}
        {{- end }}
        - {name: MEGAROUTER_TRUSTED_HOPS, value: {{ .Values.frontProxies.trustedHops | quote }}}
        - {name: MEGAROUTER_PROXY_PROTOCOL, value: {{ .Values.frontProxies.proxyProtocol | quote }}}
        {{- include "megarouter.commonVariables" (list .) | nindent 8 }}
      resources:
        {{- toYaml $gateway.resources.configuration | nindent 8 }}
      securityContext:
        {{- include "megarouter.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: envoy, mountPath: /run/megarouter/envoy}
        {{- include "megarouter.envoyMounts" . | nindent 8 }}
        {{- include "megarouter.catalogMounts" . | nindent 8 }}
        {{- if .Values.reportSigning }}
        - {name: report-certificates, mountPath: /etc/megarouter/report-certificates, readOnly: true}
        {{- end }}
    {{- include "megarouter.sidecar" (dict "root" . "name" "usage" "workers" 1 "metrics" 9050) | nindent 4 }}
    {{- include "megarouter.sidecar" (dict "root" . "name" "ratelimit" "workers" $gateway.ratelimitWorkers "metrics" 9030) | nindent 4 }}
    {{- include "megarouter.sidecar" (dict "root" . "name" "admin" "workers" 1 "metrics" 9051) | nindent 4 }}
    {{- if .Values.token.enabled }}
    {{- include "megarouter.sidecar" (dict "root" . "name" "token" "workers" 1 "metrics" 9053) | nindent 4 }}
    {{- end }}
    {{- include "megarouter.sidecar" (dict "root" . "name" "authz" "workers" $gateway.authzWorkers "metrics" 9010 "readiness" true) | nindent 4 }}
  containers:
    - name: envoy
      image: {{ include "megarouter.image" (list . .Values.image.envoy) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --config-path
        - /run/megarouter/envoy/bootstrap.json
        - --concurrency
        - {{ $gateway.envoyThreads | quote }}
        - --disable-hot-restart
        - --drain-strategy
        - immediate
        - --drain-time-s
        - "15"
        - --file-flush-interval-msec
        - "100"
        - --log-level
        - warning
      {{- if .Values.authorities }}
      env:
        {{- include "megarouter.commonVariables" (list (dict "Values" (dict "authorities" .Values.authorities))) | nindent 8 }}
      {{- end }}
      ports:
        - {name: model, containerPort: 8443}
        - {name: admin, containerPort: 8444}
        - {name: envoy-metrics, containerPort: 9902}
      lifecycle:
        # Load balancers stop sending connections before Envoy stops accepting them.
        preStop: {exec: {command: [/bin/sleep, "5"]}}
      startupProbe:
        httpGet: {path: /ready, port: envoy-metrics}
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /ready, port: envoy-metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        tcpSocket: {port: model}
        periodSeconds: 5
        failureThreshold: 2
      resources:
        {{- toYaml $gateway.resources.envoy | nindent 8 }}
      securityContext:
        {{- include "megarouter.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: envoy, mountPath: /run/megarouter/envoy, readOnly: true}
        - {name: sockets, mountPath: /run/megarouter/sockets}
        - {name: journal, mountPath: /var/lib/megarouter/journal}
        {{- include "megarouter.envoyMounts" . | nindent 8 }}
  volumes:
    # A page of memory for each own key, of which there may be 10,000, and for each that was replaced a moment ago.
    - {name: envoy, emptyDir: {medium: Memory, sizeLimit: 128Mi}}
    - {name: sockets, emptyDir: {medium: Memory, sizeLimit: 4Mi}}
    - {name: temporary, emptyDir: {sizeLimit: 1Gi}}
    {{- if not $gateway.journal.persistent }}
    - {name: journal, emptyDir: {sizeLimit: {{ $gateway.journal.size }}}}
    {{- end }}
    - name: edge
      secret:
        secretName: {{ .Values.secrets.keys }}
        defaultMode: 288  # 0440
        items: [{key: edge-secret, path: edge-secret}]
    - name: credentials
      secret: {secretName: {{ .Values.secrets.credentials }}, defaultMode: 288}
    {{- with .Values.tls.secret }}
    - name: tls
      secret: {secretName: {{ . }}, defaultMode: 288}
    {{- end }}
    {{- with .Values.tls.clientAuthorities }}
    - name: client-authorities
      configMap: {name: {{ . }}}
    {{- end }}
    {{- with .Values.reportSigning }}
    # Only admin_service has the key. Envoy's configuration has the certificate, by which the console checks reports.
    - name: report-signing
      secret: {secretName: {{ . }}, defaultMode: 288}
    - name: report-certificates
      secret: {secretName: {{ . }}, defaultMode: 288, items: [{key: tls.crt, path: tls.crt}]}
    {{- end }}
    {{- with .Values.catalog }}
    - name: catalog
      configMap: {name: {{ . }}}
    {{- end }}
    {{- with .Values.identityProviders }}
    - name: identity-providers
      configMap: {name: {{ . }}}
    {{- end }}
    {{- range $service := list "authz" "ratelimit" "usage" "admin" }}
    {{- include "megarouter.certificateVolume" (list $ $service) | nindent 4 }}
    {{- end }}
    {{- include "megarouter.authoritiesVolume" . | nindent 4 }}
{{- end }}

{{/* What Envoy itself reads, and what its configuration is made from. */}}
{{- define "megarouter.envoyMounts" -}}
- {name: edge, mountPath: /etc/megarouter/edge, readOnly: true}
- {name: credentials, mountPath: /etc/megarouter/credentials, readOnly: true}
{{- if .Values.tls.secret }}
- {name: tls, mountPath: /etc/megarouter/tls, readOnly: true}
{{- end }}
{{- if .Values.tls.clientAuthorities }}
- {name: client-authorities, mountPath: /etc/megarouter/client-authorities, readOnly: true}
{{- end }}
{{- include "megarouter.authoritiesMount" . | nindent 0 }}
{{- end }}

{{- define "megarouter.catalogMounts" -}}
{{- if .Values.catalog }}
- {name: catalog, mountPath: /etc/megarouter/catalog, readOnly: true}
{{- end }}
{{- if .Values.identityProviders }}
- {name: identity-providers, mountPath: /etc/megarouter/identity-providers, readOnly: true}
{{- end }}
{{- end }}

{{/* A service beside Envoy. It starts before Envoy and stops after it. */}}
{{- define "megarouter.sidecar" -}}
{{- $root := .root -}}{{- $values := $root.Values -}}{{- $name := .name -}}
{{- $variables := include "megarouter.sidecarVariables" . -}}
- name: {{ $name }}
  image: {{ include "megarouter.image" (list $root $values.image.services) }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  restartPolicy: Always
  args: [{{ $name }}_service{{ if gt (int .workers) 1 }}, --workers, {{ .workers | quote }}{{ end }}]
  env:
    {{- $variables | nindent 4 }}
    {{- include "megarouter.settings" (list (index $values.gateway.settings $name) $variables) | nindent 4 }}
  ports:
    {{- range $worker := until (int .workers) }}
    - {name: {{ $name }}-{{ $worker }}, containerPort: {{ add $.metrics $worker }}}
    {{- end }}
  {{- include "megarouter.probes" (dict "workers" .workers "readiness" .readiness) | nindent 2 }}
  resources:
    {{- toYaml (index $values.gateway.resources $name) | nindent 4 }}
  securityContext:
    {{- include "megarouter.containerSecurity" $root | nindent 4 }}
  volumeMounts:
    - {name: sockets, mountPath: /run/megarouter/sockets}
    {{- if eq $name "usage" }}
    - {name: journal, mountPath: /var/lib/megarouter/journal}
    {{- end }}
    {{- if eq $name "token" }}
    - {name: envoy, mountPath: /run/megarouter/envoy}
    {{- end }}
    {{- if eq $name "admin" }}
    - {name: temporary, mountPath: /tmp}
    - {name: envoy, mountPath: /run/megarouter/envoy}
    {{- if $values.reportSigning }}
    - {name: report-signing, mountPath: /etc/megarouter/report-signing, readOnly: true}
    {{- end }}
    {{- include "megarouter.catalogMounts" $root | nindent 4 }}
    {{- end }}
    {{- if ne $name "token" }}
    {{- include "megarouter.certificateMount" (list $root $name) | nindent 4 }}
    {{- end }}
    {{- include "megarouter.authoritiesMount" $root | nindent 4 }}
{{- end }}

{{- define "megarouter.sidecarVariables" -}}
- {name: MEGAROUTER_LISTEN, value: "unix:/run/megarouter/sockets/{{ .name }}.sock"}
{{- if has .name (list "authz" "ratelimit") }}
- {name: MEGAROUTER_ENVOY_LISTEN, value: "unix:/run/megarouter/sockets/{{ .name }}-envoy.sock"}
{{- end }}
- {name: MEGAROUTER_METRICS_LISTEN, value: "0.0.0.0:{{ .metrics }}"}
{{- include (printf "megarouter.%sVariables" .name) .root | nindent 0 }}
{{- include "megarouter.commonVariables" (list .root) | nindent 0 }}
{{- end }}

{{- define "megarouter.redisVariable" -}}
{{ include "megarouter.secretVariable" (dict "name" "MEGAROUTER_REDIS_URL" "secret" .Values.secrets.redis "key" "url") }}
{{- end }}

{{- define "megarouter.databaseVariable" -}}
{{- $root := index . 0 -}}{{- $service := index . 1 -}}
{{ include "megarouter.secretVariable" (dict "name" (printf "MEGAROUTER_%s_DATABASE_URL" (upper $service)) "secret" $root.Values.secrets.database "key" (printf "%s-url" $service)) }}
{{- end }}

{{/* Keys of `secrets.keys` by variable; those of a replacement are optional: (list . "key-pepper" "next-key-pepper?") */}}
{{- define "megarouter.keyVariables" -}}
{{- $root := index . 0 -}}
{{- range $key := rest . }}
{{- $name := trimSuffix "?" $key }}
{{ include "megarouter.secretVariable" (dict "name" (printf "MEGAROUTER_%s" (upper (replace "-" "_" $name))) "secret" $root.Values.secrets.keys "key" $name "optional" (hasSuffix "?" $key)) }}
{{- end }}
{{- end }}

{{- define "megarouter.authzVariables" -}}
{{ include "megarouter.databaseVariable" (list . "authz") }}
{{- include "megarouter.databasePlaces" . }}
{{ include "megarouter.redisVariable" . }}
{{- include "megarouter.keyVariables" (list . "hold-signing-key" "key-pepper" "previous-key-pepper?" "next-key-pepper?") }}
{{- end }}

{{- define "megarouter.ratelimitVariables" -}}
{{ include "megarouter.redisVariable" . }}
{{- end }}

{{- define "megarouter.usageVariables" -}}
{{ include "megarouter.databaseVariable" (list . "usage") }}
{{- include "megarouter.databasePlaces" . }}
{{ include "megarouter.redisVariable" . }}
{{- include "megarouter.keyVariables" (list . "hold-signing-key" "previous-hold-signing-key?") }}
- {name: MEGAROUTER_JOURNAL_FILE, value: /var/lib/megarouter/journal/usage.log}
- {name: MEGAROUTER_ENVOY_ADMIN_URL, value: "unix:/run/megarouter/sockets/envoy-admin.sock"}
- {name: MEGAROUTER_SHUTDOWN_GRACE_MS, value: "20000"}
{{- end }}

{{- define "megarouter.adminVariables" -}}
{{ include "megarouter.databaseVariable" (list . "admin") }}
{{- include "megarouter.databasePlaces" . }}
{{- with .Values.database.replica }}
- {name: MEGAROUTER_DATABASE_REPLICA, value: {{ . | quote }}}
{{- end }}
{{ include "megarouter.redisVariable" . }}
{{- include "megarouter.keyVariables" (list . "key-pepper" "previous-key-pepper?" "next-key-pepper?" "edge-secret" "previous-edge-secret?" "channel-key" "previous-channel-key?" "credential-key?" "previous-credential-key?") }}
- {name: MEGAROUTER_CATALOG_FILE, value: {{ if .Values.catalog }}/etc/megarouter/catalog/catalog.yaml{{ else }}/opt/megarouter/app/deploy/catalog/catalog.yaml{{ end }}}
- {name: MEGAROUTER_DISCOVERY_LISTEN, value: "unix:/run/megarouter/sockets/discovery.sock"}
- {name: MEGAROUTER_LIVE_FOLDER, value: /run/megarouter/envoy/live}
- {name: MEGAROUTER_MODEL_URL, value: {{ .Values.urls.model | quote }}}
{{- if .Values.console.enabled }}
- {name: MEGAROUTER_INVITE_PAGE_URL, value: "{{ .Values.urls.admin }}/console/invite"}
- {name: MEGAROUTER_SIGN_IN_PAGE_URL, value: "{{ .Values.urls.admin }}/console/sign-in"}
- {name: MEGAROUTER_REPORT_PAGE_URL, value: "{{ .Values.urls.admin }}/console/report"}
{{- else }}
- {name: MEGAROUTER_INVITE_PAGE_URL, value: "{{ .Values.urls.admin }}/invites"}
{{- end }}
{{- if .Values.reportSigning }}
- {name: MEGAROUTER_REPORT_KEY_FILE, value: /etc/megarouter/report-signing/tls.key}
- {name: MEGAROUTER_REPORT_CERTIFICATE_FILE, value: /etc/megarouter/report-signing/tls.crt}
{{- end }}
{{- with .Values.operators }}
- {name: MEGAROUTER_OPERATORS, value: {{ . | quote }}}
{{- end }}
{{- if .Values.identityProviders }}
- {name: MEGAROUTER_IDENTITY_PROVIDERS_FILE, value: /etc/megarouter/identity-providers/identity-providers.yaml}
{{- end }}
{{- end }}

{{- define "megarouter.tokenVariables" -}}
- {name: MEGAROUTER_TOKEN_SOURCES_FILE, value: /run/megarouter/envoy/token-sources.json}
{{- end }}
