import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { createGzip } from "node:zlib";

/** Bytes of a layer as it lies on a node, and as a registry sends it. */
export interface LayerSize {
	readonly unpacked: number;
	/** By gzip at its default level, which is what builders push. */
	readonly packed: number;
}

/** Layers of an image by their names in the archive, which are made from what they hold: two images may share some. */
export type ImageLayers = ReadonlyMap<string, LayerSize>;

/** @param archive A docker-archive, https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format */
export async function imageLayers(archive: string): Promise<ImageLayers> {
	const manifest = JSON.parse(await text(member(archive, "manifest.json"))) as { Layers: readonly string[] }[];
	const layers = new Map<string, LayerSize>();
	for (const name of manifest[0]?.Layers ?? []) layers.set(name, await layerSize(archive, name));
	return layers;
}

/** Bytes of these layers, without those that another image has too. */
export function sizeOf(layers: ImageLayers, without: ImageLayers = new Map()): LayerSize {
	const own = [...layers].filter(([name]) => !without.has(name)).map(([, size]) => size);
	return {
		unpacked: own.reduce((sum, { unpacked }) => sum + unpacked, 0),
		packed: own.reduce((sum, { packed }) => sum + packed, 0),
	};
}

async function layerSize(archive: string, name: string): Promise<LayerSize> {
	let [unpacked, packed] = [0, 0];
	const gzip = createGzip();
	gzip.on("data", (part: Buffer) => {
		packed += part.length;
	});
	const layer = member(archive, name);
	layer.on("data", (part: Buffer) => {
		unpacked += part.length;
	});
	layer.pipe(gzip);
	await once(gzip, "end");
	return { unpacked, packed };
}

/** A file in a tar archive. */
function member(archive: string, name: string) {
	return spawn("tar", ["-xOf", archive, name], { stdio: ["ignore", "pipe", "inherit"] }).stdout;
}
