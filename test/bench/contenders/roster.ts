import { existsSync } from 'node:fs';
import type { Contender } from './contender.ts';
import { fluentBitContenders } from './fluent-bit.ts';
import { findOnPath, findOrUnpack } from '../../support/foreign-programs.ts';
import { relayContender } from './relay.ts';
import { rsyslogContenders } from './rsyslog.ts';
import { syslogNgContenders } from './syslog-ng.ts';

export interface Roster {
  readonly contenders: readonly Contender[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

export interface RosterOptions {
  readonly relayMain: string;
  readonly fluentBit: string | undefined;
}

/** Everyone who can take part on this machine, the relay first, and who can't, and why. */
export function roster({ relayMain, fluentBit: given }: RosterOptions): Roster {
  const contenders: Contender[] = [];
  const skipped: { name: string; why: string }[] = [];
  if (existsSync(relayMain)) contenders.push(relayContender(relayMain));
  else skipped.push({ name: 'relay', why: `there is no ${relayMain}; run: npm run build` });

  const rsyslog = findOrUnpack('rsyslog', 'rsyslogd');
  if (typeof rsyslog === 'string') skipped.push({ name: 'rsyslog', why: rsyslog });
  else contenders.push(...rsyslogContenders(rsyslog));

  const syslogNg = findOrUnpack('syslog-ng-core', 'syslog-ng');
  if (typeof syslogNg === 'string') skipped.push({ name: 'syslog-ng', why: syslogNg });
  else contenders.push(...syslogNgContenders(syslogNg));

  const fluentBit = given ?? findOnPath('fluent-bit');
  if (fluentBit === undefined)
    skipped.push({ name: 'fluent-bit', why: 'it is not on the path; --fluent-bit names it' });
  else contenders.push(...fluentBitContenders(fluentBit));
  return { contenders, skipped };
}
