import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireConfig } from '../../config/load.ts';
import { registry } from '../../config/registry.ts';
import { systemClock } from '../../io/clock.ts';
import { systemRandom } from '../../io/random.ts';
import { silentLog } from '../../telemetry/logger.ts';
import { Metrics, type MetricDocument } from '../../telemetry/metrics.ts';
import { Relay } from '../relay.ts';

/** Every metric that a relay has: asked of one that is started for it, with nobody to receive from and nowhere to send. */
export async function documentedMetrics(): Promise<readonly MetricDocument[]> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-metrics-'));
  try {
    const file = join(folder, 'config.yaml');
    const input = '{ type: syslog, listen: "tcp://127.0.0.1:0" }';
    writeFileSync(file, `data_dir: ./data\njournal: { min_free_bytes: 0 }\ninputs: { any: ${input} }\n`);
    const config = requireConfig({ file, workingFolder: folder, environment: {}, registry });
    const metrics = new Metrics();
    const world = { clock: systemClock, random: systemRandom, log: silentLog, metrics, onFatal: () => {} };
    const relay = await Relay.start(config, world);
    await relay.stop(1_000);
    return metrics.documented;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
