/** The package `syslog-server` has no types of its own. */
declare module 'syslog-server' {
  import type { EventEmitter } from 'node:events';

  class SyslogServer extends EventEmitter {
    start(options: { port: number; address: string; exclusive: boolean }): Promise<void>;
    stop(): Promise<void>;
  }

  export = SyslogServer;
}
