// What people are shown of leases.
import { expect, it } from 'vitest';
import { lease } from '../../../../src/netmaker/address/lease.ts';
import { leaseTable } from '../../../../src/netmaker/address/lease-rows.ts';
import { release } from '../../../../src/netmaker/address/lease-state.ts';
import { given, id, MINUTE, NOW, POOL, POOL6, request } from './given.ts';

it('every address is held, cools down until its time, or is free again since then; in numerical order', () => {
  const wanted = { 4: '203.0.113.10' };
  const { state: held } = lease(given(1, 2), request(3, { pools: [POOL6, POOL], requested: wanted }));
  const state = release(release(held, id(1), NOW), id(2), NOW + MINUTE);
  const rows = leaseTable(state, NOW + 5 * MINUTE, 5 * MINUTE);
  const at = (ms: number) => new Date(ms).toISOString();
  expect(rows).toEqual([
    {
      address: '203.0.113.2',
      family: 4,
      name: 'c1',
      key: id(1),
      state: 'free again',
      since: at(NOW + 5 * MINUTE),
      until: null,
      static: false,
    },
    {
      address: '203.0.113.3',
      family: 4,
      name: 'c2',
      key: id(2),
      state: 'cooling',
      since: at(NOW + MINUTE),
      until: at(NOW + 6 * MINUTE),
      static: false,
    },
    {
      address: '203.0.113.10',
      family: 4,
      name: 'c3',
      key: id(3),
      state: 'held',
      since: at(NOW),
      until: null,
      static: true,
    },
    {
      address: '2001:db8::2',
      family: 6,
      name: 'c3',
      key: id(3),
      state: 'held',
      since: at(NOW),
      until: null,
      static: false,
    },
  ]);
});
