/** Carries out the actions of one server, one after the other. */
import type { Logger } from "pino";
import { ApiFault, type ApiRequest } from "../api-server.ts";
import type { Condition } from "../contract.ts";
import type { AppliedObjects } from "./applied.ts";
import { NameClash, Outdated, perform } from "./apply.ts";
import { askedBy, conditionOf, isNamespaceMissing } from "./conditions.ts";
import { refText } from "./object-ref.ts";
import type { Owner } from "./owner.ts";
import type { Action } from "./plan.ts";

export interface CarryOutDeps {
	readonly request: ApiRequest;
	readonly owner: Owner;
	readonly applied: AppliedObjects;
	readonly log: Logger;
	/** Aborted: what is under way is given up, and nothing more is written. */
	readonly signal: AbortSignal;
	/**
	 * Asked before each request, since a process that stood still goes on with the answers that came meanwhile: only then
	 * do timers tell that the Lease is lost.
	 */
	readonly mayWrite: () => boolean;
	/** Id of the server; undefined for what is left of one that is gone. */
	readonly server: string | undefined;
}

export interface Outcome {
	readonly conditions: readonly Condition[];
	/**
	 * `outdated`: the watches will soon tell more; `busy`: the API server cannot be asked now; `refused`: a person has to
	 * repair something. Undefined: nothing failed.
	 */
	readonly failure: "outdated" | "busy" | "refused" | undefined;
	/** Nothing is to be tried again before that. Milliseconds; undefined where nobody said so. */
	readonly waitMs: number | undefined;
}

/** An action that fails holds up those that need what it makes, and no others. */
export async function carryOut(actions: readonly Action[], deps: CarryOutDeps): Promise<Outcome> {
	const conditions: Condition[] = [];
	const failed = new Set<string>();
	let failure: Outcome["failure"];
	let waitMs: number | undefined;
	const wait = (ms: number | undefined) => {
		if (ms !== undefined) waitMs = Math.max(waitMs ?? 0, ms);
	};
	const todo = [...actions];
	for (let action = todo.shift(); action !== undefined; action = todo.shift()) {
		if (deps.signal.aborted || !deps.mayWrite()) break;
		// Pods of a new template must not be made with the variables of the old one.
		if (action.ref.kind === "Deployment" && failed.has("ConfigMap")) continue;
		const contest = "object" in action ? deps.applied.waitMs(action.ref, action.object) : 0;
		if (contest > 0) {
			wait(contest);
			conditions.push(contested(action));
			continue;
		}
		try {
			const next = await perform(action, deps);
			tell(action, deps);
			if (next !== undefined) todo.unshift(next);
		} catch (error) {
			if (deps.signal.aborted) break;
			if (error instanceof NameClash && action.does === "delete") {
				// It only looks like one of ours: nothing of the server is amiss, and nothing is to be tried again.
				deps.log.info({ event: "not_ours", object: refText(action.ref) }, `${error.message}: left alone`);
				continue;
			}
			failed.add(action.ref.kind);
			const busy = error instanceof ApiFault && isBusy(error);
			failure = error instanceof Outdated ? (failure ?? "outdated") : busy ? "busy" : "refused";
			const condition = conditionOf(error, askedBy(action));
			if (condition !== undefined) conditions.push(condition);
			if (error instanceof ApiFault) wait(error.retryAfterMs);
			// Nothing else would come to anything either.
			if (busy || isNamespaceMissing(error)) break;
		}
	}
	const unlike = new Map(conditions.map((condition) => [condition.message, condition]));
	return { conditions: [...unlike.values()], failure, waitMs };
}

/** Whether the same request may succeed in a moment: the API server was not reached, throttles, or failed by itself. */
export function isBusy({ status }: ApiFault): boolean {
	return status === 0 || status === 429 || status >= 500;
}

function contested(action: Action): Condition {
	const object = refText(action.ref);
	const fields = action.does === "apply" ? action.fields.slice(0, 3).join(", ") : "";
	const undone =
		action.does === "create"
			? `removes ${object} each time`
			: `changes ${object} back each time: ${fields || "what the gateway has applied"}`;
	return { reason: "contested", message: `Something else ${undone}. The gateway applies it only now and then.` };
}

function tell(action: Action, { log, server }: CarryOutDeps): void {
	const object = refText(action.ref);
	const fields = { event: `kubernetes_${action.does}`, object, ...(server === undefined ? {} : { server }) };
	if (action.does === "create") log.info(fields, `created ${object}`);
	else if (action.does === "apply") log.info({ ...fields, fields: action.fields.slice(0, 20) }, `changed ${object}`);
	else if (action.does === "scale") log.info({ ...fields, replicas: action.replicas }, `scaled ${object}`);
	else log.info(fields, `deleted ${object}`);
}
