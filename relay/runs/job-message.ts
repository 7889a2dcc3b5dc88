/**
 * The job message in a Worker log: indented JSON over many lines (`Worker.cs`, `StringUtil.ConvertToJson`), read line by line. It holds the
 * event's whole payload, megabytes at times, and masked secrets may have torn its quotes; so it is not parsed as one text. Each line
 * has one member or one bracket, and its indentation says how deep it stands.
 */

/** Whose log it is. Only what the server sent to the runner; nothing of it was written by the job. */
export interface JobMessage {
  readonly timeline: string;
  readonly jobRecord: string;
  readonly jobName: string | undefined;
  /** The steps of the workflow, in order. Those that the runner adds are not among them. */
  readonly steps: readonly ListedStep[];
  /** `github.repository`, `github.run_id` … by their names in the context. */
  readonly github: Readonly<Record<string, string>>;
}

export interface ListedStep {
  readonly record: string;
  /** Where it is plain text in the workflow; expressions are worked out later. */
  readonly name: string | undefined;
}

/** Values of the `github` context that are kept. */
const GITHUB_VALUES = new Set([
  'repository',
  'run_id',
  'run_number',
  'run_attempt',
  'workflow',
  'server_url',
  'event_name',
  'ref',
  'sha',
  'actor',
]);

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MEMBER_NAME = /^ *"((?:[^"\\]|\\.)*)": ?/;
const LINE_LENGTH_MAX = 8_192;
const VALUE_LENGTH_MAX = 1_024;
const STEPS_MAX = 1_000;
const DEPTH_MAX = 32;

/** What a checkpoint holds of a message that is half read. */
export interface JobMessageState {
  /** The names on the way to where the next line stands; `*` for a place in an array. */
  readonly path: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly record: string; readonly name: string | undefined }[];
  readonly github: Readonly<Record<string, string>>;
  readonly key: string;
}

export class JobMessageReader {
  #path: string[] = [];
  readonly #values: Record<string, string> = {};
  readonly #steps: { record: string; name: string | undefined }[] = [];
  readonly #github: Record<string, string> = {};
  /** The name of the pair being read in `contextData.github.d`. */
  #key = '';

  static restored(state: JobMessageState): JobMessageReader {
    const reader = new JobMessageReader();
    reader.#path = [...state.path];
    Object.assign(reader.#values, state.values);
    reader.#steps.push(...state.steps.map((step) => ({ ...step })));
    Object.assign(reader.#github, state.github);
    reader.#key = state.key;
    return reader;
  }

  state(): JobMessageState {
    const [path, values] = [this.#path, this.#values];
    return { path, values, steps: this.#steps, github: this.#github, key: this.#key };
  }

  /** Takes a line. True where the message ended with it. */
  line(text: string): boolean {
    if (text.startsWith('}')) return true;
    if (text.length > LINE_LENGTH_MAX) return false;
    const [head = '', key] = MEMBER_NAME.exec(text) ?? [];
    const indent = text.length - text.trimStart().length;
    const rest = text.slice(Math.max(indent, head.length)).trimEnd();
    const value = rest.endsWith(',') ? rest.slice(0, -1) : rest;
    // The first line has one space before its brace.
    const depth = Math.min(DEPTH_MAX, indent >> 1);
    this.#path.length = Math.min(this.#path.length, depth);
    while (this.#path.length < depth) this.#path.push('?');
    if (value === '{' || value === '[') this.#open(key === undefined ? '*' : nameOf(key));
    else if (key !== undefined) this.#member(nameOf(key), value);
    return false;
  }

  /** What the message says; undefined where it does not name a job. */
  result(): JobMessage | undefined {
    const timeline = this.#values['timeline.id'] ?? '';
    const jobRecord = this.#values['jobId'] ?? '';
    if (!GUID.test(timeline) || !GUID.test(jobRecord)) return undefined;
    return {
      timeline: timeline.toLowerCase(),
      jobRecord: jobRecord.toLowerCase(),
      jobName: this.#values['jobDisplayName'] ?? this.#values['jobName'],
      steps: this.#steps.filter(({ record }) => GUID.test(record)),
      github: this.#github,
    };
  }

  #open(name: string): void {
    this.#path.push(name);
    const isStep = this.#at('steps', '*');
    if (isStep && this.#steps.length < STEPS_MAX) this.#steps.push({ record: '', name: undefined });
    if (this.#at('contextData', 'github', 'd', '*')) this.#key = '';
  }

  #member(name: string, json: string): void {
    const value = scalarOf(json);
    if (value === undefined) return;
    const step = this.#steps.at(-1);
    if (this.#at()) {
      if (['jobId', 'jobDisplayName', 'jobName'].includes(name)) this.#values[name] = value;
    } else if (this.#at('timeline')) {
      if (name === 'id') this.#values['timeline.id'] = value;
    } else if (this.#at('steps', '*') && step !== undefined) {
      if (name === 'id') step.record = value.toLowerCase();
      else if (name === 'displayNameToken' || name === 'displayName') step.name = value;
    } else if (this.#at('steps', '*', 'displayNameToken') && step !== undefined) {
      if (name === 'lit') step.name = value;
    } else if (this.#at('contextData', 'github', 'd', '*')) {
      if (name === 'k') this.#key = value;
      else if (name === 'v' && GITHUB_VALUES.has(this.#key)) this.#github[this.#key] = value;
    }
  }

  /** True where the members being read stand at this place. */
  #at(...wanted: string[]): boolean {
    const path = this.#path.slice(1);
    return path.length === wanted.length && path.every((name, i) => name === wanted[i]);
  }
}

/** The names begin with a small letter in what runners write; older descriptions have a capital one. */
function nameOf(key: string): string {
  return key.charAt(0).toLowerCase() + key.slice(1);
}

/** A string or a number as text; undefined for anything else. */
function scalarOf(json: string): string | undefined {
  if (/^-?\d{1,19}$/.test(json)) return json;
  if (!json.startsWith('"') || json.length > VALUE_LENGTH_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
