#!/server/busybox sh
# A stdio MCP server for an image that holds nothing but a static program: no C library, no Node, no /bin/sh. `whoami`
# and every other tool answer with the pod's name and the process.
echo "bare server started" >&2
while IFS= read -r line; do
	case $line in *'"id":'*) ;; *) continue ;; esac
	id=${line#*\"id\":}
	id=${id%%[,\}]*}
	case $line in
	*'"method":"initialize"'*)
		result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bare","version":"1"}}' ;;
	*'"method":"tools/list"'*) result='{"tools":[{"name":"whoami","inputSchema":{"type":"object"}}]}' ;;
	*'"method":"tools/call"'*)
		result="{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"pod\\\":\\\"$HOSTNAME\\\",\\\"pid\\\":$$}\"}]}" ;;
	*)
		printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}\n' "$id"
		continue ;;
	esac
	printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
