import protobuf from "protobufjs";
import type { Json, Message } from "./message.ts";
import { protoRoot } from "./protos.ts";

/**
 * JSON form to protobuf bytes, strictly: protobufjs alone drops unknown fields and enum values without a word
 * (and its `verify` misses them), which would turn a misspelt setting into a silently missing one.
 */

/** A message that does not fit its type; `path` names the field, e.g. `Cluster.lb_policy`. */
export class EncodeError extends Error {
	readonly path: string;
	constructor(path: string, problem: string) {
		super(`${path}: ${problem}`);
		this.name = "EncodeError";
		this.path = path;
	}
}

/** Least and greatest value of the integer types; 64 bits only as far as a JSON number is exact. */
const integerRanges: Readonly<Record<string, readonly [number, number]>> = {
	int32: [-0x80000000, 0x7fffffff],
	sint32: [-0x80000000, 0x7fffffff],
	sfixed32: [-0x80000000, 0x7fffffff],
	uint32: [0, 0xffffffff],
	fixed32: [0, 0xffffffff],
	int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
	sint64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
	sfixed64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
	uint64: [0, Number.MAX_SAFE_INTEGER],
	fixed64: [0, Number.MAX_SAFE_INTEGER],
};

/**
 * Bytes of `message` as type `typeName` (e.g. `envoy.config.cluster.v3.Cluster`).
 * @param path How errors name the message; its type where left out.
 * @throws EncodeError for an unknown field, type or enum value, or a value of the wrong kind.
 */
export function encode(typeName: string, message: Message, path?: string): Buffer {
	const type = lookup(typeName, path ?? typeName);
	return Buffer.from(type.encode(type.fromObject(toObject(type, message, path ?? type.name))).finish());
}

/** The `{type_url, value}` of an Any from its JSON form, as sent in discovery responses. */
export function encodeAny(message: Message, path = "Any"): { type_url: string; value: Buffer } {
	const { "@type": typeUrl, ...fields } = message;
	if (typeof typeUrl !== "string") throw new EncodeError(path, "an Any needs a string @type");
	return { type_url: typeUrl, value: encode(typeUrl.slice(typeUrl.lastIndexOf("/") + 1), fields, path) };
}

/** Types by name: looking one up walks the packages. */
const types = new Map<string, protobuf.Type>();

function lookup(typeName: string, path: string): protobuf.Type {
	const known = types.get(typeName);
	if (known !== undefined) return known;
	const found = protoRoot().lookup(typeName, [protobuf.Type]);
	if (!(found instanceof protobuf.Type)) throw new EncodeError(path, `unknown message type ${typeName}`);
	types.set(typeName, found);
	return found;
}

