import type { Config } from '../config/config.ts';

/** Options whose value is a secret itself. What ends in `_file` names a file, and may be seen. */
const SECRET = /(password|passphrase|secret|token|credential|authorization|shared_key|api_key|literal)/;

const HIDDEN = '(hidden)';

/** The config as people may see it: as it would be written, with every default, without secrets. */
export function shownConfig(config: Config): Readonly<Record<string, unknown>> {
  const { file: _, inputs, endpoints, redact, ...rest } = config;
  return {
    ...(shown(rest) as Record<string, unknown>),
    redact: shown(redact.options),
    inputs: Object.fromEntries(
      inputs.map(({ name, definition, options }) => [name, { type: definition.type, ...(shown(options) as object) }]),
    ),
    endpoints: Object.fromEntries(
      endpoints.map(({ name, definition, options, delivery }) => [
        name,
        { type: definition.type, ...(shown(options) as object), ...(shown(delivery) as object) },
      ]),
    ),
  };
}

function shown(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/:\/\/[^\s/@"]*@/g, '://…@');
  if (Array.isArray(value)) return value.map(shown);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const isSecret = SECRET.test(key) && !/_(file|path|dir|ms|max|min)$/.test(key) && inner !== undefined;
      return [key, isSecret ? HIDDEN : shown(inner)];
    }),
  );
}
