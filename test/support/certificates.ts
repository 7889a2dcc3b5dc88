import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of a certificate and its key, both in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** Common name, and the first part of the file names. */
  readonly name: string;
  /** Subject alternative names in OpenSSL's writing, such as `DNS:localhost,IP:127.0.0.1`; none without it. */
  readonly names?: string;
  /** Signed by this authority; by itself without it. */
  readonly by?: KeyPair;
  readonly authority?: boolean;
  /** Days from now; negative for one that has expired. */
  readonly days?: number;
}

/**
 * A folder of certificates made by `openssl` for one test file. The usual ones are there at once: `ca`, `server` (for localhost and
 * 127.0.0.1), `client`, and another authority, `strangerCa`, with `strangerClient`. Removed when disposed.
 */
export class Certificates implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  readonly ca = this.make({ name: 'ca', authority: true });
  readonly server = this.make({ name: 'server', names: 'DNS:localhost,IP:127.0.0.1', by: this.ca });
  readonly client = this.make({ name: 'client', by: this.ca });
  #strangerCa: KeyPair | undefined;
  #strangerClient: KeyPair | undefined;

  /** An authority that nobody trusts. */
  get strangerCa(): KeyPair {
    this.#strangerCa ??= this.make({ name: 'stranger-ca', authority: true });
    return this.#strangerCa;
  }

  /** A client's certificate from `strangerCa`. */
  get strangerClient(): KeyPair {
    this.#strangerClient ??= this.make({ name: 'stranger-client', by: this.strangerCa });
    return this.#strangerClient;
  }

  make(request: CertificateRequest): KeyPair {
    const { name, names, by, authority = false, days = 2 } = request;
    const at = (suffix: string): string => join(this.folder, `${name}.${suffix}`);
    const pair = { cert: at('pem'), key: at('key') };
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('sec1'));
    // PKCS#8, since that is the only form Logstash takes.
    openssl('pkcs8', '-topk8', '-nocrypt', '-in', at('sec1'), '-out', pair.key);
    openssl('req', '-new', '-key', pair.key, '-subj', `/CN=${name}`, '-out', at('csr'));
    const lines = [
      `basicConstraints=critical,CA:${authority ? 'TRUE' : 'FALSE'}`,
      ...(authority ? ['keyUsage=keyCertSign,cRLSign'] : []),
      ...(names === undefined ? [] : [`subjectAltName=${names}`]),
    ];
    writeFileSync(at('ext'), lines.join('\n'));
    const signed = by === undefined ? ['-signkey', pair.key] : ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial'];
    // `-days` below zero makes a certificate that ended before it began, which is expired to everybody.
    const validity = ['-days', String(days)];
    openssl('x509', '-req', '-in', at('csr'), ...signed, ...validity, '-extfile', at('ext'), '-out', pair.cert);
    return pair;
  }

  /** SHA-256 of the certificate, in hexadecimal with colons. */
  fingerprint(pair: KeyPair): string {
    return openssl('x509', '-in', pair.cert, '-noout', '-fingerprint', '-sha256').trim().replace(/^.*=/, '');
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
