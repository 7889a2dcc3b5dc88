import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import type { Contender, Site } from './contender.ts';
import type { Installed } from '../../support/foreign-programs.ts';

const ECS_FIELDS = [
  '@timestamp=$ISODATE',
  'event.created=$R_ISODATE',
  'event.dataset=syslog',
  'host.name=$HOST',
  'log.syslog.priority=int($PRI)',
  'log.syslog.facility.code=int($FACILITY_NUM)',
  'log.syslog.severity.code=int($LEVEL_NUM)',
  'log.syslog.appname=$PROGRAM',
  'log.syslog.procid=$PID',
  'log.syslog.msgid=$MSGID',
  'log.syslog.structured_data=$SDATA',
  'message=$MESSAGE',
];
const TEMPLATE = `$(format-json ${ECS_FIELDS.map((field) => `--pair ${field}`).join(' ')})\\n`;

export function syslogNgContenders(installed: Installed): Contender[] {
  const contender = (
    name: string,
    about: string,
    keeps: boolean,
    diskBuffer: (directory: string) => string,
  ): Contender => ({
    name,
    about,
    keeps,
    command: (site) => command(installed, site, diskBuffer(site.directory)),
  });
  return [
    contender(
      'syslog-ng-memory',
      'two destinations of a worker each, flow control, fetch and flush of 1,000',
      false,
      () => '',
    ),
    contender(
      'syslog-ng-reliable',
      'the same with a reliable disk buffer of 4 GiB each, 32 MiB of it in memory',
      true,
      (directory) => `disk-buffer(reliable(yes) mem-buf-size(33554432) disk-buf-size(4294967296) dir("${directory}"))`,
    ),
  ];
}

/**
 * A destination of syslog-ng writes from one thread, and formatting JSON is most of its work, so one destination leaves a core idle: the
 * hosts are shared out between two.
 */
function command(installed: Installed, { directory, input, endpointPort }: Site, diskBuffer: string): Command {
  const destination = (n: number): string =>
    `destination d${n} { network("127.0.0.1" port(${endpointPort}) transport("tcp") template(ecs) log-fifo-size(200000)
  ${diskBuffer} persist-name("d${n}")); };`;
  const udp = input.protocol === 'udp';
  const limits = udp ? 'so-rcvbuf(4194304) log-iw-size(100000)' : 'max-connections(8) log-iw-size(80000)';
  const file = join(directory, 'syslog-ng.conf');
  writeFileSync(
    file,
    `@version: 3.38
options { threaded(yes); stats-freq(0); use-dns(no); dns-cache(no); keep-hostname(yes); log-msg-size(65536); time-reopen(1);
  flush-lines(1000); ts-format(iso); frac-digits(6); };
source load { network(ip("127.0.0.1") port(${input.port}) transport("${input.protocol}") flags(syslog-protocol) log-fetch-limit(1000)
  ${limits}); };
template ecs { template("${TEMPLATE}"); };
${destination(0)}
${destination(1)}
filter even { match("[02468][.]" value("HOST")) };
log { source(load); if (filter(even)) { destination(d0); } else { destination(d1); }; ${udp ? '' : 'flags(flow-control);'} };
`,
  );
  const modules = join(installed.root, 'usr/lib/syslog-ng/3.38');
  const own = ['-R', join(directory, 'persist'), '-c', join(directory, 'control'), '-p', join(directory, 'pid')];
  return {
    file: installed.file,
    args: ['-F', '--no-caps', `--module-path=${modules}`, '-f', file, ...own],
    env: installed.env,
  };
}
