import type { Server } from 'node:tls';

/** What Node keeps behind a TLS server, as far as it is needed here. */
interface ServerInternals {
  readonly _sharedCreds?: { readonly context?: TicketContext };
}

interface TicketContext {
  enableTicketKeyCallback?(): void;
  onticketkeycallback?: () => readonly [number, Buffer, Buffer, Buffer, Buffer];
}

/** The versions of Node in which this was tried. In another one a wrong answer might end the process. */
const TRIED_IN = ['22', '24'];

/**
 * Has a TLS server send no session tickets. A sender that only ever writes (syslog) does not read them; when it closes its connection
 * with them unread, its system resets it and drops what had not left yet: of 500 messages by loggen 214 were lost so. OpenSSL has a
 * setting for it (`SSL_CTX_set_num_tickets`) that Node does not show; but the key for a ticket is asked for here, and 0 is OpenSSL's
 * answer for "no ticket". Resumption is not missed: such connections are few and long.
 */
export function withoutTickets(server: Server): void {
  const context = (server as Server & ServerInternals)._sharedCreds?.context;
  const [major = ''] = process.versions.node.split('.');
  if (context?.enableTicketKeyCallback === undefined || !TRIED_IN.includes(major)) return;
  const unused = Buffer.alloc(16);
  context.onticketkeycallback = () => [0, unused, unused, unused, unused];
  context.enableTicketKeyCallback();
}
