import type { Config } from '../../config/config.ts';
import { isRecord } from '../../config/explain-schema.ts';
import { parseHostPort } from '../../config/schema.ts';
import type { Check, Finding } from './check.ts';

/** What is allowed, but gives away something that the operator may not have meant to give away. */
export const advice: Check = {
  name: 'advice',
  run: async ({ config }) => {
    const warnings: string[] = [];
    if (config.journal.sync === 'normal')
      warnings.push('journal.sync is normal: a power cut may lose records that were acknowledged');
    if (config.journal.when_full === 'drop_oldest')
      warnings.push('journal.when_full is drop_oldest: a full journal loses records that were acknowledged');
    if (config.endpoints.length === 0) warnings.push('there is no endpoint: records are kept here and sent nowhere');
    const admin = parseHostPort(config.admin.listen);
    if (typeof admin !== 'string' && !/^(localhost|127\..*|::1)$/.test(admin.host))
      warnings.push(
        `admin.listen is ${config.admin.listen}: the console and the API can be reached from other machines`,
      );
    for (const { name, options } of config.endpoints)
      if (isRecord(options['tls']) && options['tls']['verify'] === false)
        warnings.push(`endpoints.${name}.tls.verify is false: anybody may pose as this endpoint`);
    return [
      ...warnings.map((message): Finding => ({ outcome: 'warning', message })),
      ...loops(config).map((message): Finding => ({ outcome: 'problem', message })),
    ];
  },
};

/** Endpoints that are inputs of this relay: what is sent there would come back, for ever. */
function loops({ inputs, endpoints }: Config): string[] {
  return endpoints.flatMap(({ name, definition, options }) =>
    definition.addresses(options).flatMap((address) => {
      const [, host = '', port = ''] = /^[a-z]+:\/\/(?:[^/@]*@)?(\[[^\]]+\]|[^:/[\]]+):(\d{1,5})/.exec(address) ?? [];
      if (!/^(localhost|127\..*|0\.0\.0\.0|\[::1?\])$/.test(host)) return [];
      const own = inputs.find(({ options: { listen } }) => typeof listen === 'string' && listen.endsWith(`:${port}`));
      return own === undefined
        ? []
        : [`endpoints.${name} sends to inputs.${own.name}, so its records would go round for ever`];
    }),
  );
}
