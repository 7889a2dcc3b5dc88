import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

// The rules of this house that no linter knows. A rule that stands in the way of something good is changed here, with a reason.

const sources = globSync('relay/**/*.{ts,tsx}')
  // Vite's own way of being configured.
  .filter((file) => file !== 'relay/console/vite.config.ts')
  .sort();
const tests = globSync('test/**/*.ts').sort();
const textOf = new Map([...sources, ...tests].map((file) => [file, readFileSync(file, 'utf8')]));
/** The same without comments, which may speak of what code may not do. */
const codeOf = new Map(
  [...textOf].map(([file, text]) => [file, text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, '')]),
);

interface Import {
  readonly specifier: string;
  /** Erased when it is compiled. */
  readonly typeOnly: boolean;
}

function staticImportsOf(file: string): Import[] {
  const statements = codeOf.get(file)!.matchAll(/^(?:import|export)\s([^;]*?)from\s+'([^']+)';/gm);
  return [...statements].map(([, clause = '', specifier = '']) => ({ specifier, typeOnly: isTypeOnly(clause) }));
}

function importsOf(file: string): Import[] {
  const code = codeOf.get(file)!;
  return [
    ...staticImportsOf(file),
    ...[...code.matchAll(/\bimport\('([^']+)'\)/g)].map(([, specifier = '']) => ({ specifier, typeOnly: false })),
    ...[...code.matchAll(/^import '([^']+)';/gm)].map(([, specifier = '']) => ({ specifier, typeOnly: false })),
  ];
}

function isTypeOnly(clause: string): boolean {
  if (clause.startsWith('type ')) return true;
  const names = /^\{([\s\S]*)\}\s*$/
    .exec(clause)?.[1]
    ?.split(',')
    .filter((name) => name.trim() !== '');
  return names?.every((name) => name.trim().startsWith('type ')) === true;
}

/** The files of ours that a file imports. */
const ownImports = (file: string): (Import & { target: string })[] =>
  importsOf(file)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map((found) => ({ ...found, target: normalize(join(dirname(file), found.specifier)) }));

const folderOf = (file: string): string => file.split('/')[1]!;

/** For each folder of relay/, the folders it may import from besides itself: the picture in docs/design.md. */
const basis = ['record', 'io', 'telemetry'];
const allowed: Readonly<Record<string, readonly string[]>> = {
  io: [],
  record: ['io'],
  wire: ['record'],
  telemetry: ['io'],
  component: basis,
  inputs: ['component', 'wire', ...basis],
  outputs: ['component', 'wire', ...basis],
  filters: ['component', 'wire', ...basis],
  journal: basis,
  accept: ['component', 'journal', ...basis],
  delivery: ['component', 'journal', ...basis],
  alerts: ['component', ...basis],
  retention: ['journal', ...basis],
  runs: ['component', 'journal', 'wire', ...basis],
  query: ['journal', 'runs', ...basis],
  // It runs beside each runner, and must be small.
  keeper: ['io', 'telemetry'],
  // Of retention it takes the options alone.
  config: ['alerts', 'component', 'inputs', 'outputs', 'filters', 'retention', 'io'],
  runtime: [
    'alerts',
    'component',
    'inputs',
    'outputs',
    'filters',
    'journal',
    'accept',
    'delivery',
    'retention',
    'runs',
    'query',
    'config',
    'wire',
    ...basis,
  ],
  admin: ['runtime', 'config', 'query', 'io', 'telemetry'],
  console: [],
  // Commands such as doctor and export work on a journal without a relay.
  cli: [
    'config',
    'runtime',
    'admin',
    'query',
    'journal',
    'delivery',
    'retention',
    'component',
    'wire',
    'keeper',
    ...basis,
  ],
};

/** Where from a folder may take types besides: what the runtime shows of itself is made of them. */
const allowedTypes: Readonly<Record<string, readonly string[]>> = {
  admin: ['accept', 'alerts', 'delivery', 'journal', 'record', 'retention', 'runs'],
  // The console runs in a browser: of the program it has only the shapes of what the API answers.
  console: ['admin', 'alerts', 'journal', 'query', 'retention', 'runs', 'runtime', 'telemetry'],
};

test.each(sources)('%s imports only what its folder may', (file) => {
  if (file === 'relay/main.ts')
    return expect(ownImports(file).every(({ target }) => folderOf(target) === 'cli')).toBe(true);
  const folder = folderOf(file);
  for (const { target, typeOnly } of ownImports(file)) {
    expect(target, `${file} reaches outside of relay/`).toMatch(/^relay\//);
    if (target === 'relay/errors.ts' || folderOf(target) === folder) continue;
    const folders = [...(allowed[folder] ?? []), ...(typeOnly ? (allowedTypes[folder] ?? []) : [])];
    expect(folders, `${file} imports ${target}`).toContain(folderOf(target));
  }
});

test('every folder has its line in the table of who may import whom, and the table has no circle', () => {
  const folders = new Set(sources.filter((file) => file.split('/').length > 2).map(folderOf));
  for (const folder of folders) expect(Object.keys(allowed)).toContain(folder);

  const settled = new Set<string>();
  for (let before = -1; before !== settled.size;) {
    before = settled.size;
    for (const [folder, needs] of Object.entries(allowed))
      if (needs.every((need) => settled.has(need))) settled.add(folder);
  }
  expect(Object.keys(allowed).filter((folder) => !settled.has(folder))).toEqual([]);
});

test('an input or an output knows no other, and is known by its index.ts alone', () => {
  const componentOf = (file: string): string | undefined => /^relay\/(?:inputs|outputs|filters)\/[^/]+/.exec(file)?.[0];
  const offences = sources.flatMap((file) =>
    ownImports(file)
      .filter(({ target }) => componentOf(target) !== undefined && componentOf(target) !== componentOf(file))
      .filter(({ target }) => folderOf(file) !== 'config' || !/^relay\/\w+\/[^/]+(\/index)?\.ts$/.test(target))
      .map(({ target }) => `${file} imports ${target}`),
  );

  expect(offences).toEqual([]);
});

/** Everything that is loaded with a file, packages among it. */
function loadedWith(file: string): Set<string> {
  const loaded = new Set([file]);
  for (const one of loaded) {
    for (const { specifier, typeOnly } of textOf.has(one) ? staticImportsOf(one) : [])
      if (!typeOnly) loaded.add(specifier.startsWith('.') ? normalize(join(dirname(one), specifier)) : specifier);
  }
  return loaded;
}

test.each(['transcript', 'search', 'tail', 'export', 'verify', 'status', 'hold', 'purge'])(
  'the command %s begins at once: it loads no component, no schema and none of what comes with them',
  (command) => {
    const loaded = loadedWith(`relay/cli/${command}.ts`);

    expect(loaded).toContain('yaml');
    expect(
      [...loaded].filter((one) => /^[a-z@]/.test(one) && !one.startsWith('node:') && !textOf.has(one)).sort(),
    ).toEqual(loaded.has('better-sqlite3') ? ['better-sqlite3', 'yaml'] : ['yaml']);
  },
);

test('no files import each other in a circle', () => {
  const graph = new Map(
    sources.map((file) => [
      file,
      ownImports(file)
        .filter(({ typeOnly }) => !typeOnly)
        .map(({ target }) => target),
    ]),
  );
  const settled = new Set<string>();
  for (let before = -1; before !== settled.size;) {
    before = settled.size;
    for (const [file, needs] of graph)
      if (needs.every((need) => settled.has(need) || !graph.has(need))) settled.add(file);
  }

  expect(sources.filter((file) => !settled.has(file))).toEqual([]);
});

test('nothing outside of the journal knows SQLite', () => {
  const offences = sources.filter((file) => importsOf(file).some(({ specifier }) => /sqlite/.test(specifier)));

  // The positions are Fluent Bit's own database.
  expect(offences.filter((file) => !/^relay\/(journal|runtime)\//.test(file))).toEqual(['relay/keeper/positions.ts']);
});

test('Node’s HTTP is not imported: that would load its `fetch`', () => {
  const importing = sources.filter((file) =>
    importsOf(file).some(({ specifier, typeOnly }) => specifier === 'node:http' && !typeOnly),
  );

  expect(importing).toEqual([]);
});

test('the codecs and the record are pure: no network, no disk, no threads', () => {
  const world = /^node:(fs|net|dgram|tls|http|https|http2|dns|child_process|worker_threads|cluster)\b/;
  const pure = sources.filter((file) => ['wire', 'record'].includes(folderOf(file)));

  expect(pure.filter((file) => importsOf(file).some(({ specifier }) => world.test(specifier)))).toEqual([]);
});

test('the program imports only Node’s own modules and packages that are installed with it', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const installed = new Set(Object.keys(manifest.dependencies));
  // The console is built into files that hold what it imports.
  const built = new Set(Object.keys(manifest.devDependencies));
  for (const file of sources) {
    const packages = folderOf(file) === 'console' ? built : installed;
    for (const { specifier, typeOnly } of importsOf(file)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      expect(builtinModules, `${file}: write "node:${specifier}"`).not.toContain(specifier);
      const name = specifier.startsWith('@') ? specifier.split('/', 2).join('/') : specifier.split('/', 1)[0]!;
      if (!typeOnly) expect(packages.has(name), `${file} imports ${specifier}`).toBe(true);
    }
  }
});

/** Who may ask the world for time, chance and the process itself, besides io/ and main.ts, and why. */
const worldly: Readonly<Record<string, string>> = {
  'relay/journal/sqlite/identity.ts': 'makes the UUID of a journal, once in its life',
  'relay/outputs/stdout/stream.ts': 'standard output is what it writes to',
};

const asksTheWorld =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\bset(?:Timeout|Interval)\b|\bAbortSignal\.timeout\b|\brandom(?:UUID|Bytes|Int)\b|\bprocess\.[a-zA-Z]|\bnode:(?:process|timers)\b/;

test('time, chance and the process come in through io/ and main.ts', () => {
  const asking = sources.filter((file) => asksTheWorld.test(codeOf.get(file)!));
  // A browser has no other world than its own.
  const others = asking.filter((file) => !['io', 'console'].includes(folderOf(file)) && file !== 'relay/main.ts');

  expect(others).toEqual(Object.keys(worldly).sort());
});

const LINES_MAX = 300;

/** Files above the limit, and why they are one file. */
const long: Readonly<Record<string, string>> = {
  'relay/accept/acceptor.ts': 'what gathers, what is on its way and who waits for it is one state',
  'relay/inputs/syslog/record.ts': 'one pass over a message writes one record, field by field',
  'relay/journal/sqlite/client.ts': 'one face of two threads: what is under way in both is one state',
  'relay/journal/sqlite/writer.ts': 'every change of the journal, each a short method over one connection',
  'relay/runs/assembler.ts': 'all jobs, their files and their limits are one state',
  'relay/runs/job.ts': 'what a job holds, waits for and has emitted is one state',
  'relay/wire/syslog-frame.ts': 'one state machine, whose states make sense only together',
};

test(`files have ${LINES_MAX} lines at most`, () => {
  const tooLong = sources.filter((file) => textOf.get(file)!.split('\n').length - 1 > LINES_MAX);

  expect(tooLong).toEqual(Object.keys(long).sort());
});

test('lines have 140 characters at most, but for what a string holds', () => {
  const hollow = (text: string): string =>
    text
      .replaceAll(/`(?:[^`\\]|\\.)*`/gs, (template) => '`'.padEnd(template.split('\n').length, '\n'))
      .replaceAll(/'(?:[^'\\\n]|\\.)*'|\/(?:[^/\\\n]|\\.)+\/[a-z]*/g, "''");
  const wide = [...textOf].flatMap(([file, text]) =>
    hollow(text)
      .split('\n')
      .flatMap((line, index) => (line.length > 140 ? [`${file}:${index + 1}`] : [])),
  );

  expect(wide).toEqual([]);
});

test('names of files are kebab-case', () => {
  const odd = [...textOf.keys()].filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.tsx?$/.test(basename(file)));

  expect(odd).toEqual([]);
});

