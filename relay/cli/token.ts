import { join } from 'node:path';
import { OVERLAP_MS_MAX, type Role, roles, TokenFile } from '../admin/tokens.ts';
import { suggest } from '../config/suggest.ts';
import { RelayError } from '../errors.ts';
import { parseSpan } from '../query/time-text.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, jsonOption } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { table } from './terminal.ts';

export const tokenCommand = defineCommand({
  name: 'token',
  summary: 'Makes, lists, rotates and removes the tokens by which senders, people and scripts are let in.',
  operands: 'add NAME --role ROLE | list | rotate NAME | remove NAME',
  notes: [
    'A token is printed once, when it is made; the data folder keeps only its hash. A relay that is running knows a new token, and ' +
      'no longer knows one that was removed, at once.',
    'To rotate gives a token or password a new secret under the same name and role. The one before is taken for a day more, or as ' +
      'long as --overlap says: time to bring the new one to whoever uses it.',
    `Roles: viewer looks; operator also pauses, replays and counts what a purge would take; auditor also sees the audit and ` +
      'places holds; admin does everything.',
  ],
  examples: [
    'token add prometheus --role viewer',
    'token add jane --role operator --password',
    'token list',
    'token rotate prometheus --overlap 2h',
    'token remove runners',
  ],
  options: {
    password: {
      type: 'boolean',
      description: 'Make a password for a person who signs in at the console, in place of a token for a program.',
    },
    overlap: {
      type: 'string',
      value: 'TIME',
      description:
        'How long the secret before is taken after a rotation, such as 15m, 24h or 7d; 0s ends it at once. A day otherwise.',
    },
    role: { type: 'string', value: 'ROLE', description: `What the token is for: ${roles.join(', ')}.` },
    ...configOption,
    ...jsonOption,
  },
  async run({ options, operands }, context) {
    const [action, name, ...more] = operands;
    const kind = options.password === true ? 'password' : 'token';
    if (more.length > 0) throw usage(`takes no ${JSON.stringify(more[0])}`);
    if (options.overlap !== undefined && action !== 'rotate') throw usage('takes --overlap with rotate alone');
    const task: Task = {
      name,
      role: options.role,
      overlap: options.overlap,
      kind,
      asJson: options.json === true,
      context,
    };
    const file = async (): Promise<TokenFile> =>
      new TokenFile(join(await dataFolder(options.config, context), 'tokens.json'), context);
    switch (action) {
      case 'add':
        return add(file, task);
      case 'list':
        return list(file, task);
      case 'rotate':
        return rotate(file, task);
      case 'remove':
        return remove(file, task);
      default:
        throw usage(
          `needs add, list, rotate or remove${action === undefined ? '' : `, not ${JSON.stringify(action)}`}`,
        );
    }
  },
});

interface Task {
  readonly name: string | undefined;
  readonly role: string | undefined;
  readonly overlap: string | undefined;
  readonly kind: 'token' | 'password';
  readonly asJson: boolean;
  readonly context: CommandContext;
}

async function add(file: () => Promise<TokenFile>, { name, role, kind, asJson, context }: Task): Promise<ExitCode> {
  if (name === undefined) throw usage('add needs a name');
  if (role === undefined) throw usage(`add needs --role ${roles.join('|')}`);
  if (!isRole(role)) {
    const meant = suggest(role, roles);
    throw usage(`knows no role ${JSON.stringify(role)}${meant === undefined ? '' : ` — did you mean "${meant}"?`}`);
  }
  const { entry, token } = (await file()).add(name, role, kind);
  if (asJson) {
    context.stdout.write(`${JSON.stringify({ id: entry.id, name, role, token })}\n`);
  } else {
    context.stderr.write(`The ${kind} of ${name}, with the role ${role}. It is shown this once.\n`);
    context.stdout.write(`${token}\n`);
  }
  return 0;
}

async function list(file: () => Promise<TokenFile>, { name, asJson, context }: Task): Promise<ExitCode> {
  if (name !== undefined) throw usage('list takes no name');
  const entries = (await file()).list();
  if (asJson) {
    const shown = entries.map(({ id, name, role, kind, created_at }) => ({ id, name, role, kind, created_at }));
    context.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else if (entries.length === 0) {
    context.stderr.write('There is no token.\n');
  } else {
    const rows = entries.map(({ id, name, role, kind, created_at }) => [name, role, kind, created_at, id]);
    context.stdout.write(table([['NAME', 'ROLE', 'KIND', 'CREATED', 'ID'], ...rows]));
  }
  return 0;
}

async function rotate(
  file: () => Promise<TokenFile>,
  { name, overlap = '1d', asJson, context }: Task,
): Promise<ExitCode> {
  if (name === undefined) throw usage('rotate needs a name');
  const overlapMs = parseSpan(overlap);
  if (overlapMs === undefined || overlapMs > OVERLAP_MS_MAX)
    throw usage(`takes for --overlap a time such as 15m, 24h or 7d, 30d at most, not ${JSON.stringify(overlap)}`);
  const made = (await file()).rotate(name, overlapMs);
  if (made === undefined) {
    context.stderr.write(`There is no token ${JSON.stringify(name)}.\n`);
    return 1;
  }
  const { entry, token } = made;
  const until = entry.former?.until;
  if (asJson) {
    const { id, role } = entry;
    context.stdout.write(`${JSON.stringify({ id, name, role, token, former_until: until ?? null })}\n`);
  } else {
    const before =
      until === undefined ? 'The one before is not taken any more.' : `The one before is taken until ${until}.`;
    context.stderr.write(
      `The new ${entry.kind} of ${name}, with the role ${entry.role}. It is shown this once. ${before}\n`,
    );
    context.stdout.write(`${token}\n`);
  }
  return 0;
}

async function remove(file: () => Promise<TokenFile>, { name, context }: Task): Promise<ExitCode> {
  if (name === undefined) throw usage('remove needs a name');
  if ((await file()).remove(name)) return 0;
  context.stderr.write(`There is no token ${JSON.stringify(name)}.\n`);
  return 1;
}

function isRole(text: string): text is Role {
  return roles.some((role) => role === text);
}

function usage(message: string): RelayError {
  return new RelayError('USAGE', `token ${message}; see "spillway token --help"`);
}
