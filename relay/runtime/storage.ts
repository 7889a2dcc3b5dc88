import { Acceptor } from '../accept/acceptor.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../io/clock.ts';
import type { JournalEvents, JournalLimits, PurgeableJournal } from '../journal/journal.ts';
import { SqliteJournal } from '../journal/sqlite/client.ts';

/** How long `accept` waits on a journal that takes nothing, before the sender is told to come back. */
const PATIENCE_MS = 20_000;
const HOUR_MS = 3_600_000;

/** Opens the journal that the config names, with what it says of it. */
export function openJournal(config: Config, events: JournalEvents): Promise<PurgeableJournal> {
  return SqliteJournal.open(
    {
      directory: config.data_dir,
      sync: config.journal.sync,
      compressionLevel: config.journal.compression_level,
      limits: limitsOf(config),
      receiptsWindowMs: config.journal.receipts_window_ms,
    },
    events,
  );
}

/** What takes records into the journal, as the config has it. */
export function acceptorFor({ journal: options }: Config, journal: PurgeableJournal, clock: Clock): Acceptor {
  return new Acceptor({
    journal,
    clock,
    batchBytesMax: options.max_batch_bytes,
    inFlightBytesMax: options.max_in_flight_bytes,
    commitDelayMsMax: options.max_commit_delay_ms,
    receiptsWindowMs: Math.max(1_000, options.receipts_window_ms),
    patienceMs: PATIENCE_MS,
  });
}

export function limitsOf({ journal, runs }: Config): JournalLimits {
  return {
    bytesMax: journal.max_bytes,
    freeBytesMin: journal.min_free_bytes,
    whenFull: journal.when_full,
    goneJobsMs: runs.gone_jobs_keep_hours * HOUR_MS,
  };
}
