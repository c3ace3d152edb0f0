/** What an object of the cluster lacks of the one that is wanted. */
import { isDeepStrictEqual } from "node:util";
import { sameQuantity } from "../../registry/quantity.ts";

/** A field that is not as it is wanted. */
export interface Difference {
	/** As in `spec.template.spec.containers[name=server].image`. */
	readonly path: string;
	/** What is there instead; undefined where there is nothing. */
	readonly actual: unknown;
}

/** Maps whose values are quantities, and the field that is one. */
const QUANTITIES = /(?:\.(?:limits|requests)\.[^.]+|\.(?:sizeLimit|averageValue))$/;

/** What the API server merges lists of maps by, the first of these that all items have. */
const KEYS = ["name", "mountPath", "containerPort", "port"] as const;

/**
 * The fields of `desired` that `actual` does not have the same. What only `actual` has is its own affair: defaults of the
 * API server, fields of other managers. Amounts are compared by what they stand for. Pure.
 */
export function differences(desired: unknown, actual: unknown, path = ""): readonly Difference[] {
	if (isNothing(desired)) return [];
	if (Array.isArray(desired)) return listDifferences(desired, actual, path);
	if (isMap(desired)) {
		if (actual !== undefined && !isMap(actual)) return [{ path, actual }];
		// An empty map may mean something by being there, as in `emptyDir: {}`.
		if (Object.keys(desired).length === 0) return isMap(actual) || MAY_GO.test(path) ? [] : [{ path, actual }];
		const there = isMap(actual) ? actual : {};
		return Object.entries(desired).flatMap(([key, value]) => differences(value, there[key], `${path}.${key}`));
	}
	// An empty text is dropped, as in the variable that is there and empty.
	if (Object.is(desired, actual) || (desired === "" && actual === undefined)) return [];
	if (QUANTITIES.test(path) && sameQuantity(String(desired), String(actual))) return [];
	return [{ path, actual }];
}

/** Maps that the API server drops where they are empty, since they hold nothing but what is in them. */
const MAY_GO = /\.(?:labels|annotations|nodeSelector|data|limits|requests|matchLabels)$/;

function listDifferences(desired: readonly unknown[], actual: unknown, path: string): readonly Difference[] {
	if (desired.length === 0) return isNothing(actual) || isDeepStrictEqual(actual, []) ? [] : [{ path, actual }];
	if (!Array.isArray(actual)) return [{ path, actual }];
	const key = KEYS.find((name) => desired.every((item) => isMap(item) && item[name] !== undefined));
	if (key === undefined) {
		if (actual.length !== desired.length) return [{ path, actual }];
		return desired.flatMap((item, index) => differences(item, actual[index], `${path}[${index}]`));
	}
	return desired.flatMap((item) => {
		const value = isMap(item) ? item[key] : undefined;
		const same = actual.find((one) => isMap(one) && one[key] === value);
		return differences(item, same, `${path}[${key}=${value}]`);
	});
}

function isNothing(value: unknown): value is undefined | null {
	return value === undefined || value === null;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
