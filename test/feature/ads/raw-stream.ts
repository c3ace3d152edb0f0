import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { Transform } from "node:stream";
import type { MethodDefinition } from "@grpc/grpc-js";

/**
 * A gRPC stream over bare HTTP/2 and a Unix socket. Unlike grpc-js, which reads sixteen messages ahead, it stops reading
 * as soon as it is paused, as a process that hangs does.
 */
export function openRawStream<Request, Response>(address: string, method: MethodDefinition<Request, Response>) {
	const socket = () => connect(address.slice("unix:".length));
	const session = connectHttp2("http://localhost", { createConnection: socket });
	const headers = { ":method": "POST", ":path": method.path, "content-type": "application/grpc", te: "trailers" };
	const stream = session.request(headers);
	let rest = Buffer.alloc(0);
	const messages = new Transform({
		readableObjectMode: true,
		readableHighWaterMark: 1,
		transform(chunk: Buffer, _encoding, done) {
			rest = Buffer.concat([rest, chunk]);
			while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
				const end = 5 + rest.readUInt32BE(1);
				this.push(method.responseDeserialize(rest.subarray(5, end)));
				rest = rest.subarray(end);
			}
			done();
		},
	});
	stream.pipe(messages);
	return Object.assign(messages, {
		send(request: Request): void {
			const bytes = method.requestSerialize(request);
			const head = Buffer.alloc(5);
			head.writeUInt32BE(bytes.length, 1);
			stream.write(Buffer.concat([head, bytes]));
		},
		cancel: () => session.destroy(),
	});
}
