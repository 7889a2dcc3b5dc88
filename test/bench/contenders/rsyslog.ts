import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../processes.ts';
import type { Contender, Site } from './contender.ts';
import type { Installed } from '../../support/foreign-programs.ts';

/** The fields that the relay writes, but for `event.id`, which would cost rsyslog a UUID a record. */
const ECS_TEMPLATE = `template(name="ecs" type="list") {
  constant(value="{\\"@timestamp\\":\\"") property(name="timereported" dateFormat="rfc3339")
  constant(value="\\",\\"event\\":{\\"created\\":\\"") property(name="timegenerated" dateFormat="rfc3339")
  constant(value="\\",\\"dataset\\":\\"syslog\\"},\\"host\\":{\\"name\\":\\"") property(name="hostname" format="json")
  constant(value="\\"},\\"log\\":{\\"syslog\\":{\\"priority\\":") property(name="pri")
  constant(value=",\\"facility\\":{\\"code\\":") property(name="syslogfacility")
  constant(value="},\\"severity\\":{\\"code\\":") property(name="syslogseverity")
  constant(value="},\\"appname\\":\\"") property(name="app-name" format="json")
  constant(value="\\",\\"procid\\":\\"") property(name="procid" format="json")
  constant(value="\\",\\"msgid\\":\\"") property(name="msgid" format="json")
  constant(value="\\",\\"structured_data\\":\\"") property(name="structured-data" format="json")
  constant(value="\\"}},\\"message\\":\\"") property(name="msg" format="json")
  constant(value="\\"}\\n")
}`;

/** Two workers, started early; a full queue makes the sender wait and never throws a record away. */
const MEMORY_QUEUE = `main_queue(queue.type="FixedArray" queue.size="200000" queue.dequeueBatchSize="1024"
  queue.workerThreads="2" queue.workerThreadMinimumMessages="2000" queue.timeoutEnqueue="3600000")`;

/**
 * In memory until 400,000 records wait, on disk from there. The mark at which rsyslog delays its senders is moved out of the way: at its
 * default of 70 % an outage would let in a batch a second.
 */
const ASSISTED_QUEUE = `main_queue(queue.type="LinkedList" queue.filename="main" queue.size="500000" queue.highWatermark="400000"
  queue.lowWatermark="100000" queue.lightDelayMark="500000" queue.dequeueBatchSize="1024" queue.workerThreads="2"
  queue.workerThreadMinimumMessages="2000" queue.maxFileSize="128m" queue.checkpointInterval="10000" queue.saveOnShutdown="on"
  queue.timeoutEnqueue="3600000")`;

/** Every record goes to disk before anything else happens to it, and every write is synced. */
const SAFE_QUEUE = `main_queue(queue.type="Disk" queue.filename="main" queue.syncQueueFiles="on" queue.checkpointInterval="1"
  queue.size="100000000" queue.lightDelayMark="100000000" queue.dequeueBatchSize="1024" queue.maxFileSize="128m"
  queue.saveOnShutdown="on" queue.timeoutEnqueue="3600000")`;

/** The same without the syncs: what a power cut leaves is chance, what a crash leaves is whole. */
const DISK_QUEUE = SAFE_QUEUE.replace(' queue.syncQueueFiles="on"', '');

export function rsyslogContenders(installed: Installed): Contender[] {
  const contender = (name: string, about: string, keeps: boolean, queue: string): Contender => ({
    name,
    about,
    keeps,
    command: (site) => command(installed, site, queue),
  });
  return [
    contender('rsyslog-memory', 'FixedArray queue of 200,000, batches of 1,024, 2 workers', false, MEMORY_QUEUE),
    contender(
      'rsyslog-assisted',
      'disk-assisted LinkedList queue, 2 workers, checkpoint each 10,000',
      true,
      ASSISTED_QUEUE,
    ),
    contender('rsyslog-disk', 'Disk queue, checkpoint each batch, no sync', true, DISK_QUEUE),
    contender('rsyslog-safe', 'Disk queue, checkpoint each batch, every write synced', true, SAFE_QUEUE),
  ];
}

function command(installed: Installed, { directory, input, endpointPort }: Site, queue: string): Command {
  const file = join(directory, 'rsyslog.conf');
  writeFileSync(
    file,
    `global(workDirectory="${directory}" maxMessageSize="64k")
${input.protocol === 'udp' ? 'module(load="imudp" threads="2" batchSize="256" timeRequery="8")' : 'module(load="imptcp" threads="1")'}
${queue}
${ECS_TEMPLATE}
input(type="${input.protocol === 'udp' ? 'imudp" rcvbufSize="4m' : 'imptcp'}" address="127.0.0.1" port="${input.port}")
action(type="omfwd" target="127.0.0.1" port="${endpointPort}" protocol="tcp" template="ecs"
  action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="1")
`,
  );
  const args = [
    '-n',
    '-f',
    file,
    '-i',
    join(directory, 'rsyslog.pid'),
    '-M',
    join(installed.root, 'usr/lib/x86_64-linux-gnu/rsyslog'),
  ];
  return { file: installed.file, args, env: installed.env };
}
