import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** A program that was found or unpacked. */
export interface Installed {
  readonly file: string;
  /** What its package was unpacked into; `/` where it is installed. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Debian's packages are unpacked below this folder of the checkout, never installed: the two conflict, and would start services. */
const CACHE = '.cache/peers';

/** Finds a program, or unpacks it from its Debian package with the libraries that are missing here; a string says why it can't be had. */
export function findOrUnpack(packageName: string, program: string): Installed | string {
  const onPath = findOnPath(program);
  if (onPath !== undefined) return { file: onPath, root: '/', env: {} };
  const root = resolve(CACHE, packageName);
  if (!existsSync(root)) {
    const failure = unpack(packageName, root);
    if (failure !== undefined) return failure;
  }
  const libraries = ['usr/lib/syslog-ng', 'usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((folder) =>
    join(root, folder),
  );
  const file = ['usr/sbin', 'usr/bin'].map((folder) => join(root, folder, program)).find(isExecutable);
  if (file === undefined) return `${packageName} brings no ${program}`;
  return { file, root, env: { LD_LIBRARY_PATH: libraries.filter((folder) => existsSync(folder)).join(delimiter) } };
}

export function findOnPath(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Undefined when it went well. Needs no rights: only `apt-get`'s lists, and the network. */
function unpack(packageName: string, root: string): string | undefined {
  // Its own for each process: another one may be at it too.
  const unfinished = `${root}.${process.pid}.part`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const plan = spawnSync('apt-get', ['install', '--simulate', '--no-install-recommends', packageName], {
    encoding: 'utf8',
  });
  if (plan.error !== undefined) return 'there is no apt-get here; install it, so that it is on the path';
  const wanted = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  if (wanted.length === 0) return `apt-get does not know ${packageName}: ${lastLine(plan.stderr)}`;
  const download = spawnSync('apt-get', ['download', ...wanted], { cwd: unfinished, encoding: 'utf8' });
  if (download.status !== 0) return `apt-get cannot download ${wanted.join(' ')}: ${lastLine(download.stderr)}`;
  for (const archive of readdirSync(unfinished).filter((name) => name.endsWith('.deb'))) {
    const unpacked = spawnSync('dpkg', ['-x', archive, '.'], { cwd: unfinished, encoding: 'utf8' });
    if (unpacked.status !== 0) return `dpkg cannot unpack ${archive}: ${lastLine(unpacked.stderr)}`;
    rmSync(join(unfinished, archive));
  }
  if (existsSync(root)) rmSync(unfinished, { recursive: true, force: true });
  else renameSync(unfinished, root);
  return undefined;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
