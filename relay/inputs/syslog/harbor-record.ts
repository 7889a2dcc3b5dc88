import type { InputContext } from '../../component/input.ts';
import { fragment, sourceOf, type LineWriter, type Source } from '../../record/line-writer.ts';
import type { Dataset } from '../../record/recorder.ts';
import { HarborAudit, findHarborOperator, parseHarborAudit, type HarborOutcome } from '../../wire/harbor-audit.ts';
import { percentDecode } from '../../wire/percent-decode.ts';
import { TIME_ABSOLUTE, type SyslogHeader } from '../../wire/syslog-header.ts';
import * as json from './fragments.ts';
import type { HeaderTime } from './header-time.ts';
import type { HarborOptions } from './options.ts';
import { writeHostAndLog, writeOriginal } from './write-fields.ts';
import { flagsOf, writeMarks, type FrameMarks } from './write-marks.ts';

/** Longer lines are kept as any other: their fields could take many times their room. */
export const HARBOR_BYTES_MAX = 128 * 1024;

/** How often a record may hold what its line says. */
const COPIES = 3;

const ACTION = fragment(',"action":"');
const OUTCOME = fragment('","outcome":"unknown"');
const USER = fragment('},"user":{"name":"');
const HARBOR_AFTER_USER = fragment('"},"harbor":{"operation":"');
const HARBOR = fragment('},"harbor":{"operation":"');
const HARBOR_ACTION = fragment('","action":"');
const RESOURCE_TYPE = fragment('","resource_type":"');
const RESOURCE = fragment('","resource":"');
const PROJECT = fragment('","project":"');
const REPOSITORY = fragment('","repository":"');
const TAG = fragment('","tag":"');
const DIGEST = fragment('","digest":"');
const OPERATOR = fragment('","operator":"');
const OPERATOR_DECODED = fragment('","operator_decoded":"');
const DESCRIPTION = fragment('","description":"');
const SENT = fragment('","sent":"');
const LEGACY = fragment('","legacy":true');
const LEGACY_NAME = fragment('legacy');
const NOT_LEGACY = fragment('","legacy":false');

/** What stands for an operation that cannot be told. */
const UNCLEAR = Buffer.from('unclear');
const AUDIT = Buffer.from('audit');
const LOGIN = Buffer.from('login');
const PERCENT = 0x25;

export interface HarborRecordsOptions {
  readonly context: InputContext;
  readonly options: HarborOptions;
  readonly keepOriginal: boolean;
  readonly time: HeaderTime;
  /** Is told of each record. */
  readonly heard: () => void;
}

/** Writes the lines of Harbor's audit log as records of `harbor.audit`. */
export class HarborRecords {
  readonly #context: InputContext;
  readonly #options: HarborOptions;
  readonly #keepOriginal: boolean;
  readonly #time: HeaderTime;
  readonly #heard: () => void;
  readonly #dataset: Dataset;
  readonly #audit = new HarborAudit();
  readonly #operation = sourceOf(Buffer.alloc(160));
  #operationBytes = 0;

  constructor({ context, options, keepOriginal, time, heard }: HarborRecordsOptions) {
    this.#context = context;
    this.#options = options;
    this.#keepOriginal = keepOriginal;
    this.#time = time;
    this.#heard = heard;
    this.#dataset = context.dataset('harbor.audit');
  }

  /** Whether the message of such a header may be a line of the audit log: a look at one word. */
  mayBe(bytes: Uint8Array, header: SyslogHeader): boolean {
    return this.#options.detect === 'always' || isAuditProgram(bytes, header.appStart, header.appEnd);
  }

  /** Where the operator of an audit line begins; -1 where the message is none. */
  operatorOf(source: Source, header: SyslogHeader, start: number, end: number): number {
    if (end - start > HARBOR_BYTES_MAX) return -1;
    return findHarborOperator(source.bytes, header.messageStart, end);
  }

