import type { Source } from '../record/line-writer.ts';
import { newValueHead, readHead } from './msgpack.ts';

/** The messages with which a Forward connection begins where the server asks for a shared key (Forward protocol v1, "Handshake"). */

/** What a client says of itself, as bytes: digests are made over these very bytes. */
export interface Ping {
  readonly hostname: Uint8Array;
  readonly sharedKeySalt: Uint8Array;
  readonly sharedKeyDigest: Uint8Array;
  readonly username: Uint8Array;
  readonly passwordDigest: Uint8Array;
}

const head = newValueHead();

/** Reads `["PING", hostname, salt, digest, username, password digest]`, one value that was scanned. Undefined: it is no PING. */
export function readPing({ bytes }: Source, start: number): Ping | undefined {
  readHead(bytes, start, head);
  if (head.kind !== 'array' || head.length !== 6) return undefined;
  const parts: Uint8Array[] = [];
  for (let at = head.start; parts.length < 6; at = head.start + head.length) {
    readHead(bytes, at, head);
    if (!isText(head.kind)) return undefined;
    parts.push(bytes.subarray(head.start, head.start + head.length));
  }
  const [word, hostname, sharedKeySalt, sharedKeyDigest, username, passwordDigest] = parts;
  if (Buffer.from(word!).toString('latin1') !== 'PING') return undefined;
  return {
    hostname: hostname!,
    sharedKeySalt: sharedKeySalt!,
    sharedKeyDigest: sharedKeyDigest!,
    username: username!,
    passwordDigest: passwordDigest!,
  };
}

function isText(kind: string): boolean {
  return kind === 'string' || kind === 'binary';
}

/** `["HELO", {nonce, auth, keepalive}]`; an empty `auth` says that no user name is asked for. */
export function writeHelo(nonce: string, auth: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x92]),
    packText('HELO'),
    Buffer.from([0x83]),
    packText('nonce'),
    packText(nonce),
    packText('auth'),
    packText(auth),
    packText('keepalive'),
    packBoolean(true),
  ]);
}

/** `["PONG", accepted, reason, server name, digest]`. */
export function writePong(pong: { accepted: boolean; reason: string; serverName: string; digest: string }): Buffer {
  return Buffer.concat([
    Buffer.from([0x95]),
    packText('PONG'),
    packBoolean(pong.accepted),
    packText(pong.reason),
    packText(pong.serverName),
    packText(pong.digest),
  ]);
}

function packBoolean(value: boolean): Buffer {
  return Buffer.from([value ? 0xc3 : 0xc2]);
}

/** A string of less than 64 KiB, without `str 8`, which readers of the oldest MessagePack do not know. */
function packText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const header =
    bytes.length < 32
      ? Buffer.from([0xa0 | bytes.length])
      : Buffer.from([0xda, bytes.length >> 8, bytes.length & 0xff]);
  return Buffer.concat([header, bytes]);
}
