import { expect, test } from 'vitest';
import { kernelDropsOf } from '../../../relay/inputs/syslog/kernel-drops.ts';

const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  341: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81352 2 0000000000000000 17
  342: 00000000:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81353 2 0000000000000000 4
  343: 0100007F:158B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81354 2 0000000000000000 900
`;
const table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1234: 00000000000000000000000000000000:158A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 90001 2 0000000000000000 5
`;

test('drops are those of the socket’s own address and port', () => {
  expect(kernelDropsOf(table, '127.0.0.1', 5514)).toBe(17);
  expect(kernelDropsOf(table, '0.0.0.0', 5514)).toBe(4);
  expect(kernelDropsOf(table, '10.0.0.1', 5514)).toBe(0);
  expect(kernelDropsOf(table6, '::', 5514)).toBe(5);
});

test('a table without rows has no drops', () => {
  expect(kernelDropsOf('', '0.0.0.0', 5514)).toBe(0);
});
