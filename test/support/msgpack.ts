import { decode, encode, ExtensionCodec } from '@msgpack/msgpack';
import { sourceOf, LineWriter } from '../../relay/record/line-writer.ts';
import { writeJson } from '../../relay/wire/msgpack-json.ts';

/** A time as Fluentd's protocol writes it: extension type 0, seconds and nanoseconds. */
export class EventTime {
  readonly seconds: number;
  readonly nanos: number;

  constructor(seconds: number, nanos = 0) {
    this.seconds = seconds;
    this.nanos = nanos;
  }
}

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: 0,
  encode(value) {
    if (!(value instanceof EventTime)) return null;
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(value.seconds, 0);
    bytes.writeUInt32BE(value.nanos, 4);
    return bytes;
  },
  decode: (bytes) => new EventTime(Buffer.from(bytes).readUInt32BE(0), Buffer.from(bytes).readUInt32BE(4)),
});

/** Encodes with an implementation that is not ours. */
export function pack(...values: unknown[]): Buffer {
  return Buffer.concat(values.map((value) => encode(value, { extensionCodec, useBigInt64: true })));
}

export function unpack(bytes: Uint8Array): unknown {
  return decode(bytes, { extensionCodec, useBigInt64: true });
}

/** A string of MessagePack (str 32) out of bytes that need not be UTF-8. */
export function rawString(bytes: Uint8Array): Buffer {
  const header = Buffer.from([0xdb, 0, 0, 0, 0]);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

export function toJson(bytes: Uint8Array, position = 0): { text: string; end: number; lossy: boolean } {
  const out = Buffer.alloc(bytes.length * 8 + 64);
  const writer = new LineWriter(out);
  const end = writeJson(writer, sourceOf(bytes), position);
  return { text: out.toString('utf8', 0, writer.position), end, lossy: writer.lossy };
}
