{{/* The image: by its digest if there is one, by its tag otherwise. */}}
{{- define "countersign.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end -}}
{{- end -}}
{{- end }}
