/** What the runner's files are to the keeper. Everything else in the runner's folders is left alone. */
export type FileKind = 'page' | 'worker_log';

const guid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** `{timeline}_{record}_{number}.log`, as Runner.Common/Logging.cs makes it. */
const page = new RegExp(`^${guid}_${guid}_[1-9]\\d{0,8}\\.log$`, 'i');

/** `Worker_{yyyyMMdd-HHmmss}-utc.log`, as Runner.Common/HostTraceListener.cs makes it. */
const workerLog = /^Worker_\d{8}-\d{6}-utc\.log$/;

/**
 * Undefined for a name that the runner would not give. What passes has neither separators nor control characters, so that it may
 * stand in a path.
 */
export function kindOf(name: string): FileKind | undefined {
  if (page.test(name)) return 'page';
  return workerLog.test(name) ? 'worker_log' : undefined;
}
