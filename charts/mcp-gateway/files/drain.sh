# Run by Kubernetes before Envoy's container is told to end: drain.sh SECONDS
# Envoy closes each connection with its next answer, which leads clients elsewhere, and takes new ones meanwhile: nodes
# hear of it late. After five seconds it may end as soon as nothing is in flight, after SECONDS in any case. Nothing but
# bash is needed.
ask() {
	exec 3<>/dev/tcp/127.0.0.1/9901 || return
	printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" "$2" >&3
	while IFS= read -r line <&3 || [ -n "$line" ]; do printf '%s\n' "$line"; done
	exec 3>&-
}
ask POST /healthcheck/fail >/dev/null
while ((SECONDS < $1)); do
	if ((SECONDS >= 5)) && ! [[ $(ask GET '/stats?filter=^http.mcp.downstream_rq_active$') =~ active:\ [1-9] ]]; then break; fi
	sleep 1
done
