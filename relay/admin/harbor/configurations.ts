import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isStored } from '../../config/config.ts';
import {
  HARBOR_DATASET,
  HARBOR_FORWARD,
  forwardUrl,
  readHarborSettings,
  writeHarborSettings,
  type HarborSettings,
} from '../../config/harbor-settings.ts';
import { connect } from '../../io/connect.ts';
import { HttpError } from '../http-error.ts';
import type { AdminContext } from '../server.ts';
import { badRequest } from './errors.ts';
import { harborRoute } from './harbor-route.ts';

/** Harbor itself waits as long as the system does. */
const CONNECT_TIMEOUT_MS = 5_000;

const item = <Value extends z.ZodType>(value: Value) => z.object({ value, editable: z.boolean() });

const answer = z.object({
  audit_log_forward_endpoint: item(z.string()),
  skip_audit_log_database: item(z.boolean()),
  disabled_audit_log_event_types: item(z.string()),
  pull_audit_log_disable: item(z.boolean()),
});

/** Other keys of Harbor’s are passed over, as it passes over keys that it does not know. */
const body = z.looseObject({
  audit_log_forward_endpoint: z.string().max(300).optional(),
  skip_audit_log_database: z.boolean().optional(),
  disabled_audit_log_event_types: z.string().max(2_000).optional(),
  pull_audit_log_disable: z.boolean().optional(),
});

/**
 * Harbor’s settings of its audit log, as far as the relay has the like: the forward endpoint is an endpoint of the relay’s for
 * `harbor.audit`, and to skip the database is not to keep that dataset once every endpoint has it.
 */
export function configurationRoutes(app: FastifyInstance, context: AdminContext): void {
  harborRoute(
    app,
    context,
    { method: 'GET', path: '/configurations', summary: 'The settings of the audit log.', role: 'operator', answer },
    () => shown(context),
  );
  harborRoute(
    app,
    context,
    {
      method: 'PUT',
      path: '/configurations',
      summary: 'Changes settings of the audit log. A forward endpoint must accept a connection now.',
      role: 'admin',
      action: 'change-harbor-configuration',
      body,
      answer: 'text/plain',
    },
    async ({ body: given, reply }) => {
      refuseToDisable(given);
      const before = readHarborSettings(context.dataFolder);
      const after = changed(before, given);
      refuseWhatTheFileSays(context, before, after);
      if (given.audit_log_forward_endpoint !== undefined && after.audit_log_forward_endpoint !== '')
        await mustAccept(context, after.audit_log_forward_endpoint);
      if (after.skip_audit_log_database && after.audit_log_forward_endpoint === '')
        throw badRequest('audit log forward endpoint should be configured before enable skip audit log in database');
      await takeOver(context, before, after);
      return reply.status(200).send();
    },
  );
}

function changed(before: HarborSettings, given: z.output<typeof body>): HarborSettings {
  const endpoint = given.audit_log_forward_endpoint?.trim() ?? before.audit_log_forward_endpoint;
  return {
    audit_log_forward_endpoint: endpoint,
    skip_audit_log_database: given.skip_audit_log_database ?? before.skip_audit_log_database,
    retiring_endpoint: endpoint === '' ? before.audit_log_forward_endpoint || before.retiring_endpoint : '',
  };
}

function shown({ relay, dataFolder }: AdminContext): z.output<typeof answer> {
  const given = readHarborSettings(dataFolder);
  const isFixed = fixedByFile(relay.config.endpoints, given);
  return {
    audit_log_forward_endpoint: { value: given.audit_log_forward_endpoint, editable: !isFixed },
    skip_audit_log_database: { value: !isStored(relay.config.store, HARBOR_DATASET), editable: true },
    disabled_audit_log_event_types: { value: '', editable: false },
    pull_audit_log_disable: { value: false, editable: false },
  };
}

/** True where the config file has an endpoint of that name, which then is not ours to change. */
function fixedByFile(endpoints: AdminContext['relay']['config']['endpoints'], given: HarborSettings): boolean {
  const isOurs = given.audit_log_forward_endpoint !== '' || given.retiring_endpoint !== '';
  return endpoints.some(({ name }) => name === HARBOR_FORWARD) && !isOurs;
}

/** What Harbor sends is kept: a setting that has audit records vanish on their way would be a trap. */
function refuseToDisable(given: z.output<typeof body>): void {
  if ((given.disabled_audit_log_event_types ?? '').trim() !== '' || given.pull_audit_log_disable === true)
    throw badRequest(
      'the relay keeps every audit record that it gets; disable event types in Harbor itself, or purge them here',
    );
}

function refuseWhatTheFileSays({ relay }: AdminContext, before: HarborSettings, after: HarborSettings): void {
  if (after.audit_log_forward_endpoint !== '' && fixedByFile(relay.config.endpoints, before))
    throw new HttpError(403, `the config file has an endpoint ${HARBOR_FORWARD}; change it there`);
}

/** Throws 400, with Harbor’s own words where nobody answers. */
async function mustAccept({ relay, clock }: AdminContext, endpoint: string): Promise<void> {
  const target = forwardUrl(endpoint);
  if (target === undefined)
    throw badRequest(`${JSON.stringify(endpoint)} is no forward endpoint; write host:port, such as harbor-log:10514`);
  const ownPorts = [...relay.inputs.values()].map(({ address }) => Number(address.slice(address.lastIndexOf(':') + 1)));
  if (/^(localhost|127\..*|::1|0\.0\.0\.0|::)$/.test(target.host) && ownPorts.includes(target.port))
    throw badRequest(`${endpoint} is an input of this relay: it would send its records to itself`);
  try {
    const socket = await connect({ host: target.host, port: target.port, clock, timeoutMs: CONNECT_TIMEOUT_MS });
    socket.destroy();
  } catch {
    throw badRequest(`could not connect to the audit endpoint: ${endpoint}`);
  }
}

/** Writes the settings and has the relay take them over; where it does not, they are as they were. */
async function takeOver(context: AdminContext, before: HarborSettings, after: HarborSettings): Promise<void> {
  writeHarborSettings(context.dataFolder, after);
  try {
    await context.reload();
  } catch (error) {
    writeHarborSettings(context.dataFolder, before);
    throw error;
  }
}
