import { z } from 'zod';
import { parseListenUrl } from '../io/listen-url.ts';

/** Option fields that several components share, so that they are named, described and checked alike. */

export function listenOption(schemes: readonly string[], example: string) {
  return z
    .string()
    .superRefine((text, context) => {
      const parsed = parseListenUrl(text, schemes);
      if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
    })
    .describe(
      `Address to listen on: ${schemes.map((s) => `\`${s}://host:port\``).join(', ')}. Port 0 picks a free one.`,
    )
    .meta({ examples: [example] });
}

/** The dataset that an input's records belong to. */
export function datasetOption(fallback: string) {
  return z
    .string()
    .regex(/^[a-z0-9_][a-z0-9_.-]{0,99}$/, 'use lower-case letters, digits, "_", "." and "-"')
    .default(fallback)
    .describe('`event.dataset` of the records, where they do not bring their own.');
}

/** How a server proves who it is, and whether it asks clients to. Files are read at start and again on reload. */
export const tlsServerOption = z
  .strictObject({
    cert_file: z.string().describe('Certificate, with its chain, in PEM.'),
    key_file: z.string().describe('Private key, in PEM.'),
    key_passphrase_file: z.string().optional().describe('File whose first line is the key’s passphrase.'),
    client_ca_file: z
      .string()
      .optional()
      .describe('CA certificates that clients’ certificates must come from, in PEM.'),
    client_auth: z
      .enum(['none', 'optional', 'required'])
      .default('none')
      .describe('Whether clients must show a certificate. `optional` and `required` need `client_ca_file`.'),
    crl_file: z.string().optional().describe('Revoked certificates, in PEM.'),
    min_version: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('The oldest TLS version that is accepted.'),
  })
  .refine((tls) => tls.client_auth === 'none' || tls.client_ca_file !== undefined, {
    message: 'client_auth needs client_ca_file: without it no client’s certificate could be checked',
    path: ['client_ca_file'],
  });

/** How a client checks the server, and proves who it is. */
export const tlsClientOption = z
  .strictObject({
    ca_file: z.string().optional().describe('CA certificates to trust instead of the system’s, in PEM.'),
    cert_file: z.string().optional().describe('Client certificate, with its chain, in PEM.'),
    key_file: z.string().optional().describe('Private key of the client certificate, in PEM.'),
    key_passphrase_file: z.string().optional().describe('File whose first line is the key’s passphrase.'),
    server_name: z
      .string()
      .optional()
      .describe('Name to expect in the server’s certificate, where it is not the host of the URL.'),
    fingerprint_sha256: z
      .string()
      .regex(/^([0-9A-Fa-f]{2}:?){32}$/, 'a SHA-256 fingerprint has 32 bytes in hexadecimal, with or without colons')
      .optional()
      .describe('Trust exactly the certificate with this SHA-256 fingerprint, whoever signed it.'),
    verify: z.boolean().default(true).describe('`false` accepts any certificate: for a first try only.'),
    min_version: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('The oldest TLS version that is accepted.'),
  })
  .refine((tls) => (tls.cert_file === undefined) === (tls.key_file === undefined), {
    message: 'cert_file and key_file go together',
    path: ['key_file'],
  });

export type TlsServerOption = z.output<typeof tlsServerOption>;
export type TlsClientOption = z.output<typeof tlsClientOption>;
