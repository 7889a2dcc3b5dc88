import { z } from 'zod';
import { defineOutput } from '../../component/output.ts';
import { StdoutOutput } from './output.ts';
import { openStdout } from './stream.ts';

const options = z.strictObject({
  records_max: z.int().min(1).max(100_000).default(1_000).describe('Records in one write.'),
  bytes_max: z.int().min(4_096).max(16_777_216).default(262_144).describe('Bytes in one write.'),
});

export const stdout = defineOutput({
  type: 'stdout',
  stability: 'stable',
  summary: 'Writes records to standard output, as NDJSON.',
  notes: [
    'Acknowledged once the kernel has them: what a pipe still holds when its reader ends is lost.',
    'A slow reader holds this endpoint back, not the relay.',
    'The relay’s own log must go elsewhere, or both mix.',
  ],
  options,
  acknowledgement: () => 'endpoint',
  addresses: () => [],
  create: (o) =>
    new StdoutOutput({ recordsMax: o.records_max, bytesMax: o.bytes_max, inFlightMax: 1 }, () => openStdout()),
});
