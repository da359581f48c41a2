// Promises about who has the address of a fail-over group.
import { describe, expect, it } from 'vitest';
import { electHolder, type GroupMember } from '../../../../src/netmaker/address/failover.ts';

const member = (id: string, more: Partial<GroupMember> = {}): GroupMember => ({
  id,
  name: `node-${id}`,
  running: true,
  health: 'healthy',
  startedAt: 0,
  ...more,
});
const elect = (holder: string | undefined, ...members: GroupMember[]) => electHolder({ members, holder });

describe('the address of a group', () => {
  it('goes to the healthy member that runs longest, and among equals to the first by id', () => {
    expect(elect(undefined, member('a', { startedAt: 9 }), member('b', { startedAt: 3 }))).toBe('b');
    expect(elect(undefined, member('b'), member('a'))).toBe('a');
  });

  it('stays with its holder, also when an older member comes back', () => {
    expect(elect('b', member('a'), member('b', { startedAt: 9 }))).toBe('b');
    expect(elect('b', member('a'), member('b', { health: 'starting' }))).toBe('b');
  });

  it.each([{ running: false }, { health: 'unhealthy' as const }])('leaves a holder with %j', (state) => {
    expect(elect('a', member('a', state), member('b'))).toBe('b');
  });

  it('takes a member without a health check for a healthy one', () => {
    expect(elect('x', member('a', { startedAt: 5 }), member('b', { health: 'none' }))).toBe('b');
  });

  it('goes to one that starts only when there is no other', () => {
    const starts = member('a', { health: 'starting' });
    expect(elect('x', starts, member('b', { startedAt: 9 }))).toBe('b');
    expect(elect('x', starts, member('b', { health: 'unhealthy' }))).toBe('a');
    expect(elect('b', starts, member('b', { health: 'unhealthy' }))).toBe('a');
  });

  it('does not move among unhealthy ones, but stays nowhere only when none runs', () => {
    const [a, b] = [member('a', { health: 'unhealthy' }), member('b', { health: 'unhealthy' })];
    expect(elect('b', a, b)).toBe('b');
    expect(elect('c', a, b)).toBe('a');
    expect(elect('a', member('a', { running: false }))).toBeUndefined();
    expect(elect('a')).toBeUndefined();
  });
});
