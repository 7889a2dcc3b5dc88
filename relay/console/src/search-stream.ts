import { ApiError, askRaw } from './api.ts';
import type { Found, LogRecord } from './parts/record.tsx';

export interface Progress {
  readonly part: number;
  readonly found: number;
  readonly bytesRead: number;
  readonly batchesSkipped: number;
  readonly batchesUnreadable: number;
}

export interface Ended {
  readonly ending: 'complete' | 'records' | 'time' | 'cancelled';
  readonly cursor: number | null;
  readonly progress: Progress;
}

interface Line {
  readonly seq?: number;
  readonly record?: LogRecord;
  readonly progress?: Progress;
  readonly end?: Ended;
}

/** Looks for records; tells what is found as it is found. Resolves with how it ended. Throws `ApiError`. */
export async function searchStream(
  parameters: Readonly<Record<string, string | undefined>>,
  abort: AbortSignal,
  tell: { found: (found: readonly Found[]) => void; progress: (progress: Progress) => void },
): Promise<Ended> {
  const response = await askRaw(`search?${searchParameters({ ...parameters, format: 'ndjson' })}`, { signal: abort });
  let rest = '';
  let ended: Ended | undefined;
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const lines = (rest + piece.value).split('\n');
    rest = lines.pop() ?? '';
    const found: Found[] = [];
    for (const text of lines) {
      const line = JSON.parse(text) as Line;
      if (line.seq !== undefined && line.record !== undefined) found.push({ seq: line.seq, record: line.record });
      if (line.progress !== undefined && line.end === undefined) tell.progress(line.progress);
      if (line.end !== undefined) ended = line.end;
    }
    if (found.length > 0) tell.found(found);
  }
  if (ended === undefined) throw new ApiError(0, '', 'the search broke off; try again');
  tell.progress(ended.progress);
  return ended;
}

export function searchParameters(parameters: Readonly<Record<string, string | undefined>>): string {
  return new URLSearchParams(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  ).toString();
}
