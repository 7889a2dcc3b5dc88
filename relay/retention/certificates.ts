import type { RetentionStore } from '../journal/retention-store.ts';
import type { Tell } from './contract.ts';

/** Puts certificates that are not there yet into the stream, where the hash chain and the endpoints keep them. */
export async function tellCertificates(store: RetentionStore, tell: Tell): Promise<void> {
  for (const { runId, hash, body } of await store.untold()) {
    const said = JSON.parse(body) as { records?: unknown };
    const message = `purge ${runId} took ${String(said.records)} records; certificate ${hash}`;
    const seq = await tell('spillway.certificate', message, { certificate: { purge: runId, hash, body } });
    await store.told(runId, seq);
  }
}
