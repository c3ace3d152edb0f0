/** `docs/reference/errors.md`: every error that the gateway makes, from the two catalogues. */
import { adminErrors } from "../../../control-plane/errors/admin.ts";
import { catalogue, errorBody } from "../../../control-plane/errors/catalogue.ts";
import { block, code, head, page, table } from "./markdown.ts";

/** The whole page. */
export function errorsPage(): string {
	const byStatus = Object.entries(catalogue).toSorted(([, one], [, other]) => one.status - other.status);
	const example = errorBody("no_healthy_replica", { id: 7, server: "search", requestId: "5f0c2b1e" });
	return page(
		head("Errors", "the gateway's catalogues of errors"),
		"## Of the gateway",
		"Every error of the gateway is a JSON-RPC error response. `id` is the request's, or null where the gateway has not read " +
			"it; `data.requestId` is in the access log. `data.detail`, where it is there, says more " +
			"about this very case. Programs match on `data.reason`. Errors of the servers themselves pass untouched.",
		block("text", JSON.stringify(example, null, 2)),
		table(
			["status", "reason", "code", "what happened, what to do"],
			byStatus.map(([reason, { status, code: number, message }]) => [
				String(status),
				code(reason),
				String(number),
				message,
			]),
		),
		"## Of the admin API",
		'The admin API answers `{"error": REASON, "message": …}`, with `errors`, each with its line and column, where a registry was ' +
			"refused. `GET /openapi.json` of the admin API describes them.",
		table(
			["status", "reason", "what happened, what to do"],
			Object.entries(adminErrors).map(([reason, { status, message }]) => [String(status), code(reason), message]),
		),
	);
}
