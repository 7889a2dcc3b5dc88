import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Where the build puts the console: beside this file's own build, or in `dist` where the sources run as they are. */
const FOLDER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../dist/console/' : '../console/', import.meta.url),
);

/**
 * The console's own files. Anybody may load them: they hold nothing but the program. Nothing on a page may come from elsewhere, and
 * no script may stand in the page itself, so that no record can become one.
 */
export function consoleRoutes(app: FastifyInstance, isSecure: boolean): void {
  app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    hsts: isSecure ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'no-referrer' },
    frameguard: { action: 'deny' },
  });
  if (!existsSync(FOLDER)) {
    app.get('/', (_request, reply) =>
      reply.type('text/plain').send('The console is not built: run `npm run build`. The API is under /api/v1/.\n'),
    );
    return;
  }
  app.register(files, {
    root: FOLDER,
    wildcard: false,
    // Names of built files hold a hash of what is in them; the page itself is looked at each time.
    setHeaders: (reply, path) => {
      void reply.header('cache-control', path.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable');
    },
  });
}
