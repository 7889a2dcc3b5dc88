/** The package brings no types; these are the parts that are used. */
declare module 'syslog-server' {
  import type { EventEmitter } from 'node:events';

  interface SyslogMessage {
    readonly date: Date;
    readonly host: string;
    readonly message: string;
    readonly protocol: string;
  }

  class SyslogServer extends EventEmitter<{ message: [SyslogMessage]; error: [Error]; start: []; stop: [] }> {
    /** Binds a UDP socket of IPv4. Where the port is taken it emits `error` and never settles. */
    start(options: { readonly port: number; readonly address: string; readonly exclusive: boolean }): Promise<void>;
    stop(): Promise<void>;
  }

  export = SyslogServer;
}
