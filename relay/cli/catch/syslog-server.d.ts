/** The package brings no types; these are the parts that are used. */
declare module 'syslog-server' {
  interface SyslogMessage {
    readonly date: Date;
    readonly host: string;
    readonly message: string;
    readonly protocol: string;
  }

  class SyslogServer {
    on(event: 'message', listener: (message: SyslogMessage) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    /** Binds a UDP socket of IPv4. Where the port is taken it emits `error` and never settles. */
    start(options: { readonly port: number; readonly address: string; readonly exclusive: boolean }): Promise<void>;
    stop(): Promise<void>;
  }

  export = SyslogServer;
}
