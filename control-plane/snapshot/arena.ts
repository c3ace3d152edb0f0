/** Bytes that live long, kept together: `Buffer`'s own pool mixes them with what is thrown away, which keeps that too. */

const slabBytes = 16 * 1024;
let slab = Buffer.allocUnsafeSlow(slabBytes);
let used = 0;

/** A copy of the bytes beside others that are kept. */
export function keep(bytes: Uint8Array): Buffer {
	if (bytes.length > slabBytes / 4) {
		const own = Buffer.allocUnsafeSlow(bytes.length);
		own.set(bytes);
		return own;
	}
	if (used + bytes.length > slabBytes) {
		slab = Buffer.allocUnsafeSlow(slabBytes);
		used = 0;
	}
	slab.set(bytes, used);
	used += bytes.length;
	return slab.subarray(used - bytes.length, used);
}
