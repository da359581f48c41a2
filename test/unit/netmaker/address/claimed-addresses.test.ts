// What running containers have, for a file of leases that was lost.
import { expect, it } from 'vitest';
import { heldBy } from '../../../../src/netmaker/address/claimed-addresses.ts';
import type { DesiredGuest } from '../../../../src/state/desired-state.ts';

it('is a lease only where a pool has it: an address of a network of its own, that a label says, is none', () => {
  const pools = [{ family: 4 as const, subnet: '203.0.113.0/24', gateway: '203.0.113.1', prefix: 24 }];
  const desiredGuest = (id: string, address: string) =>
    ({
      key: `docker:${id}`,
      guest: { runtime: 'docker', vmid: 100, name: id, id },
      ports: [{ portSecurity: { mac: '', addresses: [address], isolate: false, allowIn: [] } }],
    }) as unknown as DesiredGuest;
  const desiredState = { all: () => [desiredGuest('a', '203.0.113.9'), desiredGuest('b', '10.0.1.50')] };
  expect(heldBy(desiredState, pools as never)).toEqual([
    { key: 'a', name: 'a', addresses: ['203.0.113.9'] },
    { key: 'b', name: 'b', addresses: [] },
  ]);
});
