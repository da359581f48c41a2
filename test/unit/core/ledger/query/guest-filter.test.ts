import { describe, expect, it } from 'vitest';
import { guestFilter } from '../../../../../src/core/ledger/query/guest-filter.ts';
import { block } from '../../../cli/fake.ts';

const attached = (port: string, vmid: number, guest: string) => block({ data: { port, vmid, guest } });
const detached = (port: string) => block({ data: { port, bridge: 'ovsbr0' } });

describe('blocks about a guest', () => {
  it('are found by VMID and by any of its ports', () => {
    for (const wanted of ['101', 'vi101', 'vi101i1']) {
      const isGuest = guestFilter(wanted);
      expect(isGuest(attached('vi101', 101, 'web'))).toBe(true);
      expect(isGuest(detached('vi101i2'))).toBe(true);
      expect(isGuest(attached('vi1010', 1010, 'db'))).toBe(false);
    }
  });

  it('are found by name, those too that name only its port', () => {
    const isGuest = guestFilter('web');
    expect(isGuest(detached('vi1000000'))).toBe(false);
    expect(isGuest(attached('vi1000000', 1_000_000, 'web'))).toBe(true);
    expect(isGuest(detached('vi1000000'))).toBe(true);
  });

  it('are no longer its own once the number went to another guest', () => {
    const isGuest = guestFilter('web');
    isGuest(attached('vi1000000', 1_000_000, 'web'));
    expect(isGuest(attached('vi1000000', 1_000_000, 'db'))).toBe(false);
    expect(isGuest(detached('vi1000000'))).toBe(false);
  });

  it('are found among others that one transaction changed', () => {
    const handedBack = block({ data: { ports: [{ port: 'vi100' }, { port: 'vi101', row: 'tap101i0' }] } });
    expect(guestFilter('101')(handedBack)).toBe(true);
    expect(guestFilter('102')(handedBack)).toBe(false);
    const isWeb = guestFilter('web');
    isWeb(attached('vi101', 101, 'web'));
    expect(isWeb(handedBack)).toBe(true);
  });

  it('are found by the short id of a container', () => {
    const start = block({ data: { name: 'web', container_id: 'ab'.repeat(32) } });
    expect(guestFilter('abababababab')(start)).toBe(true);
    expect(guestFilter('abab')(start)).toBe(false);
  });

  it('are none where data has no such thing', () => {
    for (const data of [null, 5, 'web', ['web']]) expect(guestFilter('web')(block({ data }))).toBe(false);
  });
});
