import type { InputDefinition } from '../component/input.ts';
import type { OutputDefinition } from '../component/output.ts';
import { redact } from '../filters/redact/index.ts';
import { forward } from '../inputs/forward/index.ts';
import { http } from '../inputs/http/index.ts';
import { syslog } from '../inputs/syslog/index.ts';
import { file } from '../outputs/file/index.ts';
import { logInsight } from '../outputs/loginsight/index.ts';
import { logstash } from '../outputs/logstash/index.ts';
import { stdout } from '../outputs/stdout/index.ts';
import { syslog as syslogOutput } from '../outputs/syslog/index.ts';

/** The components that a config may name. An argument everywhere, so that tests bring small ones of their own. */
export interface Registry {
  readonly inputs: readonly InputDefinition[];
  readonly outputs: readonly OutputDefinition[];
  readonly filters: { readonly redact: typeof redact };
}

/** Every input and output of this program, in the order of the documentation. A component that is not listed does not exist. */
export const registry: Registry = {
  inputs: [syslog, http, forward],
  outputs: [logstash, logInsight, syslogOutput, file, stdout],
  filters: { redact },
};
