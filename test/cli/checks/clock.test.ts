import { createServer } from 'node:http';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { checkCommand } from '../../../relay/cli/check.ts';
import { CliHarness } from '../../support/cli-harness.ts';
import { oneInput } from '../../support/config.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `check --connect` prints about an HTTP endpoint whose clock differs by so much, or that says no time at all. */
async function checked(skewMs: number | undefined): Promise<string> {
  const server = createServer((_, response) => {
    response.sendDate = false;
    if (skewMs !== undefined) response.setHeader('date', new Date(Date.now() + skewMs).toUTCString());
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  using folder = temporaryFolder();
  const endpoint = `endpoints: { siem: { type: logstash, url: "http://127.0.0.1:${port}" } }\n`;
  writeFileSync(join(folder.path, 'config.yaml'), `${oneInput}${endpoint}`);
  const cli = new CliHarness(folder.path);
  await cli.run([checkCommand], 'check', '--connect');
  server.close();
  server.closeAllConnections();
  return cli.stdout;
}

test('a clock that agrees with an endpoint’s is said to; one that is wrong is warned of, with the direction', async () => {
  expect(await checked(0)).toContain('clock: that of endpoints.siem agrees');
  expect(await checked(600_000)).toMatch(/warning +clock: endpoints.siem has a time (599|600) s after this machine's/);
  expect(await checked(-86_400_000)).toMatch(
    /warning +clock: endpoints.siem has a time 8640[01] s before this machine's/,
  );
  expect(await checked(undefined)).not.toContain('clock:');
});
