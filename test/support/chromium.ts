import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { chromium, type Browser } from 'playwright-core';
import { findOnPath } from './foreign-programs.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Nothing that a browser does of its own accord: it would look like a request of the page. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is; root on Debian installs it where it is missing, for it can't be unpacked beside what it needs. Else why not. */
export async function findChromium(): Promise<{ readonly file: string } | { readonly why: string }> {
  const found = onPath();
  if (found !== undefined) return { file: found };
  if (process.getuid?.() !== 0) return { why: 'there is no chromium here; install it, or run the tests as root' };
  const packages = ['chromium', 'fonts-dejavu-core'];
  const options = ['-o', 'DPkg::Lock::Timeout=240', '--no-install-recommends', '--yes'];
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await promisify(execFile)('apt-get', ['install', ...options, ...packages], { env: environment });
  } catch (error) {
    return { why: `chromium can't be installed: ${String(error).trim().split('\n').at(-1) ?? ''}` };
  }
  const installed = onPath();
  return installed === undefined ? { why: 'the package chromium brings no chromium' } : { file: installed };
}

export function launchChromium(file: string): Promise<Browser> {
  return chromium.launch({ executablePath: file, args: QUIET, timeout: 120_000 });
}

function onPath(): string | undefined {
  return NAMES.map(findOnPath).find((file) => file !== undefined);
}
