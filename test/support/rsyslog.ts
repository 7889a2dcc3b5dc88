import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOrUnpack, type Installed } from './foreign-programs.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { freeUdpPort } from './free-port.ts';

/** A message as rsyslog understood it. */
export interface RsyslogMessage {
  readonly pri: string;
  readonly hostname: string;
  readonly app: string;
  readonly procid: string;
  readonly msgid: string;
  readonly sd: string;
  readonly msg: string;
}

/** Where rsyslog is, installed or unpacked; a string says why it cannot be had. */
export function findRsyslog(): Installed | string {
  return findOrUnpack('rsyslog', 'rsyslogd');
}

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

/** Debian's rsyslog on ports of its own, writing what it receives to a file. Not a service: nothing of the machine's is touched. */
export class Rsyslog implements AsyncDisposable {
  readonly #folder: ReturnType<typeof temporaryFolder>;
  readonly #process: ChildProcess;
  readonly udpPort: number;
  tcpPort = 0;

  private constructor(folder: ReturnType<typeof temporaryFolder>, child: ChildProcess, udpPort: number) {
    this.#folder = folder;
    this.#process = child;
    this.udpPort = udpPort;
  }

  static async start({ file, root, env }: Installed): Promise<Rsyslog> {
    const folder = temporaryFolder();
    const udpPort = await freeUdpPort();
    const configuration = join(folder.path, 'rsyslog.conf');
    writeFileSync(configuration, CONFIGURATION.replaceAll('FOLDER', folder.path).replace('UDP_PORT', String(udpPort)));
    const modules = join(root, LIBRARIES, 'rsyslog');
    const child = spawn(file, ['-n', '-f', configuration, '-i', join(folder.path, 'pid'), '-M', modules], {
      env,
      stdio: 'ignore',
    });
    return new Rsyslog(folder, child, udpPort);
  }

  /** The port it took for TCP; 0 until it has. */
  findTcpPort(): number {
    const file = join(this.#folder.path, 'port');
    this.tcpPort = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    return this.tcpPort;
  }

  get messages(): RsyslogMessage[] {
    const file = join(this.#folder.path, 'received');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((text) => JSON.parse(text) as RsyslogMessage);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await gone;
    this.#folder[Symbol.dispose]();
  }
}

// Control characters are left as they are, so that the test sees what arrived and not what rsyslog made harmless.
const CONFIGURATION = `
global(workDirectory="FOLDER" maxMessageSize="256k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp")
module(load="imudp")
template(name="received" type="list" option.jsonf="on") {
  property(outname="pri" name="pri" format="jsonf")
  property(outname="hostname" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="procid" name="procid" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}
ruleset(name="keep") {
  action(type="omfile" file="FOLDER/received" template="received" asyncWriting="off" ioBufferSize="1" flushOnTXEnd="on")
}
input(type="imtcp" port="0" address="127.0.0.1" listenPortFileName="FOLDER/port" ruleset="keep")
input(type="imudp" port="UDP_PORT" address="127.0.0.1" ruleset="keep")
`;
