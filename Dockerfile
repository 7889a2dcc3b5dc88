# The relay as one container. Built for the machine it is built on; `docker buildx --platform` builds for others.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No script of a dependency runs: the native module brings its binaries along.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json vite.config.ts ./
COPY relay ./relay
RUN node node_modules/vite/bin/vite.js build --logLevel error && node node_modules/vite/bin/vite.js build --logLevel warn relay/console \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund
# The native module comes with binaries for other systems and with the sources of SQLite.
RUN cd node_modules/better-sqlite3 \
  && keep="linux-$(node -p process.arch).node" \
  && find prebuilds -type f ! -name "$keep" -delete \
  && test -f "prebuilds/$keep" \
  && rm -rf deps src \
  && find /app/node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete
# What Node makes of the program at its first start is kept for every other one, which may not write there: of all commands, of the
# components, and of what reads a config.
RUN node dist/main.js --help > /dev/null && { node dist/main.js check --config relay/config/container.yaml > /dev/null || true; } \
  && chmod -R a+rX dist

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY relay/config/container.yaml /etc/spillway/config.yaml
RUN mkdir -m 0700 /data && chown 1000:1000 /data
USER 1000:1000
# All that the relay writes. Everything else may be read-only.
VOLUME /data
# syslog (udp, tcp, tls), relp, http, forward, console and API
EXPOSE 5514/udp 5514 6514 2514 9880 24224 8686
STOPSIGNAL SIGTERM
# Alive, not ready: a full journal or a dead endpoint is no reason for a restart. Asked through the socket in the data folder, so that it
# works wherever the API listens.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "-e", "require('node:http').get({ socketPath: '/data/control.sock', path: '/livez', timeout: 4000 }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('timeout', () => process.exit(1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["run", "--config", "/etc/spillway/config.yaml"]