  /** Reads the line; what it says is what `write` writes. */
  parse(source: Source, header: SyslogHeader, operatorStart: number, end: number): HarborOutcome {
    return parseHarborAudit(source, header.messageStart, operatorStart, end, this.#audit);
  }

  /** Records the line that was parsed last. `flags` are those that its connection gives it. */
  write(
    source: Source,
    start: number,
    end: number,
    header: SyslogHeader,
    peer: json.Peer,
    marks: FrameMarks,
    given: number,
  ): void {
    const { recorder, counters } = this.#context;
    const audit = this.#audit;
    this.#time.resolve(header);
    let flags = flagsOf(header, marks) | given | this.#ownFlags();
    const writer = recorder.open(this.#dataset, (end - start) * COPIES);
    writer.lossy = false;
    writer.raw(ACTION);
    this.#readOperation(source.bytes);
    writer.copy(this.#operation, 0, this.#operationBytes);
    writer.raw(OUTCOME);
    const unclear = (flags & json.FLAGS_OF_DOUBT) !== 0;
    if (this.#keepOriginal || !header.canonical || unclear) writeOriginal(writer, source, start, end);
    this.#time.writeZone(writer, source, header);
    this.#writeFields(writer, source, header);
    writer.raw(json.TIMESTAMP);
    this.#time.writeMoment(writer, audit.epochMs, source, audit.fractionStart, audit.fractionEnd);
    writeHostAndLog(writer, source, header);
    writer.text(source, header.messageStart, end);
    if (writer.lossy) flags |= json.FLAG_INVALID_UTF8;
    writeMarks({ writer, header, peer, counters }, source, start, end, flags, marks);
    this.#index(source, header, peer);
    recorder.close(audit.epochMs);
    this.#heard();
  }

  #index(source: Source, header: SyslogHeader, peer: json.Peer): void {
    const { recorder } = this.#context;
    const { projectStart, projectEnd } = this.#audit;
    if (header.hostEnd > header.hostStart) recorder.stream('host', source, header.hostStart, header.hostEnd);
    recorder.stream('source', peer.address, 0, peer.address.bytes.length);
    if (projectEnd > projectStart) recorder.stream('project', source, projectStart, projectEnd);
    if (this.#audit.legacy) recorder.stream('harbor', LEGACY_NAME, 0, LEGACY_NAME.bytes.length);
    recorder.stream('action', this.#operation, 0, this.#operationBytes);
  }

  #ownFlags(): number {
    const audit = this.#audit;
    const skewMs = Math.abs(audit.epochMs - this.#context.recorder.nowMs);
    return (
      (audit.ambiguous ? json.FLAG_AMBIGUOUS : 0) |
      (audit.forged ? json.FLAG_FORGED : 0) |
      (skewMs > this.#options.skew_ms ? json.FLAG_TIME_SKEWED : 0)
    );
  }

  /**
   * `create_artifact`: action and resource type, each of at most 64 letters. Where they are a guess, nobody shall be able to have a
   * record taken by a purge that is for another kind.
   */
  #readOperation(bytes: Uint8Array): void {
    const { actionStart, actionEnd, typeStart, typeEnd, guessed } = this.#audit;
    const out = this.#operation.bytes;
    if (guessed) {
      out.set(UNCLEAR);
      this.#operationBytes = UNCLEAR.length;
      return;
    }
    let at = 0;
    for (let i = actionStart; i < actionEnd; i++) out[at++] = bytes[i]!;
    if (typeEnd > typeStart) out[at++] = 0x5f;
    for (let i = typeStart; i < typeEnd; i++) out[at++] = bytes[i]!;
    this.#operationBytes = at;
  }

  #writeFields(writer: LineWriter, source: Source, header: SyslogHeader): void {
    const audit = this.#audit;
    const { operatorStart, operatorEnd } = audit;
    const named = operatorEnd > operatorStart;
    if (named) {
      writer.raw(USER);
      writer.text(source, operatorStart, operatorEnd);
    }
    writer.raw(named ? HARBOR_AFTER_USER : HARBOR);
    writer.copy(this.#operation, 0, this.#operationBytes);
    const field = (name: Source, start: number, end: number): void => {
      if (end === start) return;
      writer.raw(name);
      writer.text(source, start, end);
    };
    field(HARBOR_ACTION, audit.actionStart, audit.actionEnd);
    field(RESOURCE_TYPE, audit.typeStart, audit.typeEnd);
    field(RESOURCE, audit.resourceStart, audit.resourceEnd);
    field(PROJECT, audit.projectStart, audit.projectEnd);
    field(REPOSITORY, audit.repositoryStart, audit.repositoryEnd);
    field(TAG, audit.tagStart, audit.tagEnd);
    field(DIGEST, audit.digestStart, audit.digestEnd);
    writer.raw(OPERATOR);
    writer.text(source, operatorStart, operatorEnd);
    this.#writeDecoded(writer, source);
    field(DESCRIPTION, audit.descriptionStart, audit.descriptionEnd);
    if (header.time >= TIME_ABSOLUTE) {
      writer.raw(SENT);
      this.#time.writeText(writer, source, header);
    }
    writer.raw(audit.legacy ? LEGACY : NOT_LEGACY);
  }

  /** Harbor takes the names of logins from the form as they are sent (`event/login/login.go`). */
  #writeDecoded(writer: LineWriter, { bytes }: Source): void {
    const { actionStart, actionEnd, operatorStart, operatorEnd } = this.#audit;
    if (!equals(bytes, actionStart, actionEnd, LOGIN)) return;
    const operator = bytes.subarray(operatorStart, operatorEnd);
    if (!operator.includes(PERCENT) && !operator.includes(0x2b)) return;
    const decoded = sourceOf(percentDecode(operator));
    const before = writer.position;
    const { lossy } = writer;
    writer.lossy = false;
    writer.raw(OPERATOR_DECODED);
    writer.text(decoded, 0, decoded.bytes.length);
    // What decodes to no text stays as it is.
    if (writer.lossy) writer.position = before;
    writer.lossy = lossy;
  }
}

/** Whether a header's program is the one that Harbor calls itself. */
export function isAuditProgram(bytes: Uint8Array, start: number, end: number): boolean {
  return equals(bytes, start, end, AUDIT);
}

function equals(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}
