import { errorCatalogue, type ErrorCode } from '../../errors.ts';

/** What each code means to an operator, and what to do. A code without an entry does not compile. */
const explanations: Readonly<Record<ErrorCode, string>> = {
  NODE_TOO_OLD:
    'The program was started by a Node.js that is too old for it. Start it by `npm start` or `npx spillway`.',
  CONFIG_INVALID: 'The config has mistakes; each is told with file, line and column. `spillway check` tells them too.',
  CONFIG_UNREADABLE:
    'A file that the config or the command line names cannot be read. Look at its path and its rights.',
  USAGE: 'The command line is wrong. `spillway COMMAND --help` shows what the command takes.',
  INPUT_LISTEN_FAILED: 'An input cannot listen on its address: another program has it, or the port needs more rights.',
  INPUT_UNDECODABLE: 'What a sender sent is not what its protocol says. It is refused and counted.',
  INPUT_TOO_LARGE: 'A request is larger than the input’s limit. It is refused and counted.',
  INPUT_UNAUTHORIZED: 'A sender showed no valid token, password or certificate.',
  JOURNAL_FULL:
    'The journal has reached `journal.max_bytes` or `journal.min_free_bytes`. Senders wait until there is room.',
  JOURNAL_WRITE_FAILED: 'The disk did not take what was to be written. Nothing was acknowledged; it is tried again.',
  JOURNAL_UNREADABLE: 'The disk failed while the journal was read. It is tried again.',
  JOURNAL_UNUSABLE: 'The journal cannot be opened. The cause is told with it.',
  JOURNAL_TOO_NEW: 'A newer version of the program has written this journal. Use that version, or an empty `data_dir`.',
  JOURNAL_LOCKED: 'Another relay works on this journal. There can be one for each `data_dir`.',
  JOURNAL_CLOSED: 'The relay is stopping and takes no more.',
  JOURNAL_DAMAGED: 'A batch in the journal cannot be read. It is set aside and counted; the rest flows on.',
  OUTPUT_UNREACHABLE: 'Nobody answers at the endpoint’s address. Records wait; it is tried again, for ever.',
  OUTPUT_TIMEOUT: 'The endpoint did not answer in time. The same records are sent again, with the same ids.',
  OUTPUT_CONNECTION_LOST: 'The connection ended before everything was acknowledged. What was not is sent again.',
  OUTPUT_THROTTLED: 'The endpoint asked to be sent less. Sending goes on when it said, or after a back-off.',
  OUTPUT_UNAUTHORIZED: 'The endpoint did not accept our credentials. Records wait until they are put right.',
  OUTPUT_TLS_FAILED: 'There is no trusted connection: certificate, name or fingerprint are not as the config says.',
  OUTPUT_REFUSED_BATCH:
    'The endpoint refused records for good, not saying which. The batch is halved until they are found.',
  OUTPUT_REFUSED_RECORD: 'The endpoint refused one record for good. It goes to the dead letters with the reason.',
  OUTPUT_PROTOCOL: 'The endpoint answered something that its protocol does not know. Is it what the config says it is?',
  QUERY_INVALID:
    'A query cannot be understood. The place, and what would be right there, are told with it; see [search.md](search.md).',
  SEARCH_BUSY: 'So many searches are under way that another one would not get its turn. Ask again in a moment.',
  PURGE_RUNNING: 'A purge has not ended yet, and there is one at a time. Wait for it, or stop it.',
  PURGE_UNKNOWN: 'There is no purge of this number in the history.',
  PURGE_REFUSED:
    'A purge would go beyond what is allowed: a keep time below the least one, an unknown rule, or a clock that jumped. The message says which.',
  PURGE_UNCONFIRMED:
    'A purge by hand did not come with the `confirm` of a fresh dry run of the same rules. The message says what is missing.',
  HOLD_UNKNOWN: 'There is no hold of this number, or it was lifted before.',
  ADMIN_UNREACHABLE: 'A command could not reach the running relay. Does it run, and is `admin.listen` the same?',
  RELOAD_INCOMPLETE:
    'A part of the new config could not be put to work, and is as it was before. The rest of it is in effect.',
  ENDPOINT_HAS_BACKLOG: 'An endpoint that still has records waiting is not removed unless that is asked for.',
  ENDPOINT_UNKNOWN: 'There is no endpoint of this name in the config.',
  REPLAY_BUSY: 'A replay to this endpoint is under way, or enough others are. Wait for it, or stop it.',
  KEEP_IMPOSSIBLE:
    'The keeper cannot keep pages where it is: a folder on another mount, or one that it may not write. It says what to change.',
};

const dispositions = {
  retry: 'tries again',
  reject: 'refuses this, goes on with the rest',
  stop: 'waits for you',
};

/** `docs/errors.md`. */
export function errorsPage(): string {
  const rows = errorCatalogue().map(
    ([code, disposition]) => `| \`${code}\` | ${dispositions[disposition]} | ${explanations[code]} |\n`,
  );
  return [
    '<!-- Generated from the program by "npm run docs". Change it there. -->\n',
    '# Error codes\n',
    'Every failure that the relay expects has a code. It stands in its log, in the API and with dead letters.\n',
    `| Code | The relay | What it means |\n| --- | --- | --- |\n${rows.join('')}`,
  ].join('\n');
}
