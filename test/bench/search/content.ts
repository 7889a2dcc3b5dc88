/** Records as a site makes them: job logs of many repositories, a registry's audit, and what machines say by syslog. */

const REPOSITORIES = 400;
const ACTIVE_REPOSITORIES = 40;
const BODIES_OF_ONE = 250;

/** A generator of numbers, the same for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 up to `sides`, not included. */
  roll(sides: number): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.roll(list.length)]!;
  }

  hex(length: number): string {
    let text = '';
    while (text.length < length) text += this.roll(0x1000_0000).toString(16).padStart(7, '0');
    return text.slice(0, length);
  }
}

export type Dataset = 'github.runner' | 'harbor.audit' | 'syslog';

/** What stands in a line after its id and times. */
export interface Body {
  readonly dataset: Dataset;
  readonly bytes: Buffer;
}

const NOUNS =
  'cache layer package artifact image token workspace container manifest checksum module target queue socket'.split(
    ' ',
  );
const VERBS =
  'Downloading Resolved Restored Uploading Compiling Linking Skipped Verified Removing Pulling Unpacked Retrying'.split(
    ' ',
  );
const TAILS = [
  'in 12 ms',
  'from mirror',
  'done',
  'connection refused by peer',
  'exit code 1',
  'timeout after 30s',
  'ok',
  'warning: deprecated',
];
const USERS = Array.from(
  { length: 300 },
  (_, i) => `${['jane', 'ivan', 'mei', 'omar', 'lena', 'raj'][i % 6]}.${['doe', 'fox', 'kim', 'roy'][i % 4]}${i}`,
);
const HOSTS = Array.from({ length: 120 }, (_, i) => `node-${String(i).padStart(3, '0')}.corp`);

export const repositoryName = (index: number): string =>
  `acme/${['web', 'api', 'tools', 'infra', 'data'][index % 5]}-${index}`;

/** The bodies that records are made of, by repository, and those of the registry and of the machines. */
export function makeBodies(dice: Dice): { readonly runner: Body[][]; readonly others: Body[] } {
  const runner = Array.from({ length: REPOSITORIES }, (_, repository) =>
    Array.from({ length: BODIES_OF_ONE }, () => runnerBody(dice, repository)),
  );
  const others = Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? harborBody(dice) : syslogBody(dice)));
  return { runner, others };
}

function sentence(dice: Dice): string {
  const name = `${dice.pick(NOUNS)}-${dice.roll(5_000)}`;
  const digest = dice.roll(8) === 0 ? ` sha256:${dice.hex(64)}` : '';
  return `${dice.pick(VERBS)} ${name} ${dice.roll(100_000)} bytes ${dice.pick(TAILS)}${digest}`;
}

function runnerBody(dice: Dice, repository: number): Body {
  const run = 7_000_000 + repository * 97 + dice.roll(5);
  return bodyOf('github.runner', {
    log: { offset: dice.roll(8_000_000) },
    github: {
      repository: repositoryName(repository),
      run: { id: String(run), attempt: 1 },
      job: { name: dice.pick(['build', 'test', 'lint']) },
      step: { number: 1 + dice.roll(9) },
    },
    host: { name: dice.pick(HOSTS) },
    message: `\u001b[36;1m${sentence(dice)}\u001b[0m`,
  });
}

function harborBody(dice: Dice): Body {
  const operation = dice.pick(['pull', 'pull', 'pull', 'push', 'delete', 'create']);
  const repository = `library/${dice.pick(NOUNS)}-${dice.roll(200)}`;
  const user = dice.pick(USERS);
  return bodyOf('harbor.audit', {
    event: { action: operation },
    host: { name: 'harbor-core' },
    user: { name: user },
    harbor: { operation, repository, resource_type: 'artifact' },
    message: `action:${operation}, resource:${repository}:v${dice.roll(50)}, operator:"${user}"`,
  });
}

function syslogBody(dice: Dice): Body {
  const host = dice.pick(HOSTS);
  return bodyOf('syslog', {
    host: { name: host, hostname: host },
    log: {
      level: dice.pick(['info', 'info', 'notice', 'error']),
      syslog: { appname: dice.pick(['sshd', 'kernel', 'systemd', 'dockerd']) },
    },
    source: { ip: `10.${dice.roll(4)}.${dice.roll(256)}.${dice.roll(256)}` },
    message: sentence(dice),
  });
}

interface Fields {
  readonly event?: object;
  readonly [name: string]: unknown;
}

function bodyOf(dataset: Dataset, { event, ...fields }: Fields): Body {
  const more = event === undefined ? '' : `,${JSON.stringify(event).slice(1, -1)}`;
  const rest = JSON.stringify(fields).slice(1);
  return { dataset, bytes: Buffer.from(`"${more}},"@timestamp":"TIME",${rest}\n`) };
}

/** The repositories that are at work at a time: others take their place, hour by hour. */
export function activeRepositories(hour: number): number[] {
  return Array.from({ length: ACTIVE_REPOSITORIES }, (_, i) => (hour * 7 + i * 10 + (hour % 10)) % REPOSITORIES);
}
