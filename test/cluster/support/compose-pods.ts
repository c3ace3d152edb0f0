/** The services of compose.yaml as pods: same images, commands, users, variables, volumes and checks. See docs/adr/0032-compose.md */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { V1ConfigMap, V1Container, V1Pod, V1Service, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { version } from "../../../control-plane/cli/version.ts";
import { type Compose, type ComposeService, isOnce, type Mount } from "../../support/compose.ts";
import { ROOT } from "../../support/process.ts";

/** Any image with Node. */
const NODE_IMAGE = `mcp-gateway:${version()}`;

type Named = readonly [string, ComposeService];

/** A volume is in one pod: services that share one are containers of the same pod, and those that end come first. */
export function composePods(compose: Compose): readonly (V1ConfigMap | V1Pod | V1Service)[] {
	const services = Object.entries(compose.services);
	const pods = groupsOf(services).flatMap((group) => podsOf(services.filter((named) => group.includes(named))));
	const folders = new Set(services.flatMap(([, { volumes }]) => volumes.filter(isFolder).map(({ source }) => source)));
	return [...[...folders].map(configMapOf), ...services.filter(([, one]) => !isOnce(one)).map(serviceOf), ...pods];
}

/** The label of a pod in which a service is. */
export const composeLabel = (service: string) => `compose/${service}`;

const isFolder = ({ source }: Mount) => source.startsWith(".");

/** Services that share volumes, also by way of others. */
function groupsOf(services: readonly Named[]): readonly (readonly Named[])[] {
	const groups: Named[][] = [];
	for (const named of services) {
		const own = volumesOf([named]);
		const joined = groups.filter((group) => volumesOf(group).some((volume) => own.includes(volume)));
		const rest = groups.filter((group) => !joined.includes(group));
		groups.splice(0, groups.length, ...rest, [...joined.flat(), named]);
	}
	return groups;
}

const volumesOf = (group: readonly Named[]) =>
	group.flatMap(([, { volumes }]) => volumes.filter((mount) => !isFolder(mount)).map(({ source }) => source));

function podsOf(group: readonly Named[]): V1Pod[] {
	const lasting = group.filter(([, one]) => !isOnce(one));
	const [first = ""] = lasting.map(([name]) => name);
	const scale = Math.max(...group.map(([, one]) => one.scale));
	return Array.from({ length: scale }, (_, index) => ({
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name: scale === 1 ? first : `${first}-${index + 1}`,
			labels: Object.fromEntries(lasting.map(([name]) => [composeLabel(name), "true"])),
		},
		spec: {
			automountServiceAccountToken: false,
			enableServiceLinks: false,
			securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
			// In the file's order, which is that of what they need.
			initContainers: group.filter(([, one]) => isOnce(one)).flatMap((named) => [ownerOf(named), containerOf(named)]),
			containers: lasting.map(containerOf),
			volumes: [
				{ name: VOLUMES, emptyDir: {} },
				...new Map(group.flatMap(volumesOfService).map((volume) => [volume.name, volume])).values(),
			],
		},
	}));
}

/** All volumes of a pod, a folder each. */
const VOLUMES = "volumes";

/** Makes the folders of the volumes that a service writes to its own: Docker gives them the owner that its image says. */
function ownerOf(named: Named): V1Container {
	const [name, { volumes }] = named;
	const own = volumes.filter((mount) => !isFolder(mount) && !mount.readOnly).map(({ source }) => `/volumes/${source}`);
	const { image: _, command: __, args: ___, ...container } = containerOf(named);
	return {
		...container,
		name: `${name}-volumes`,
		image: NODE_IMAGE,
		command: ["node", "-e", "for (const path of process.argv.slice(1)) require('node:fs').mkdirSync(path)", ...own],
		volumeMounts: [{ name: VOLUMES, mountPath: "/volumes" }],
	};
}

function containerOf([name, service]: Named): V1Container {
	const [uid, gid] = service.user.split(":").map(Number);
	const [kind, ...check] = service.healthcheck?.test ?? [];
	return {
		name,
		image: service.image,
		imagePullPolicy: "IfNotPresent",
		...(service.entrypoint !== undefined && { command: [...service.entrypoint] }),
		// What Compose calls a command follows the image's entry point, as arguments do here.
		args: service.command.map((one) => one.replaceAll("$(", "$$(")),
		env: Object.entries(service.environment).map(([variable, value]) => ({ name: variable, value })),
		...(kind === "CMD" && { readinessProbe: { exec: { command: check }, periodSeconds: 2, timeoutSeconds: 5 } }),
		...(service.mem_limit !== undefined && { resources: { limits: { memory: service.mem_limit.replace("g", "Gi") } } }),
		securityContext: {
			...(uid !== undefined && { runAsUser: uid }),
			...(gid !== undefined && { runAsGroup: gid }),
			readOnlyRootFilesystem: service.read_only,
			allowPrivilegeEscalation: !service.security_opt.includes("no-new-privileges:true"),
			capabilities: { drop: service.cap_drop },
		},
		volumeMounts: [
			...service.volumes.map(
				(mount): V1VolumeMount => ({
					...(isFolder(mount) ? { name: nameOf(mount.source) } : { name: VOLUMES, subPath: mount.source }),
					mountPath: mount.target,
					readOnly: mount.readOnly,
				}),
			),
			...service.tmpfs.map((path): V1VolumeMount => ({ name: `tmp-${name}`, mountPath: path })),
		],
	};
}

function volumesOfService([name, { volumes, tmpfs }]: Named): V1Volume[] {
	return [
		...volumes
			.filter(isFolder)
			.map(({ source }): V1Volume => ({ name: nameOf(source), configMap: { name: nameOf(source) } })),
		...tmpfs.map((): V1Volume => ({ name: `tmp-${name}`, emptyDir: {} })),
	];
}

/** The name of a folder as one of Kubernetes. */
const nameOf = (source: string) => source.replace(/^\W+/, "").replaceAll("/", "-");

/** A folder of this machine, without the folders in it. */
function configMapOf(folder: string): V1ConfigMap {
	const names = readdirSync(join(ROOT, folder)).filter((name) => statSync(join(ROOT, folder, name)).isFile());
	const data = Object.fromEntries(names.map((name) => [name, readFileSync(join(ROOT, folder, name), "utf8")]));
	return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: nameOf(folder) }, data };
}

/** Docker's DNS gives the addresses of a service's containers, healthy or not. */
function serviceOf([name]: Named): V1Service {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name },
		spec: { clusterIP: "None", publishNotReadyAddresses: true, selector: { [composeLabel(name)]: "true" } },
	};
}
