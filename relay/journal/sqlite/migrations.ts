/**
 * The journal's tables, as numbered steps. A step that has been released is never changed; a new one is added.
 *
 * - `batch`: one row a batch. `payload` comes last, so that the columns before it are read without it. `hash_of` says what
 *   `payload_hash` was made of: the record lines ('lines', small batches, which are merged later) or the payload as it stands
 *   here ('payload', large ones). `summary_hash` is made of all other columns but the payload. `members` is there once small batches
 *   were merged: pairs of (records, bytes), in order.
 * - `batch_stream`: which runs, hosts and sources a batch touches; the other way round the batch's `streams` say it. Small batches
 *   come into it when they are merged, large ones some at a time (see `stream-index.ts`); until then they are few, and at the end.
 * - `batch_search`: what a search asks of a batch before it unpacks it, so that the payloads' pages are not touched.
 *   `batch_small`: the batches that are not in `batch_stream`, since nobody has merged them.
 * - `batch_absent`: batches that a purge has rewritten, and how many of their places hold no record any more: their lines are empty. It
 *   stands beside `batch`, whose columns after the payload would be slow to read.
 * - `purge_run`, `purge_log`: what purges did. `digest` runs over their items.
 * - `purge_item`: one row for each batch that a purge took from, for ever: its content's hash before and after (NULL: it went whole), and
 *   the chain's value before and after it. `merged` says that the link was made from members whose hashes are gone with their lines.
 * - `certificate`: what a purge that took something says of itself, as it stands in the stream too.
 * - `hold`: what no purge and no limit may take. One that was lifted stays, for the record.
 * - `gap`: what went (quota, purge, damage), with the chain's value before and after, so that the chain stays whole. An empty
 *   `chain_after` stands for one that nobody knows: what stood there could not be read. `gap_hash` is made of the other columns.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE batch (
    first_seq INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    line_bytes INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    received_first_ms INTEGER NOT NULL,
    received_last_ms INTEGER NOT NULL,
    event_first_ms INTEGER NOT NULL,
    event_last_ms INTEGER NOT NULL,
    transient INTEGER NOT NULL,
    datasets TEXT NOT NULL,
    streams TEXT NOT NULL,
    streams_cut INTEGER NOT NULL,
    encoding TEXT NOT NULL CHECK (encoding IN ('plain', 'zstd')),
    hash_of TEXT NOT NULL CHECK (hash_of IN ('lines', 'payload')),
    members BLOB,
    payload_hash BLOB NOT NULL,
    chain_hash BLOB NOT NULL,
    summary_hash BLOB NOT NULL,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE INDEX batch_summary ON batch (first_seq, records, line_bytes, payload_bytes, received_first_ms, received_last_ms);

  CREATE INDEX batch_transient ON batch (first_seq) WHERE transient = 1;

  CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE batch_stream (
    stream_id INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    PRIMARY KEY (stream_id, first_seq)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE gap (
    first_seq INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    line_bytes INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    chain_before BLOB NOT NULL,
    chain_after BLOB NOT NULL,
    gap_hash BLOB NOT NULL
  ) STRICT;

  CREATE TABLE cursor (
    endpoint TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    start_seq INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    dead_lettered INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    purged INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    line BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX dead_letter_seq ON dead_letter (endpoint, seq);

  CREATE TABLE receipt (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX receipt_at ON receipt (at_ms);

  CREATE TABLE damaged (
    first_seq INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB
  ) STRICT;
  `,
  // GitHub Actions jobs: see `runs.ts`. `checkpoint` is the assembly's own; it is empty where the rows say all.
  `
  CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    timeline TEXT NOT NULL,
    job_record TEXT NOT NULL,
    repository TEXT,
    run_id TEXT,
    run_attempt INTEGER,
    run_number INTEGER,
    workflow TEXT,
    job_name TEXT,
    server_url TEXT,
    event_name TEXT,
    ref TEXT,
    sha TEXT,
    actor TEXT,
    runner_name TEXT,
    pod TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'finished')),
    verdict TEXT NOT NULL CHECK (verdict IN ('open', 'complete', 'gaps', 'cut', 'unmapped')),
    conclusion TEXT,
    first_line_ms INTEGER,
    last_line_ms INTEGER,
    started_ms INTEGER,
    finished_ms INTEGER,
    last_received_ms INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    attributed INTEGER NOT NULL,
    first_seq INTEGER,
    last_seq INTEGER,
    detail TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    UNIQUE (timeline, job_record)
  ) STRICT;
  CREATE INDEX job_run ON job (run_id, run_attempt);
  CREATE INDEX job_received ON job (last_received_ms);
  CREATE INDEX job_repository ON job (repository, last_received_ms);
  CREATE INDEX job_running ON job (state) WHERE state = 'running';

  CREATE TABLE step (
    job_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    record TEXT,
    name TEXT NOT NULL,
    started_ms INTEGER,
    finished_ms INTEGER,
    conclusion TEXT,
    lines INTEGER NOT NULL,
    PRIMARY KEY (job_id, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE page (
    timeline TEXT NOT NULL,
    record TEXT NOT NULL,
    number INTEGER NOT NULL,
    job_record TEXT NOT NULL,
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    gaps TEXT NOT NULL,
    raw_seq INTEGER,
    PRIMARY KEY (timeline, record, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE worker_log (key TEXT PRIMARY KEY, seen_ms INTEGER NOT NULL, checkpoint TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX worker_log_seen ON worker_log (seen_ms);
  `,
  // What a search looks at first, and batches that are still to be merged.
  `
  CREATE INDEX batch_search ON batch (first_seq, records, line_bytes, received_first_ms, received_last_ms, event_first_ms,
    event_last_ms, streams_cut, payload_hash, datasets);
  CREATE INDEX batch_small ON batch (first_seq) WHERE hash_of = 'lines' AND members IS NULL;
  `,
  `
  CREATE TABLE batch_absent (first_seq INTEGER PRIMARY KEY, records INTEGER NOT NULL) STRICT;

  CREATE TABLE purge_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL,
    dry_run INTEGER NOT NULL,
    cause TEXT NOT NULL,
    who TEXT NOT NULL,
    parameters TEXT NOT NULL,
    plan TEXT NOT NULL,
    position INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    tally TEXT NOT NULL,
    digest BLOB NOT NULL,
    error TEXT
  ) STRICT;
  CREATE TABLE purge_log (
    run_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE purge_item (
    first_seq INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    records INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    merged INTEGER NOT NULL,
    content_before BLOB NOT NULL,
    content_after BLOB,
    link_before BLOB NOT NULL,
    link_after BLOB NOT NULL,
    PRIMARY KEY (first_seq, run_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX purge_item_run ON purge_item (run_id, first_seq);

  CREATE TABLE certificate (
    run_id INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash BLOB NOT NULL,
    told_seq INTEGER
  ) STRICT;

  CREATE TABLE hold (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    lifted_ms INTEGER,
    lifted_by TEXT,
    lifted_why TEXT
  ) STRICT;
  `,
  // Large batches come into `batch_stream` together with others: those from this place on are not there yet.
  `
  INSERT INTO setting (name, value) SELECT 'streams_entered_to', coalesce(max(first_seq + records), 0) FROM batch;
  `,
  // Jobs none of whose lines is left: when that was found, what took the last of them, and by which purge.
  `
  ALTER TABLE job ADD COLUMN gone_ms INTEGER;
  ALTER TABLE job ADD COLUMN gone_reason TEXT;
  ALTER TABLE job ADD COLUMN gone_purge INTEGER;
  CREATE INDEX job_present ON job (id) WHERE gone_ms IS NULL AND state = 'finished';
  CREATE INDEX job_gone ON job (gone_ms) WHERE gone_ms IS NOT NULL;
  `,
  // What waits for endpoints is counted without what the relay keeps to itself.
  `
  DROP INDEX batch_transient;
  CREATE INDEX batch_transient ON batch (first_seq, records, line_bytes, datasets) WHERE transient = 1;
  `,
];
