import { z } from 'zod';
import type { FoundRecord } from '../../query/request.ts';

/** A row of the list that Harbor 2.12 and before had. */
export const auditLog = z.object({
  id: z.int(),
  username: z.string().optional(),
  resource: z.string().optional(),
  resource_type: z.string().optional(),
  operation: z.string().optional(),
  op_time: z.iso.datetime(),
});

/** A row of the list of Harbor 2.13 and later, with two members of ours. */
export const auditLogExt = auditLog.extend({
  operation_description: z.string().optional(),
  operation_result: z.boolean().describe('Always true, since clients want a boolean; see `operation_result_known`.'),
  operation_result_known: z.literal(false).describe('The syslog line does not say whether something succeeded.'),
  flags: z.array(z.string()).optional().describe('What is odd about the record: docs/harbor.md.'),
});

const storedRecord = z.object({
  '@timestamp': z.string(),
  harbor: z.object({
    action: z.string(),
    resource_type: z.string().default(''),
    resource: z.string().default(''),
    operator: z.string().default(''),
    operator_decoded: z.string().optional(),
    description: z.string().default(''),
  }),
  spillway: z.object({ flags: z.array(z.string()).optional() }).optional(),
});

/** A record of Harbor’s, as the lists show it. */
export class AuditRow {
  readonly id: number;
  readonly opTimeMs: number;
  readonly #record: z.output<typeof storedRecord>;

  private constructor(id: number, record: z.output<typeof storedRecord>) {
    this.id = id;
    this.#record = record;
    this.opTimeMs = Date.parse(record['@timestamp']);
  }

  /** Undefined for a record that is in the dataset and none of Harbor’s. */
  static of({ seq, line }: FoundRecord): AuditRow | undefined {
    const parsed = storedRecord.safeParse(JSON.parse(line));
    return parsed.success ? new AuditRow(seq, parsed.data) : undefined;
  }

  /** The texts of a column. */
  texts(key: string): readonly string[] {
    const { harbor } = this.#record;
    switch (key) {
      case 'username':
        return harbor.operator_decoded === undefined ? [harbor.operator] : [harbor.operator, harbor.operator_decoded];
      case 'operation':
        return [harbor.action];
      case 'resource_type':
        return [harbor.resource_type];
      case 'resource':
        return [harbor.resource];
      case 'op_desc':
        return [harbor.description];
      default:
        return [];
    }
  }

  /** Members that are empty are left out, as Harbor’s own models do. */
  legacy(): z.output<typeof auditLog> {
    const { harbor } = this.#record;
    const named = { username: harbor.operator, resource: harbor.resource, resource_type: harbor.resource_type };
    const filled = Object.fromEntries(Object.entries(named).filter(([, text]) => text !== ''));
    return { id: this.id, ...filled, operation: harbor.action, op_time: new Date(this.opTimeMs).toISOString() };
  }

  ext(): z.output<typeof auditLogExt> {
    const { harbor, spillway } = this.#record;
    return {
      ...this.legacy(),
      ...(harbor.description === '' ? {} : { operation_description: harbor.description }),
      operation_result: true,
      operation_result_known: false,
      ...(spillway?.flags === undefined ? {} : { flags: spillway.flags }),
    };
  }
}
