import { advice } from './advice.ts';
import type { Check } from './check.ts';
import { clock } from './clock.ts';
import { dataFolder } from './data-folder.ts';
import { endpoints } from './endpoints.ts';
import { files } from './files.ts';
import { inotify } from './inotify.ts';
import { journal } from './journal.ts';
import { tls } from './tls.ts';

/** What `spillway check` looks at once the config is valid, in this order. */
export const checks: readonly Check[] = [files, tls, dataFolder, journal, endpoints, clock, inotify, advice];
