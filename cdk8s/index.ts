/** Constructs for cdk8s apps: the gateway, and servers on Kubernetes. */
export { InvalidProps } from "./installation/installation.ts";
export { McpGateway, type McpGatewayProps } from "./mcp-gateway.ts";
export { McpServer, type McpServerProps } from "./mcp-server.ts";