// A type that stands in a contract may be named again beside it.
test('everything is exported by its name, from where it is', () => {
  const offences = sources.filter((file) => /^export (?:default\b|\*|\{[^}]*\} from)/m.test(codeOf.get(file)!));

  expect(offences).toEqual([]);
});

test('nothing is exported that nothing uses', () => {
  const uses = new Map<string, number>();
  for (const code of codeOf.values())
    for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) uses.set(word, (uses.get(word) ?? 0) + 1);
  const unused = sources.flatMap((file) =>
    [...codeOf.get(file)!.matchAll(/^export (?:async )?(?:function\*?|const|class) ([\w$]+)/gm)]
      .map(([, name = '']) => name)
      .filter((name) => uses.get(name) === 1)
      .map((name) => `${file}: ${name}`),
  );

  expect(unused).toEqual([]);
});

test.each([
  {
    what: 'a note to do something later',
    where: textOf,
    pattern: /\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/,
  },
  { what: 'a type that is given up', where: codeOf, pattern: /\bas any\b|:\s*any\b|<any>/ },
  {
    what: 'a rule switched off without a reason',
    where: textOf,
    pattern: /@ts-(?:ignore|expect-error|nocheck)|oxlint-disable(?!.* -- \S)|eslint-disable|prettier-ignore(?!.*: \S)/,
  },
])('no file holds $what', ({ where, pattern }) => {
  const self = 'test/tidy.test.ts';
  const offences = [...where].filter(([file, text]) => file !== self && pattern.test(text)).map(([file]) => file);

  expect(offences).toEqual([]);
});

test('no test is skipped, left for later, or run alone', () => {
  const offences = tests.filter((file) =>
    /\b(?:test|it|describe|suite)\.(?:skip|todo|only|fails)\b(?!If)/.test(codeOf.get(file)!),
  );

  expect(offences).toEqual([]);
});

const components = globSync('relay/{inputs,outputs,filters}/*').sort();

test.each(components)('%s has a test of its name', (component) => {
  const name = component.replace(/^relay/, 'test').replace(/\.ts$/, '');

  expect(globSync([`${name}.test.ts`, `${name}/**/*.test.ts`]).length).toBeGreaterThan(0);
});

test('every component is in the registry', () => {
  const registry = codeOf.get('relay/config/registry.ts')!;
  const missing = components.filter((component) => !registry.includes(`'../${component.replace(/^relay\//, '')}`));

  expect(missing).toEqual([]);
});
