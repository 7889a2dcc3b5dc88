import type { OutputContext } from '../../component/output.ts';
import { RelayError } from '../../errors.ts';
import { forEachLine } from '../../record/lines.ts';
import { encodeSyslog, type SyslogEncoderOptions } from '../../wire/syslog-encode.ts';

/** How often the relay's log tells that messages are being cut. */
const CUT_REMINDER_MS = 3_600_000;

/** Encodes deliveries, and says now and then that messages had to be cut. */
export class MessageEncoder {
  readonly #options: SyslogEncoderOptions;
  readonly #context: OutputContext;
  #cut = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SyslogEncoderOptions, context: OutputContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Encodes as far as it goes; `refused` is for the record after the last message. */
  encode(lines: Buffer): { readonly messages: readonly Buffer[]; readonly refused: RelayError | undefined } {
    const messages: Buffer[] = [];
    let refused: RelayError | undefined;
    forEachLine(lines, (start, end, index) => {
      if (refused !== undefined) return;
      try {
        const { bytes, isCut } = encodeSyslog(lines.toString('utf8', start, end), this.#options);
        messages.push(bytes);
        if (isCut) this.#cut++;
      } catch (cause) {
        const text = 'the record cannot be written as a syslog message';
        refused = new RelayError('OUTPUT_REFUSED_RECORD', text, { cause, recordIndex: index });
      }
    });
    this.#tellOfCuts();
    return { messages, refused };
  }

  #tellOfCuts(): void {
    const nowMs = this.#context.clock.monotonicMs();
    if (this.#cut === 0 || nowMs - this.#toldAtMs < CUT_REMINDER_MS) return;
    this.#context.log.warn('messages were cut, since they were longer than the receiver is said to take', {
      endpoint: this.#context.name,
      messages: this.#cut,
      bytes_max: this.#options.messageBytesMax,
    });
    this.#cut = 0;
    this.#toldAtMs = nowMs;
  }
}
