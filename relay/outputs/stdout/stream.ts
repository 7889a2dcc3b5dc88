import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** The file descriptor of standard output. */
const STDOUT = 1;

/**
 * Standard output, as a stream of its own that may be destroyed. Node writes to a pipe on standard output synchronously, so that a
 * reader who pauses would stop the whole relay; so a pipe is opened a second time, in a way that waits. Throws where nobody reads.
 */
export function openStdout(): Writable {
  if (!fstatSync(STDOUT).isFIFO()) return borrowed(process.stdout);
  let fd: number;
  try {
    fd = openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    // ENXIO: the pipe has no reader. Everything else: there is no such way here.
    if (error instanceof Error && 'code' in error && error.code === 'ENXIO') throw error;
    return borrowed(process.stdout);
  }
  try {
    return new Socket({ fd, readable: false, writable: true });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Writes to a stream that belongs to the process, and leaves it open when it is destroyed. */
function borrowed(stream: NodeJS.WritableStream): Writable {
  // One handler stays for good: an error on standard output without one ends the process.
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  const fail = (error: Error): void => void writable.destroy(error);
  const writable = new Writable({
    write: (chunk: Buffer, _encoding, done) => void stream.write(chunk, done),
    destroy: (error, done) => {
      stream.off('error', fail);
      done(error);
    },
  });
  stream.on('error', fail);
  return writable;
}

function ignore(): void {}
