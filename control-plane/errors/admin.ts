/** Every error of the admin API: its status, and what happened and what to do about it. Clients match on the name. */
export const adminErrors = {
	bad_request: { status: 400, message: "This request cannot be read." },
	unauthorized: {
		status: 401,
		message: "The admin API needs its token: send it as `Authorization: Bearer TOKEN`.",
	},
	host_denied: { status: 403, message: "On loopback the admin API answers to loopback names only." },
	origin_denied: { status: 403, message: "The admin API is not for web pages." },
	not_found: { status: 404, message: "The admin API has no such path. `GET /openapi.json` describes those it has." },
	unknown_server: { status: 404, message: "There is no server of this id in the registry." },
	method_not_allowed: { status: 405, message: "This path does not take this method. `Allow` lists those it takes." },
	not_acceptable: { status: 406, message: "This is to be had as JSON or YAML only." },
	request_timeout: { status: 408, message: "The request did not arrive within the time that there is for it." },
	not_scalable: {
		status: 409,
		message: "Only a server on Kubernetes that the gateway manages has pods to scale. Nothing was changed.",
	},
	precondition_failed: {
		status: 412,
		message: "The registry is not the one that `If-Match` names: it was changed meanwhile. Get it again, then repeat.",
	},
	body_too_large: { status: 413, message: "The body is larger than 32 MiB." },
	unsupported_media_type: {
		status: 415,
		message: "This Content-Type is not taken here. `Accept` lists those that are.",
	},
	registry_faulty: { status: 422, message: "The registry would be faulty. Nothing was changed." },
	precondition_required: {
		status: 428,
		message: "Send the ETag of the registry that you have seen as `If-Match`, so that no one's change is lost.",
	},
	headers_too_large: { status: 431, message: "The request's headers are larger than 16 KiB." },
	internal: { status: 500, message: "The gateway failed at this request. Its log tells why." },
	registry_unwritable: { status: 500, message: "The registry's file cannot be written. Nothing was changed." },
} as const satisfies Record<string, { readonly status: number; readonly message: string }>;

/** Stable, machine-readable name of an error of the admin API. */
export type AdminReason = keyof typeof adminErrors;
