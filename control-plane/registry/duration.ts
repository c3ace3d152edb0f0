/** Durations as a registry file writes them. */
import { z } from "zod";

/** The longest that a timer of Node takes, about 24 days. */
const MAX_MS = 2 ** 31 - 1;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const RULE = "must be a duration such as `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.";

function toMs(written: string | number): number {
	const [, digits, unit] = typeof written === "number" ? ["", written, "s"] : (/^([\d.]+)(\D*)$/.exec(written) ?? []);
	const ms = Number(digits) * (UNITS[unit || "s"] ?? Number.NaN);
	// What is shorter than a millisecond must not become 0, which is "off".
	return ms > 0 ? Math.max(1, Math.round(ms)) : ms;
}

/** A duration, `0` included; parsed into milliseconds. */
export const duration = z
	.union(
		[
			z.string().regex(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h)|0)$/, { error: RULE }),
			z.number({ error: RULE }).min(0, { error: RULE }),
		],
		{ error: RULE },
	)
	.meta({
		title: "duration",
		description: "A number with its unit, `500ms`, `5s`, `2m` or `1h`, or a number of seconds; 24 days at the most.",
	})
	.transform(toMs)
	.refine((ms) => ms <= MAX_MS, { error: RULE });

/** A duration of more than nothing; parsed into milliseconds. */
export const positiveDuration = duration.refine((ms) => ms > 0, {
	error: "must be longer than 0, for example `5s`.",
});
