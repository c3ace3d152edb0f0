/**
 * Amounts as Kubernetes writes them, such as `500m`, `256Mi` and `1e3`, exactly: as floating point 0.7 is not 700m.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
import { z } from "zod";

/** Factors as powers: decimal ones of 10, binary ones of 2. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

const FORM = /^([+-]?)(\d+)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/**
 * Billionths of a core or of a byte that a quantity stands for; undefined where it is none. What is finer is rounded
 * up, as the API does.
 */
export function parseQuantity(text: string): bigint | undefined {
	const match = FORM.exec(text);
	const [, sign, whole = "", fraction = "", exponent, suffix = ""] = match ?? [];
	if (match === null || whole + fraction === "") return undefined;
	const power = 9 - fraction.length + (exponent === undefined ? (DECIMAL[suffix] ?? 0) : Number(exponent));
	const factor = 1n << BigInt(BINARY[suffix] ?? 0);
	const digits = BigInt(whole + fraction) * factor;
	const amount = power >= 0 ? digits * 10n ** BigInt(power) : roundedUp(digits, 10n ** BigInt(-power));
	return sign === "-" ? -amount : amount;
}

/** Whether the two stand for the same amount: `0.5` is `500m`, `1Gi` is `1024Mi`. */
export function sameQuantity(one: string, other: string): boolean {
	const amount = parseQuantity(one);
	return amount !== undefined && amount === parseQuantity(other);
}

function roundedUp(value: bigint, by: bigint): bigint {
	return (value + by - 1n) / by;
}

const ONE = 10n ** 9n;

const CPU_RULE =
	"must be an amount of CPU such as `250m` (a quarter of a core), `0.5` or `2`; from `1m` to 1000 cores.";
const isCpu = (text: string) => {
	const amount = parseQuantity(text);
	return amount !== undefined && amount >= ONE / 1000n && amount <= 1000n * ONE;
};

/** An amount of CPU; numbers become texts. */
export const cpuQuantity = z
	.union([z.string({ error: CPU_RULE }), z.number({ error: CPU_RULE })], { error: CPU_RULE })
	.meta({
		title: "amount of CPU",
		description: "As Kubernetes writes it: `250m` (a quarter of a core), `0.5` or `2`; from `1m` to 1000 cores.",
	})
	.transform(String)
	.refine(isCpu, { error: CPU_RULE });

const MEMORY_RULE =
	"must be an amount of memory with its unit, such as `256Mi` or `1Gi`; from 1 MiB on. (`m` would be thousandths of a byte.)";
const isMemory = (text: string) => (parseQuantity(text) ?? 0n) >= 1024n ** 2n * ONE;

/** An amount of memory. A number would be one of bytes, which nobody means who writes `512`. */
export const memoryQuantity = z
	.string({ error: MEMORY_RULE })
	.meta({
		title: "amount of memory",
		description: "As Kubernetes writes it, with a unit: `256Mi` or `1Gi`; from 1 MiB on.",
	})
	.refine(isMemory, { error: MEMORY_RULE });
