// The index of who asks for what says the same as a look through what everybody asks for.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openAskers } from '../../../src/state/askers.ts';

const PORTS = ['vi100', 'vi100i1', 'vi200'] as const;
const DEVICES = ['tap100i0', 'vethA', 'vi200'] as const;
const asked = fc.array(
  fc.record({ port: fc.constantFrom(...PORTS), interface: fc.constantFrom(...DEVICES) }),
  { maxLength: 3 },
);
const changes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), asked), { maxLength: 12 });

it('names exactly those who ask, however often they changed their mind', () => {
  fc.assert(
    fc.property(changes, (list) => {
      const askers = openAskers();
      const now = new Map<string, readonly { port: string; interface: string }[]>();
      for (const [key, ports] of list) {
        askers.set(key, ports);
        now.set(key, ports);
        const asking = (isMeant: (desiredPort: { port: string; interface: string }) => boolean) =>
          new Set([...now].flatMap(([who, asked]) => (asked.some(isMeant) ? [who] : [])));
        for (const port of PORTS) {
          expect(askers.forPort(port)).toEqual(asking((desiredPort) => desiredPort.port === port));
        }
        for (const link of DEVICES) {
          expect(askers.forDevice(link)).toEqual(asking((desiredPort) => desiredPort.interface === link));
        }
      }
    }),
  );
});
