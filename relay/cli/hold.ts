import type { HoldView } from '../admin/api/retention-views.ts';
import { RelayError } from '../errors.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, jsonOption } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { askRelay } from './control.ts';
import { timeOf } from './selection.ts';
import { printable, table } from './terminal.ts';

const HOLDS = '/api/v1/retention/holds';

export const holdCommand = defineCommand({
  name: 'hold',
  summary: 'Keeps records from every purge and limit, until the hold is lifted.',
  operands: 'add | list | remove ID',
  notes: [
    'A hold is on records for which everything holds that is given: dataset, repository, run, time. It beats every rule and also the limit of ' +
      'the journal. Who placed and who lifted it, and why, stays on record.',
  ],
  examples: [
    'hold add --repository acme/web --run 4711 --why "incident 23"',
    'hold add --dataset harbor.audit --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --why "audit of November"',
    'hold list',
    'hold remove 3 --why "case closed"',
  ],
  options: {
    ...configOption,
    dataset: { type: 'string', value: 'GLOB', description: 'Records of these datasets; "*" holds everything.' },
    repository: { type: 'string', value: 'GLOB', description: 'Records of these repositories.' },
    run: { type: 'string', value: 'ID', description: 'Records of this run of GitHub Actions.' },
    from: {
      type: 'string',
      value: 'TIME',
      description: 'Records received, or from, then on: ISO 8601, or how long ago.',
    },
    to: { type: 'string', value: 'TIME', description: 'Records received, or from, before then.' },
    why: { type: 'string', value: 'TEXT', description: 'The reason, for the record.' },
    lifted: { type: 'boolean', description: 'With list: also those that were lifted.' },
    ...jsonOption,
  },
  async run({ options, operands }, context) {
    const [action, id, ...more] = operands;
    if (more.length > 0 || (id !== undefined && action !== 'remove'))
      throw usage(`takes no ${JSON.stringify(more[0] ?? id)}`);
    const folder = await dataFolder(options.config, context);
    const ask = async <Answer>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> => {
      const answer = await askRelay(folder, method, path, body);
      if (answer === undefined)
        throw new RelayError('ADMIN_UNREACHABLE', `no relay runs on ${folder}; a hold needs one`);
      return answer as Answer;
    };
    const show = (holds: readonly HoldView[]): ExitCode => print(holds, options.json === true, context);
    const why = options.why;
    switch (action) {
      case 'list': {
        const { holds } = await ask<{ holds: HoldView[] }>('GET', `${HOLDS}?lifted=${options.lifted === true}`);
        return show(holds);
      }
      case 'add': {
        if (why === undefined) throw usage('add needs --why');
        const nowMs = context.clock.nowMs();
        const time = (name: 'from' | 'to'): object => {
          const text = options[name];
          return text === undefined ? {} : { [name]: new Date(timeOf(name, text, nowMs)).toISOString() };
        };
        const { dataset, repository, run } = options;
        return show([
          await ask<HoldView>('POST', HOLDS, { why, dataset, repository, run, ...time('from'), ...time('to') }),
        ]);
      }
      case 'remove':
        if (id === undefined || !/^\d{1,15}$/.test(id)) throw usage('remove needs the number of a hold');
        if (why === undefined) throw usage('remove needs --why');
        return show([await ask<HoldView>('POST', `${HOLDS}/${id}/lift`, { why })]);
      default:
        throw usage(`needs add, list or remove${action === undefined ? '' : `, not ${JSON.stringify(action)}`}`);
    }
  },
});

function print(holds: readonly HoldView[], asJson: boolean, { stdout, stderr }: CommandContext): ExitCode {
  if (asJson) {
    stdout.write(`${JSON.stringify(holds, null, 2)}\n`);
  } else if (holds.length === 0) {
    stderr.write('There is no hold.\n');
  } else {
    const rows = holds.map((hold) => [
      String(hold.id),
      printable(scopeOf(hold)),
      printable(hold.who),
      hold.created,
      hold.lifted === null ? '' : `lifted ${hold.lifted} by ${printable(hold.lifted_by ?? '')}`,
      printable(hold.why),
    ]);
    stdout.write(table([['ID', 'ON', 'BY', 'SINCE', '', 'WHY'], ...rows]));
  }
  return 0;
}

function scopeOf({ dataset, repository, run, from, to }: HoldView): string {
  const parts = Object.entries({ dataset, repository, run, from, to });
  return parts.flatMap(([name, value]) => (value === null ? [] : [`${name} ${value}`])).join(', ');
}

function usage(message: string): RelayError {
  return new RelayError('USAGE', `hold ${message}; see "spillway hold --help"`);
}
