import type { InputContext } from '../../component/input.ts';
import type { MessageRecorder } from './record.ts';
import type { Unpacker } from './unpack.ts';

/** What the sessions of one input share. */
export interface SessionContext {
  readonly context: InputContext;
  readonly recorder: MessageRecorder;
  readonly unpacker: Unpacker;
  readonly messageBytesMax: number;
  readonly messageTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}
