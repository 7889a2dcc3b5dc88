import { z } from 'zod';
import { datasetOption, listenOption, tlsServerOption } from '../../component/options.ts';

const userOption = z.strictObject({
  name: z.string().min(1).describe('User name that the sender gives.'),
  password: z.string().min(1).optional().describe('The user’s password.').meta({ secret: true }),
  password_file: z.string().optional().describe('File whose first line is the user’s password.'),
});

const fields = z.strictObject({
  listen: listenOption(['tcp', 'tls'], 'tcp://0.0.0.0:24224'),
  tls: tlsServerOption.optional().describe('Certificate and key; needed for `tls://`.'),
  dataset: datasetOption('fluent'),
  shared_key: z
    .string()
    .min(1, 'an empty shared key would let anybody in')
    .optional()
    .describe('Secret that senders must know. Without it anybody who reaches the port may send.')
    .meta({ secret: true }),
  shared_key_file: z.string().optional().describe('File whose first line is the shared key.'),
  users: z
    .array(userOption)
    .max(1_000)
    .default([])
    .describe('Users that may send, each with `password` or `password_file`. Needs a shared key.'),
  server_name: z.string().min(1).max(255).default('spillway').describe('Name that the relay gives itself to senders.'),
  keep_original: z.boolean().default(false).describe('Keeps the bytes of each record beside its fields.'),
  record_bytes_max: z
    .int()
    .min(1_024)
    .max(16 << 20)
    .default(1 << 20)
    .describe('A longer record is split into several, each flagged `split`.'),
  message_bytes_max: z
    .int()
    .min(4_096)
    .max(256 << 20)
    .default(16 << 20)
    .describe('A message that says it is longer is refused and its connection closed.'),
  decompressed_bytes_max: z
    .int()
    .min(4_096)
    .max(1 << 30)
    .default(64 << 20)
    .describe('A compressed message that would be longer than this unpacked is refused and its connection closed.'),
  connections_max: z
    .int()
    .min(1)
    .default(4_096)
    .describe('At this many, the one idle longest makes room for a new one.'),
  connections_per_address_max: z.int().min(1).default(1_024).describe('The same for connections from one address.'),
  idle_timeout_ms: z
    .int()
    .min(0)
    .default(600_000)
    .describe('A connection on which nothing arrives for this long is closed; 0 leaves it open.'),
  handshake_timeout_ms: z
    .int()
    .min(100)
    .default(10_000)
    .describe('How long the TLS handshake may take, and then HELO and PING.'),
  message_timeout_ms: z
    .int()
    .min(100)
    .default(60_000)
    .describe('How long one message may take from its first byte to its last, and an ack to be read.'),
});

export type ForwardOptions = z.output<typeof fields>;

/** Half a set-up that looks like protection and is none must not start. */
export const options = fields.superRefine((given, context) => {
  const issue = (path: (string | number)[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const isTls = given.listen.startsWith('tls:');
  if (isTls && given.tls === undefined)
    issue(['tls'], 'tls:// needs a certificate: set tls.cert_file and tls.key_file');
  if (!isTls && given.tls !== undefined) issue(['listen'], 'with tls set, listen on tls://, not on tcp://');
  if (given.shared_key !== undefined && given.shared_key_file !== undefined)
    issue(['shared_key_file'], 'give shared_key or shared_key_file, not both');
  if (given.users.length > 0 && given.shared_key === undefined && given.shared_key_file === undefined)
    issue(['users'], 'users are asked for their passwords only where there is a shared key: set shared_key_file');
  const names = new Set<string>();
  for (const [index, user] of given.users.entries()) {
    if ((user.password === undefined) === (user.password_file === undefined))
      issue(['users', index], 'give password or password_file, one of them');
    if (names.has(user.name)) issue(['users', index, 'name'], `the user "${user.name}" is there twice`);
    names.add(user.name);
  }
});
