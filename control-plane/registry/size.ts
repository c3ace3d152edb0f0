/** Sizes in bytes as people write them. */
import { z } from "zod";

/** Reads `65536`, `512KiB`, `64MiB`, `1g`: units are powers of 1024. Undefined for anything else. */
export function parseSize(text: string): number | undefined {
	const match = /^(\d+)\s*(?:([kmg])(?:i?b)?|b)?$/i.exec(text.trim());
	if (match === null) return undefined;
	const unit = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ""] ?? 1;
	return Number(match[1]) * unit;
}

const MIB = 1024 ** 2;
const LEAST = 16 * MIB;
const MOST = 1024 * 1024 * MIB;
const RULE = "must be a size such as `512MiB` or `2GiB`, or a number of bytes; from 16 MiB to 1024 GiB.";

/** Memory of a process; parsed into bytes. */
export const memorySize = z
	.union([z.string({ error: RULE }), z.int({ error: RULE })], { error: RULE })
	.meta({
		title: "size",
		description:
			"`512MiB`, `2GiB`, or a number of bytes, from 16 MiB to 1024 GiB. `k`, `m` and `g` are powers of 1024.",
	})
	.transform((written) => (typeof written === "number" ? written : (parseSize(written) ?? 0)))
	.refine((bytes) => bytes >= LEAST && bytes <= MOST, { error: RULE });
