import { Worker } from 'node:worker_threads';

/** Starts `<name>-worker` beside this file. The same code runs as TypeScript source and as built JavaScript. */
export function startWorker(name: 'writer' | 'reader' | 'purger', workerData: unknown): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./${name}-worker.${extension}`, import.meta.url), {
    workerData,
    name: `journal-${name}`,
    resourceLimits: { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 512 },
  });
}
