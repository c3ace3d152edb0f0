/** Kubernetes' amounts, such as `500m`, `256Mi` and `1e3`, compared exactly: as floating point 0.7 is not 700m. */

/** Factors as powers: decimal ones of 10, binary ones of 2. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const FORM = /^([+-]?)(\d+)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/** The amount in billionths, exact, or undefined where the text is no quantity. What is finer is rounded up, as the API does. */
function amountOf(text: string): bigint | undefined {
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
	const amount = amountOf(one);
	return amount !== undefined && amount === amountOf(other);
}

function roundedUp(value: bigint, by: bigint): bigint {
	return (value + by - 1n) / by;
}
