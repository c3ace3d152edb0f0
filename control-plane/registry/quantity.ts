/** CPU and memory as Kubernetes writes them: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
import { z } from "zod";

const FORM = /^(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,2})|(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
const DECIMAL = ["k", "M", "G", "T", "P", "E"];
const BINARY = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

function factor(suffix: string | undefined): number {
	if (suffix === undefined) return 1;
	if (suffix === "m") return 1 / 1000;
	return DECIMAL.includes(suffix) ? 1000 ** (DECIMAL.indexOf(suffix) + 1) : 1024 ** (BINARY.indexOf(suffix) + 1);
}

/** Cores or bytes that a quantity stands for; undefined where it is none. */
export function parseQuantity(text: string): number | undefined {
	const match = FORM.exec(text);
	if (match === null) return undefined;
	const [, digits, exponent, suffix] = match;
	return Number(digits) * (exponent === undefined ? factor(suffix) : 10 ** Number(exponent));
}

const CPU_RULE =
	"must be an amount of CPU such as `250m` (a quarter of a core), `0.5` or `2`; from `1m` to 1000 cores.";
const isCpu = (text: string) => {
	const cores = parseQuantity(text);
	return cores !== undefined && cores >= 0.001 && cores <= 1000;
};

/** An amount of CPU; numbers become texts. */
export const cpuQuantity = z
	.union([z.string({ error: CPU_RULE }), z.number({ error: CPU_RULE })], { error: CPU_RULE })
	.transform(String)
	.refine(isCpu, { error: CPU_RULE });

const MEMORY_RULE =
	"must be an amount of memory with its unit, such as `256Mi` or `1Gi`; from 1 MiB on. (`m` would be thousandths of a byte.)";
const isMemory = (text: string) => (parseQuantity(text) ?? 0) >= 1024 ** 2;

/** An amount of memory. A number would be one of bytes, which nobody means who writes `512`. */
export const memoryQuantity = z.string({ error: MEMORY_RULE }).refine(isMemory, { error: MEMORY_RULE });
