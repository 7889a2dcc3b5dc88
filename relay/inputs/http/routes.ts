import type { Dialect } from '../../record/json-text.ts';
import type { Source } from '../../record/line-writer.ts';

/** A request whose body is there, unpacked if it could be. */
export interface BodyRequest {
  readonly body: Source;
  /** True where the body could not be unpacked and is there as it came. */
  readonly isPacked: boolean;
  readonly contentType: string;
  readonly dialect: Dialect;
  readonly tag: string | undefined;
  readonly peer: string | undefined;
}

/** One family of paths that take records, with its own idea of what a body looks like. */
export interface RouteFamily {
  /** What the path says beside that it is one of this family; undefined where it is none. */
  match(path: string): RouteMatch | undefined;
  /** Writes the records of a body, all in one piece; never throws. Returns how many lines were written. */
  write(request: BodyRequest): number;
}

export interface RouteMatch {
  /** The sender's tag, where the path has one. */
  readonly tag: string | undefined;
}
