import { hash } from 'node:crypto';
import type { ForwardMessage } from '../../wire/forward.ts';

/**
 * What a chunk is known by when it comes again. The digest of its tag and entries is part of it, so that a chunk id that was
 * guessed, or that two tags share, hides nothing.
 */
export function chunkKey(inputName: string, bytes: Uint8Array, message: ForwardMessage): string {
  const chunk = Buffer.from(bytes.subarray(message.chunkStart, message.chunkEnd)).toString('base64url');
  const digest = hash('sha256', bytes.subarray(message.tagStart, message.end), 'base64url');
  return `${inputName}:forward:${chunk}:${digest}`;
}
