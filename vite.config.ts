import { defineConfig, type Plugin } from 'vite';

/** Threads, each started from a file of its own: beside the part that starts it, as it is beside the source that does. */
const threads = {
  'writer-worker': 'relay/journal/sqlite/writer-worker.ts',
  'reader-worker': 'relay/journal/sqlite/reader-worker.ts',
  'purger-worker': 'relay/journal/sqlite/purger-worker.ts',
  'datagram-worker': 'relay/inputs/syslog/datagram-worker.ts',
  'query-worker': 'relay/query/query-worker.ts',
};

/** One letter beyond Latin-1 has Node keep a whole file with two bytes for each. Such letters stand in texts and patterns only. */
const latin1: Plugin = {
  name: 'latin1',
  generateBundle(_options, bundle) {
    for (const part of Object.values(bundle)) if (part.type === 'chunk') part.code = escaped(part.code);
  },
};

function escaped(code: string): string {
  return code.replaceAll(/[^\u0000-\u00ff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// The program with what it imports, in a few files: a thousand modules, each read, compiled and kept with its source, would be half of
// the time that a start takes and some ten megabytes. Names stay as they are, so that a stack trace can be read.
export default defineConfig({
  publicDir: false,
  plugins: [latin1],
  // Native code, what is loaded by its name when it is first needed, and what Fastify would need for things that we leave alone.
  ssr: {
    noExternal: true,
    external: [
      'better-sqlite3',
      'undici',
      '@fastify/ajv-compiler',
      '@fastify/fast-json-stringify-compiler',
      'light-my-request',
    ],
  },
  build: {
    ssr: true,
    outDir: 'dist',
    emptyOutDir: true,
    target: 'node22',
    reportCompressedSize: false,
    minify: false,
    rolldownOptions: {
      input: { main: 'relay/main.ts', ...threads },
      output: {
        entryFileNames: ({ name }) => (name === 'main' ? 'main.js' : 'parts/[name].js'),
        chunkFileNames: 'parts/[name].js',
        minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
      },
    },
  },
});
