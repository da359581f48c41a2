// Rules that wait for the same bridge go on it together, and each is there as if it had gone alone.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openInstallTogether } from '../../../../src/netmaker/port-security/install-together.ts';
import type { SecuredPort } from '../../../../src/netmaker/port-security/port.ts';

const portOf = (vmid: number, ofport: number, bridge = 'ovsbr1') => ({ bridge, vmid, ofport }) as SecuredPort;

/** A switch that holds one rule set for each VMID, and refuses some ports; each of its steps takes a while. */
function openSwitch(isRefused: (port: SecuredPort) => boolean = () => false) {
  const rules = new Map<number, SecuredPort>();
  const programs: number[][] = [];
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(_: string, work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const together = openInstallTogether({
    inTurn,
    async installAll(ports) {
      programs.push(ports.map(({ vmid }) => vmid));
      await new Promise(setImmediate);
      if (ports.some(isRefused)) throw new Error('refused');
      for (const port of ports) {
        for (const [vmid, { ofport }] of rules) if (ofport === port.ofport) rules.delete(vmid);
        rules.set(port.vmid, port);
      }
    },
  });
  const remove = (vmid: number) => {
    together.cut('ovsbr1');
    return inTurn('ovsbr1', async () => {
      await new Promise(setImmediate);
      rules.delete(vmid);
    });
  };
  return { rules, programs, install: together.install, remove };
}

it('fifty that come at once are two programs', async () => {
  const { rules, programs, install } = openSwitch();
  await Promise.all(Array.from({ length: 50 }, (_, n) => install(portOf(n, n + 1))));
  expect(rules.size).toBe(50);
  expect(programs.length).toBeLessThanOrEqual(2);
});

it('one that is refused does not take the others with it', async () => {
  const { rules, install } = openSwitch(({ vmid }) => vmid === 3);
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => install(portOf(n, n + 1))));
  expect(outcomes.map(({ status }) => status)).toEqual(
    [0, 1, 2, 3, 4, 5].map((vmid) => (vmid === 3 ? 'rejected' : 'fulfilled')),
  );
  expect([...rules.keys()].sort()).toEqual([0, 1, 2, 4, 5]);
});

it('what is there in the end is what one after the other would have left', async () => {
  const small = fc.integer({ min: 0, max: 3 });
  const change = fc.oneof(
    fc.record({ kind: fc.constant('install' as const), vmid: small, ofport: small }),
    fc.record({ kind: fc.constant('remove' as const), vmid: small, ofport: fc.constant(0) }),
  );
  const isBad = ({ vmid, ofport }: { vmid: number; ofport: number }) => vmid === 3 && ofport === 3;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
      const apart = openSwitch(isBad);
      const run = ({ install, remove }: typeof apart, { kind, vmid, ofport }: (typeof changes)[number]) =>
        (kind === 'install' ? install(portOf(vmid, ofport)) : remove(vmid)).then(
          () => 'done',
          () => 'refused',
        );
      const wanted: string[] = [];
      for (const one of changes) wanted.push(await run(apart, one));
      const together = openSwitch(isBad);
      expect(await Promise.all(changes.map((one) => run(together, one)))).toEqual(wanted);
      expect(new Map([...together.rules].sort())).toEqual(new Map([...apart.rules].sort()));
    }),
  );
});