function isMessage(value: Json | undefined): value is Message {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Plain = Record<string, unknown>;

/** Turns the JSON form of one message into the object that protobufjs encodes, checking every field on the way. */
function toObject(type: protobuf.Type, message: Message, path: string): Plain {
	const object: Plain = {};
	const oneofs = new Map<string, string>();
	for (const [name, value] of Object.entries(message)) {
		if (value === undefined) continue;
		const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
		const fieldPath = `${path}.${name}`;
		if (field === undefined) throw new EncodeError(fieldPath, `${type.fullName} has no such field`);
		const oneof = field.partOf?.name;
		if (oneof !== undefined) {
			const other = oneofs.get(oneof);
			if (other !== undefined) throw new EncodeError(fieldPath, `excludes ${other}: both belong to ${oneof}`);
			oneofs.set(oneof, name);
		}
		object[name] = fieldValue(field, value, fieldPath);
	}
	return object;
}

function fieldValue(field: protobuf.Field, value: Json, path: string): unknown {
	if (field instanceof protobuf.MapField) {
		if (!isMessage(value)) throw new EncodeError(path, "needs an object");
		return Object.fromEntries(
			Object.entries(value).map(([key, item]) => [key, singleValue(field, item ?? null, `${path}[${key}]`)]),
		);
	}
	if (field.repeated) {
		if (!Array.isArray(value)) throw new EncodeError(path, "needs a list");
		return value.map((item: Json, index) => singleValue(field, item, `${path}[${index}]`));
	}
	return singleValue(field, value, path);
}

function singleValue(field: protobuf.Field, value: Json, path: string): unknown {
	const type = field.resolvedType;
	if (type instanceof protobuf.Enum) {
		if (typeof value !== "string" || !Object.hasOwn(type.values, value)) {
			throw new EncodeError(path, `${JSON.stringify(value)} is no value of ${type.fullName}`);
		}
		return type.values[value];
	}
	if (type instanceof protobuf.Type) return messageValue(type, value, path);
	return scalarValue(field.type, value, path);
}

/** Writes a message of a type whose JSON form is not that of its fields. */
type OwnForm = (value: Json, path: string) => unknown;

const ownForms: Readonly<Record<string, OwnForm>> = {
	".google.protobuf.Any": (value, path) => {
		if (!isMessage(value)) throw new EncodeError(path, "an Any needs an object with @type");
		return encodeAny(value, path);
	},
	".google.protobuf.Duration": parseDuration,
	".google.protobuf.Struct": struct,
	".google.protobuf.Value": structValue,
};

/** By type; protobufjs puts a type's full name together each time that it is asked. */
const formOfType = new Map<protobuf.Type, OwnForm | undefined>();

function ownForm(type: protobuf.Type): OwnForm | undefined {
	if (formOfType.has(type)) return formOfType.get(type);
	const name = type.fullName;
	const wrapped = /^\.google\.protobuf\.\w+Value$/.test(name) ? type.fields["value"]?.type : undefined;
	const form: OwnForm | undefined =
		wrapped === undefined ? ownForms[name] : (value, path) => ({ value: scalarValue(wrapped, value, path) });
	formOfType.set(type, form);
	return form;
}

function messageValue(type: protobuf.Type, value: Json, path: string): unknown {
	const form = ownForm(type);
	if (form !== undefined) return form(value, path);
	if (!isMessage(value)) throw new EncodeError(path, `needs an object (${type.fullName})`);
	return toObject(type, value, path);
}

function scalarValue(type: string, value: Json, path: string): unknown {
	if (type === "string" && typeof value === "string") return value;
	if (type === "bool" && typeof value === "boolean") return value;
	if (type === "bytes" && typeof value === "string") return Buffer.from(value, "base64");
	if (typeof value === "number") {
		if (type === "double" || type === "float") return value;
		const range = integerRanges[type];
		if (range !== undefined && Number.isInteger(value) && value >= range[0] && value <= range[1]) return value;
	}
	throw new EncodeError(path, `${JSON.stringify(value)} is no ${type}`);
}

function parseDuration(value: Json, path: string): Plain {
	const match = typeof value === "string" ? /^(\d+)(?:\.(\d{1,9}))?s$/.exec(value) : null;
	if (match === null) throw new EncodeError(path, `${JSON.stringify(value)} is no duration such as "1.5s"`);
	return { seconds: Number(match[1]), nanos: Number((match[2] ?? "").padEnd(9, "0")) };
}

function struct(value: Json, path: string): Plain {
	if (!isMessage(value)) throw new EncodeError(path, "needs an object (Struct)");
	const entries = Object.entries(value).filter(([, item]) => item !== undefined);
	return {
		fields: Object.fromEntries(entries.map(([key, item]) => [key, structValue(item ?? null, `${path}.${key}`)])),
	};
}

// protobufjs carries its own google.protobuf.Value, whose field names are camelCase whatever keepCase says.
function structValue(value: Json, path: string): Plain {
	if (value === null) return { nullValue: 0 };
	if (typeof value === "string") return { stringValue: value };
	if (typeof value === "number") return { numberValue: value };
	if (typeof value === "boolean") return { boolValue: value };
	if (isMessage(value)) return { structValue: struct(value, path) };
	return { listValue: { values: value.map((item, index) => structValue(item, `${path}[${index}]`)) } };
}
