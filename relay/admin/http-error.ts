/** An answer that is not the fault of the relay. */
export class HttpError extends Error {
  readonly statusCode: number;
  /** Seconds after which it is worth trying again. */
  readonly retryAfterS: number | undefined;

  constructor(statusCode: number, message: string, retryAfterS?: number) {
    super(message);
    this.statusCode = statusCode;
    this.retryAfterS = retryAfterS;
  }
}
