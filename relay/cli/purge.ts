import type { RunView } from '../admin/api/retention-views.ts';
import { RelayError } from '../errors.ts';
import { sleep } from '../io/clock.ts';
import { keepAlive } from '../io/keep-alive.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, jsonOption } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { askRelay } from './control.ts';
import { age, bytes, count } from './figures.ts';
import { Progress } from './progress.ts';
import { printable, table } from './terminal.ts';

const LOOK_INTERVAL_MS = 500;
const RETENTION = '/api/v1/retention';
const RUNS = `${RETENTION}/runs`;

export const purgeCommand = defineCommand({
  name: 'purge',
  summary: 'Removes records as the retention rules say, or counts what would go.',
  operands: '[forecast | history | log ID | stop]',
  notes: [
    'Begins a purge in the relay that runs on the config’s data folder. First a dry run counts what it would take, then it asks: what a purge ' +
      'takes cannot be recovered. It works in small steps beside everything else, in the purge windows only.',
    'forecast says what is kept and when the next purge is; history lists purges; log prints what one said; stop ends the one that is ' +
      'under way where it is.',
  ],
  examples: ['purge --dry-run --follow', 'purge --rule pulls --yes', 'purge history', 'purge log 7', 'purge stop'],
  options: {
    ...configOption,
    'dry-run': { type: 'boolean', description: 'Counts exactly what would go, and takes nothing.' },
    rule: { type: 'string', value: 'NAME', description: 'Only this rule of the config.' },
    follow: { type: 'boolean', short: 'f', description: 'Waits for its end, and prints its log.' },
    yes: { type: 'boolean', description: 'Counts, and does not ask. Needed where nobody can be asked.' },
    now: { type: 'boolean', description: 'Works also while no purge window is open.' },
    'accept-clock': { type: 'boolean', description: 'Says first that the clock is right, though it jumped.' },
    ...jsonOption,
  },
  async run({ options, operands }, context) {
    const [action, id, ...more] = operands;
    if (more.length > 0) throw usage(`takes no ${JSON.stringify(more[0])}`);
    const task: Task = { folder: await dataFolder(options.config, context), asJson: options.json === true, context };
    switch (action) {
      case undefined:
        if (options['accept-clock'] === true) await ask(task, 'POST', '/api/v1/retention/accept-clock');
        return purge(task, {
          dryRun: options['dry-run'] === true,
          rule: options.rule,
          follow: options.follow === true,
          yes: options.yes === true,
          now: options.now === true,
        });
      case 'forecast':
        return forecast(task);
      case 'history':
        return history(task);
      case 'log':
        return log(task, id);
      case 'stop':
        return stop(task);
      default:
        throw usage(`knows forecast, history, log and stop, not ${JSON.stringify(action)}`);
    }
  },
});

interface Task {
  readonly folder: string;
  readonly asJson: boolean;
  readonly context: CommandContext;
}

/** The relay's answer, whose shape our own API gives. Throws where no relay runs. */
async function ask<Answer>({ folder }: Task, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
  const answer = await askRelay(folder, method, path, body);
  if (answer === undefined) throw new RelayError('ADMIN_UNREACHABLE', `no relay runs on ${folder}; a purge needs one`);
  return answer as Answer;
}

interface Wanted {
  readonly dryRun: boolean;
  readonly rule: string | undefined;
  readonly follow: boolean;
  readonly yes: boolean;
  readonly now: boolean;
}

async function purge(task: Task, { dryRun, rule, follow, yes, now }: Wanted): Promise<ExitCode> {
  const body = { ...(rule === undefined ? {} : { rule }), ...(now ? { ignore_windows: true } : {}) };
  const { stdout, stderr, confirm } = task.context;
  if (!dryRun && !yes && confirm === undefined)
    throw new RelayError(
      'USAGE',
      'purge removes records for good, and there is nobody to ask; add --yes, or --dry-run',
    );
  let run = await ask<RunView>(task, 'POST', `${RETENTION}/dry-run`, body);
  if (!dryRun) {
    const counted = await followed(task, run);
    if (counted?.confirm == null) {
      stderr.write(`dry run ${run.id} did not come to its end; nothing was purged\n`);
      return 1;
    }
    if (!(await agreed(task, counted, { rule, yes }))) return 1;
    run = await ask<RunView>(task, 'POST', `${RETENTION}/purge`, { ...body, confirm: counted.confirm });
  }
  if (!follow) {
    if (task.asJson) stdout.write(`${JSON.stringify(run)}\n`);
    else stdout.write(`purge ${run.id} has begun; "spillway purge log ${run.id}" shows how it goes\n`);
    return 0;
  }
  const ended = await followed(task, run);
  if (ended === undefined) {
    stderr.write(`purge ${run.id} goes on; "spillway purge stop" would end it\n`);
    return 1;
  }
  if (task.asJson) stdout.write(`${JSON.stringify(ended)}\n`);
  else await log(task, String(run.id));
  return ended.state === 'done' ? 0 : 1;
}

