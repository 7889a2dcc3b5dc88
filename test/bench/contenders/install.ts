/** A program that was found or unpacked. */
export interface Installed {
  readonly file: string;
  /** What its package was unpacked into; `/` where it is installed. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
}
