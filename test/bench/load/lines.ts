import { randomFrom, type Chance } from './chance.ts';

/** Lines in one block; a block's sequence numbers share all but their last three digits. */
export const BLOCK_LINES = 1_000;

/** A run of RFC 5424 lines, LF framed, whose sequence numbers can be set in place. */
export interface Block {
  readonly bytes: Buffer;
  /** Where each line starts; one more entry than lines, the last is the length. */
  readonly starts: Uint32Array;
  /** Where the 12 digits of each line's `seq` are. */
  readonly seqAt: Uint32Array;
  /** Where the 16 digits of each line's `at` are: microseconds, set only where latency is measured. */
  readonly sentAt: Uint32Array;
}

const HOSTS = Array.from({ length: 20 }, (_, n) => `node-${String(n + 1).padStart(2, '0')}.plant.example`);
const APPS = ['harbor-core', 'registryctl', 'github-unicorn', 'nginx', 'sshd'] as const;
const MESSAGE_IDS = ['REQ', 'AUTH', 'JOB', 'GC', 'AUDIT', '-'] as const;
const USERS = [
  'alice',
  'bob',
  'robot$ci',
  'm.keller',
  'svc-backup',
  'nobody',
  'yuki',
  'deploy-bot',
  'anna.sz',
] as const;
const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const WORDS =
  `accepted acquired artifact attempt backend batch blob branch bucket cache certificate channel checksum client closed cluster commit
  connection container context controller copied cursor deadline decoded deferred deleted digest drained elapsed encoded endpoint evicted
  expired failed fetched finished flushed fragment gateway granted handler handshake header healthy ignored image index ingested instance
  interval invalid issued kernel latency layer lease ledger limit listener lookup manifest mapped merged method migration mirror missing
  mounted namespace network notified object offset operation origin packet parsed partition payload peer pending permission pipeline pod
  policy pool probe project promoted proxy pulled purge pushed queue quota rebuilt received refreshed region rejected released renewed
  replica repository request resolved response restarted retention retried revision rotated runner scanned schema segment server session
  shard signed skipped snapshot socket stale started stopped storage stream submitted succeeded tag task tenant thread throttled ticket
  timeout token trace transaction trigger tunnel unlocked updated upload upstream validated vault version volume waiting worker wrote zone`
    .split(/\s+/)
    .filter((word) => word !== '');

/** Builds one block of lines of about 285 bytes each, as varied as real ones, so that no compressor is flattered. */
export function buildBlock(chance: Chance): Block {
  const lines = Array.from({ length: BLOCK_LINES }, (_, n) => buildLine(chance, n));
  const bytes = Buffer.from(lines.join(''), 'latin1');
  const starts = new Uint32Array(BLOCK_LINES + 1);
  const seqAt = new Uint32Array(BLOCK_LINES);
  const sentAt = new Uint32Array(BLOCK_LINES);
  let start = 0;
  for (const [n, line] of lines.entries()) {
    starts[n] = start;
    seqAt[n] = start + line.indexOf(' seq="') + 6;
    sentAt[n] = start + line.indexOf(' at="') + 5;
    start += line.length;
  }
  starts[BLOCK_LINES] = start;
  return { bytes, starts, seqAt, sentAt };
}

/** Gives line n of the block the sequence number `block * BLOCK_LINES + n`. */
export function setBlockNumber({ bytes, seqAt }: Block, block: number): void {
  const digits = Buffer.from(String(block).padStart(9, '0'), 'latin1');
  // The digits in front hardly ever change; writing only the rest makes the generator cheap.
  let first = 0;
  const before = seqAt[0]!;
  while (first < 9 && bytes[before + first] === digits[first]) first++;
  for (let n = 0; n < BLOCK_LINES; n++) {
    const at = seqAt[n]!;
    for (let i = first; i < 9; i++) bytes[at + i] = digits[i]!;
  }
}

/** Writes when line `n` was sent. */
export function stampLine({ bytes, sentAt }: Block, n: number, microseconds: number): void {
  bytes.write(String(microseconds).padStart(16, '0'), sentAt[n]!, 'latin1');
}

function buildLine(chance: Chance, n: number): string {
  const priority = 8 * randomFrom(chance, [1, 3, 4, 10, 16, 17]) + randomFrom(chance, [3, 4, 5, 6, 6, 6, 7]);
  const time = new Date(Date.UTC(2026, 8, 14, 6, 0, 0) + Math.floor(chance() * 86_400_000)).toISOString();
  const header = `<${priority}>1 ${time} ${randomFrom(chance, HOSTS)} ${randomFrom(chance, APPS)}`;
  const procid = 200 + Math.floor(chance() * 32_000);
  const data = `[load@32473 seq="000000000${String(n).padStart(3, '0')}" at="0000000000000000"]`;
  return `${header} ${procid} ${randomFrom(chance, MESSAGE_IDS)} ${data} ${message(chance)}\n`;
}

/** Between about 110 and 200 characters: a request, who made it, from where, how long it took, and some words. */
function message(chance: Chance): string {
  const from = `10.${number(chance, 256)}.${number(chance, 256)}.${number(chance, 256)}`;
  const path = `/api/v2.0/${word(chance)}s/${number(chance, 9_000)}/${word(chance)}/${hex(chance, 12)}`;
  const request = `${randomFrom(chance, VERBS)} ${path} ${randomFrom(chance, [200, 200, 200, 201, 204, 304, 403, 404, 500])}`;
  const wanted = 126 + Math.floor(chance() * 60);
  let text = `${request} ${number(chance, 4_000)}ms user=${randomFrom(chance, USERS)} from ${from}`;
  if (chance() < 0.2) text += ` reason="${word(chance)} ${word(chance)}"`;
  text += ':';
  while (text.length < wanted) text += ` ${word(chance)}`;
  return text;
}

function word(chance: Chance): string {
  return randomFrom(chance, WORDS);
}

function number(chance: Chance, below: number): number {
  return Math.floor(chance() * below);
}

function hex(chance: Chance, digits: number): string {
  return Math.floor(chance() * 16 ** digits)
    .toString(16)
    .padStart(digits, '0');
}