/** Says what was counted, and asks, where somebody is to be asked. */
async function agreed(
  { context }: Task,
  counted: RunView,
  { rule, yes }: Pick<Wanted, 'rule' | 'yes'>,
): Promise<boolean> {
  const what = rule === undefined ? 'all rules' : `the rule ${printable(rule)}`;
  context.stderr.write(
    `A purge by ${what} takes ${count(counted.records)} records from the journal, ${bytes(Math.max(0, counted.stored_bytes))} as stored ` +
      `(dry run ${counted.id}). They cannot be recovered: export what you may need first.\n`,
  );
  if (yes || (await context.confirm?.('Begin it?')) === true) return true;
  context.stderr.write('nothing was done\n');
  return false;
}

/** The run at its end; undefined where whoever waits has seen enough. */
async function followed(task: Task, begun: RunView): Promise<RunView | undefined> {
  const { context } = task;
  const progress = new Progress(context, undefined, 1_000);
  const held = keepAlive();
  try {
    const run = await lastOf(task, begun, progress);
    return run.ended === null ? undefined : run;
  } finally {
    held.cancel();
    progress.end();
  }
}

async function lastOf(task: Task, begun: RunView, progress: Progress): Promise<RunView> {
  const { clock, signal } = task.context;
  let run = begun;
  while (run.ended === null && !signal.aborted) {
    await sleep(clock, LOOK_INTERVAL_MS, signal);
    run = await ask<RunView>(task, 'GET', `${RUNS}/${run.id}`);
    const note =
      run.state === 'waiting' ? 'waits for its window' : `${count(run.records)} of ${count(run.looked_records)}`;
    progress.at(run.progress * 1_000, note);
  }
  return run;
}

async function forecast(task: Task): Promise<ExitCode> {
  const found = await ask<{ forecast: Record<'rules' | 'schedules', string[]> & { window: string } }>(
    task,
    'GET',
    '/api/v1/retention',
  );
  const { rules, schedules, window } = found.forecast;
  if (task.asJson) task.context.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else for (const line of [...rules, ...schedules, window]) task.context.stdout.write(`${printable(line)}\n`);
  return 0;
}

async function history(task: Task): Promise<ExitCode> {
  const { runs } = await ask<{ runs: RunView[] }>(task, 'GET', `${RUNS}?limit=100`);
  const { stdout, stderr } = task.context;
  if (task.asJson) {
    stdout.write(`${JSON.stringify(runs, null, 2)}\n`);
  } else if (runs.length === 0) {
    stderr.write('There was no purge yet.\n');
  } else {
    const rows = runs.map((run) => [
      String(run.id),
      run.state,
      run.dry_run ? 'dry run' : '',
      printable(run.cause),
      printable(run.who),
      run.started,
      run.ended === null ? '-' : age(Date.parse(run.ended) - Date.parse(run.started)),
      count(run.records),
      bytes(Math.max(0, run.stored_bytes)),
    ]);
    stdout.write(table([['ID', 'STATE', '', 'CAUSE', 'BY', 'STARTED', 'TOOK', 'RECORDS', 'FREED'], ...rows]));
  }
  return 0;
}

async function log(task: Task, id: string | undefined): Promise<ExitCode> {
  if (id === undefined || !/^\d{1,15}$/.test(id))
    throw usage('log needs the number of a purge; "purge history" shows them');
  const answer = await ask<{ log: string }>(task, 'GET', `${RUNS}/${id}/log`);
  task.context.stdout.write(task.asJson ? `${JSON.stringify(answer)}\n` : printable(answer.log, true));
  return 0;
}

async function stop(task: Task): Promise<ExitCode> {
  const { active } = await ask<{ active: RunView | null }>(task, 'GET', '/api/v1/retention');
  if (active === null) {
    task.context.stderr.write('no purge is under way\n');
    return 1;
  }
  const run = await ask<RunView>(task, 'POST', `${RUNS}/${active.id}/stop`);
  if (task.asJson) task.context.stdout.write(`${JSON.stringify(run)}\n`);
  else task.context.stdout.write(`purge ${run.id} is ${run.state}; it took ${count(run.records)} records\n`);
  return 0;
}

function usage(message: string): RelayError {
  return new RelayError('USAGE', `purge ${message}; see "spillway purge --help"`);
}
