import { signal } from '@preact/signals';

/** Who is signed in; undefined before that is known, null where nobody is. */
export const session = signal<Session | null | undefined>(undefined);

export type Role = 'viewer' | 'operator' | 'auditor' | 'admin';

export interface Session {
  readonly name: string;
  readonly role: Role;
  readonly relay: string;
  readonly version: string;
}

/** What the API said where it did not do as asked. The message is for a person. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Asks the API and waits for all of the answer. Throws `ApiError`. */
export async function ask<Answer>(path: string, request: Request = {}): Promise<Answer> {
  const response = await askRaw(path, request);
  return (await response.json()) as Answer;
}

/** Asks the API; the body of the answer is left to the caller. Throws `ApiError`. */
export async function askRaw(path: string, { method = 'GET', body, signal: abort }: Request = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      ...(abort === undefined ? {} : { signal: abort }),
    });
  } catch (error) {
    if (abort?.aborted === true) throw error;
    throw new ApiError(0, 'UNREACHABLE', 'the relay does not answer; it may be restarting');
  }
  if (response.ok) return response;
  if (response.status === 401 && path !== 'session') session.value = null;
  throw await failureOf(response);
}

async function failureOf(response: Response): Promise<ApiError> {
  try {
    const { code, message } = (await response.json()) as { code?: string; message?: string };
    return new ApiError(response.status, code ?? '', message ?? response.statusText);
  } catch {
    return new ApiError(response.status, '', `the relay answered ${response.status} ${response.statusText}`);
  }
}

const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  auditor: ['viewer', 'auditor'],
  admin: ['viewer', 'operator', 'auditor', 'admin'],
};

/** Whether whoever is signed in may do what `needed` may. The relay checks it again. */
export function mayI(needed: Role): boolean {
  const me = session.value;
  return me !== null && me !== undefined && INCLUDES[me.role].includes(needed);
}
