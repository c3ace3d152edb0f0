/*
 * /mcp-bridge/mcp-gateway: starts our Node with the bundled bridge. Static, for an image may have no C library, no shell
 * and no Node. What the image or the pod has set for the server's loader, Node or OpenSSL (LD_PRELOAD, NODE_OPTIONS ...)
 * must not reach our Node, which has another C library; it is put aside under another name, and the bridge gives it to
 * the server under its own (variables.ts).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE "/mcp-bridge"

static const char prefix[] = "MCP_GATEWAY_ASIDE_";
static const char *const kinds[] = {"LD_", "NODE_", "GLIBC_TUNABLES=", "OPENSSL_CONF=", "OPENSSL_MODULES="};

static int put_aside(const char *variable) {
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(variable, kinds[i], strlen(kinds[i])) == 0) return 1;
	return 0;
}

int main(int argc, char **argv, char **env) {
	char **args = calloc(argc + 2, sizeof *args);
	if (args == NULL) return 1;
	args[0] = PLACE "/node";
	args[1] = PLACE "/mcp-gateway.cjs";
	for (int i = 1; i < argc; i++) args[i + 1] = argv[i];
	for (; *env != NULL; env++) {
		if (!put_aside(*env)) continue;
		char *renamed = malloc(sizeof prefix + strlen(*env));
		if (renamed == NULL) return 1;
		strcpy(renamed, prefix);
		strcat(renamed, *env);
		*env = renamed;
	}
	execv(args[0], args);
	perror("mcp-gateway: " PLACE "/node cannot be run");
	return 127;
}
