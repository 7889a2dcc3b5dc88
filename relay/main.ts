#!/usr/bin/env node
import type { Terminal } from './cli/command.ts';
import type * as Cli from './cli/commands.ts';

// The only file that touches `process`. Until the version is checked it imports nothing and keeps to syntax that any Node with
// ES modules can read: on an old one the native modules further down end in a segmentation fault.
const needed = [22, 19];
const version = process.versions.node;
const [major = 0, minor = 0] = version.split('.').map(Number);

if (major < needed[0]! || (major === needed[0] && minor < needed[1]!)) {
  process.stderr.write(
    'spillway needs Node.js ' +
      needed.join('.') +
      ' or newer, and this is ' +
      version +
      '. In a checkout "npx spillway" and "npm start" bring their own.\n',
  );
  process.exitCode = 2;
} else {
  // Stays where the command's promise is never settled: then the process ends without a word, and must not look well.
  process.exitCode = 1;
  // What Node makes of the built program is kept beside it, where that may be written to, so that the next start is quicker. Not in Node's
  // own place for it: that is a folder below /tmp, which others may have made before us.
  if (import.meta.url.endsWith('.js')) {
    const folder = new URL('./.compile-cache', import.meta.url);
    process
      .getBuiltinModule('node:module')
      .enableCompileCache(process.getBuiltinModule('node:url').fileURLToPath(folder));
  }
  import('./cli/commands.ts').then(start, (error: unknown) => {
    process.stderr.write(
      'spillway cannot be loaded: ' + String(error) + '\nIs it installed and built? See README.md.\n',
    );
  });
}

function start(cli: typeof Cli): Promise<void> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // Whoever asks twice does not want to wait.
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort();
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    // `spillway tail | head`: whoever read has seen enough.
    stream.on('error', () => stopping.abort());
  }
  return cli
    .runCommandLine(process.argv.slice(2), {
      stdout: terminal(process.stdout),
      stderr: terminal(process.stderr),
      environment: process.env,
      workingFolder: process.cwd(),
      processId: process.pid,
      signal: stopping.signal,
      ...(process.stdin.isTTY && process.stderr.isTTY ? { confirm } : {}),
      onReload(listener) {
        process.on('SIGHUP', listener);
        return () => process.off('SIGHUP', listener);
      },
    })
    .then((exitCode) => {
      process.exitCode = exitCode;
    });
}

async function confirm(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question + ' [y/N] ')).trim());
  } finally {
    lines.close();
  }
}

function terminal(stream: NodeJS.WriteStream): Terminal {
  return {
    isTerminal: 'isTTY' in stream && stream.isTTY,
    columns: stream.columns,
    write: (text) => stream.write(text),
    drained: () =>
      new Promise((resolve) => {
        if (!stream.writableNeedDrain || stream.destroyed) return resolve();
        const done = (): void => {
          stream.off('drain', done).off('close', done).off('error', done);
          resolve();
        };
        stream.on('drain', done).on('close', done).on('error', done);
      }),
  };
}
