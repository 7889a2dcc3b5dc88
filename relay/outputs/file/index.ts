import { z } from 'zod';
import { defineOutput } from '../../component/output.ts';
import { Archive } from './archive.ts';
import { FileOutput } from './output.ts';
import { RotatingFile } from './rotating-file.ts';

const options = z.strictObject({
  path: z
    .string()
    .min(1)
    .regex(/^[^\0]*[^/\0]$/, 'names no file')
    .describe('The file to append to. Folders that are missing are made, for the relay’s user alone.')
    .meta({ examples: ['./data/forwarded.ndjson'] }),
  sync: z
    .enum(['each', 'interval'])
    .default('each')
    .describe('When records are forced to disk: with each delivery, or together each `sync_interval_ms`.'),
  sync_interval_ms: z
    .int()
    .min(10)
    .max(60_000)
    .default(200)
    .describe('With `sync: interval`: the longest that records wait to be forced to disk, and so acknowledged.'),
  rotate_bytes: z
    .int()
    .min(0)
    .default(0)
    .describe('Begins a new file before this one grows above so many bytes, one write apart; 0 does not.'),
  rotate_every: z
    .enum(['never', 'hourly', 'daily'])
    .default('never')
    .describe('Begins a new file with each hour or day, in UTC.'),
  compress: z
    .enum(['none', 'gzip', 'zstd'])
    .default('none')
    .describe('How files that are complete are compressed, in the background.'),
  files_max: z.int().min(0).default(0).describe('Complete files to keep; older ones are removed. 0 keeps all.'),
  total_bytes_max: z
    .int()
    .min(0)
    .default(0)
    .describe('Bytes of complete files to keep; the oldest are removed. 0 keeps all.'),
  records_max: z.int().min(1).max(100_000).default(10_000).describe('Records in one write.'),
  bytes_max: z
    .int()
    .min(4_096)
    .max(64 * 1_048_576)
    .default(4 * 1_048_576)
    .describe('Bytes in one write.'),
});

export const file = defineOutput({
  type: 'file',
  stability: 'stable',
  summary: 'Appends records to a file, as NDJSON.',
  notes: [
    'A delivery is acknowledged once it has been forced to disk. A line that a crash left unfinished was not acknowledged: it is cut off ' +
      'when the file is opened again, said in the log, and its record is written anew.',
    'Complete files are called like the file with the time of their end before the extension: `forwarded.20261122T052010123Z.ndjson`, and ' +
      '`.gz` or `.zst` after it where they are compressed.',
    'A file that something else moves away or removes is noticed, and made again. One file must not be written by two endpoints.',
    'Files are for the relay’s user alone (mode 0600, folders 0700).',
  ],
  options,
  acknowledgement: () => 'endpoint',
  addresses: () => [],
  create(o, context) {
    const { clock, log } = context;
    const archive = new Archive({
      path: o.path,
      compress: o.compress,
      filesMax: o.files_max === 0 ? Number.POSITIVE_INFINITY : o.files_max,
      bytesMax: o.total_bytes_max === 0 ? Number.POSITIVE_INFINITY : o.total_bytes_max,
      log,
    });
    const rotating = new RotatingFile({
      path: o.path,
      bytesMax: o.rotate_bytes === 0 ? Number.POSITIVE_INFINITY : o.rotate_bytes,
      every: o.rotate_every,
      archive,
      clock,
      log,
    });
    return new FileOutput({
      file: rotating,
      clock,
      limits: { recordsMax: o.records_max, bytesMax: o.bytes_max, inFlightMax: o.sync === 'each' ? 4 : 16 },
      syncIntervalMs: o.sync === 'each' ? 0 : o.sync_interval_ms,
      groupBytesMax: o.rotate_bytes === 0 ? Number.POSITIVE_INFINITY : o.rotate_bytes,
    });
  },
});
