import { expect, test } from 'vitest';
import { type RawLine, RawLineReader } from '../../relay/runs/raw-line.ts';

const guid = '1b4e28ba-2fa1-11d2-883f-0016d3cca427';
const name = `${guid}_${guid}_1.log`;

function read(path: string, github?: object): RawLine | undefined {
  const record = {
    event: { dataset: 'github.runner.page', created: '2026-11-22T07:00:00.000Z' },
    message: 'token ***',
    log: { file: { path }, offset: 12 },
    github,
  };
  return new RawLineReader().read(JSON.stringify(record), 1, 0, undefined);
}

test('a line that the keeper handed over was ended by nothing, with the plugin at the edge or without it', () => {
  expect(read(`/spillway/kept/unended/${name}`)?.line).toMatchObject({ offset: 12, unended: true });
  expect(read(`/spillway/kept/${name}`, { line: { ending: 'none' } })?.line.unended).toBe(true);
  expect(read(`/spillway/kept/${name}`)?.line.unended).toBe(false);
  expect(read(`/unended/kept/${name}`)?.line.unended).toBe(false);
});

test('a line that was masked at the edge is as long as it was before', () => {
  expect(read(`/spillway/kept/${name}`, { line: { bytes: 46 } })?.line.length).toBe(46);
  expect(read(`/spillway/kept/${name}`)?.line.length).toBe(9);
});

test.each([-1, 1.5, '46', null, 1e300])('a length that is none is not believed: %j', (bytes) => {
  expect(read(`/spillway/kept/${name}`, { line: { bytes } })?.line.length).toBe(9);
});
