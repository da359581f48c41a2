// Only what a producer declares can be appended: most of these promises are kept by the type checker, which reads this file too.

import { describe, expect, it } from 'vitest';
import type { DeclaredEntry, Ledger } from '../../../../src/core/ledger/index.ts';
import { entryOf } from '../../../../src/core/ledger/producer.ts';
import { PORTS } from '../../../../src/reconcile/event-actions.ts';
import { STEPS } from '../../../../src/reconcile/step-actions.ts';

const appended: DeclaredEntry[] = [];
const ledger: Pick<Ledger, 'append'> = {
  append: async (entry) => {
    appended.push(entry);
    return undefined as never;
  },
};
const data = { port: 'vi101', bridge: 'vmbr0', code: 'bridge-missing', reason: 'there is no bridge' };

describe('an entry', () => {
  it('has the category of its action', async () => {
    await ledger.append(entryOf(PORTS, { action: 'port_held', data, cause: 7 }));
    expect(appended.at(-1)).toEqual({ category: 'port', action: 'port_held', data, cause: 7 });
  });

  it('does not compile with an action that its producer does not declare', () => {
    // @ts-expect-error: a typing mistake
    const wrong = () => entryOf(PORTS, { action: 'port_hold', data });
    // @ts-expect-error: another producer's
    const others = () => entryOf(PORTS, { action: 'port_attach', data });
    expect([wrong, others]).toHaveLength(2);
  });

  it('does not compile with data of another shape', () => {
    const { reason: _reason, ...unexplained } = data;
    // @ts-expect-error: without a reason
    const less = () => entryOf(PORTS, { action: 'port_held', data: unexplained });
    // @ts-expect-error: a number where a text belongs
    const other = () => entryOf(PORTS, { action: 'port_held', data: { ...data, reason: 7 } });
    // @ts-expect-error: a key that it does not have
    const more = () => entryOf(PORTS, { action: 'port_held', data: { ...data, link: 'x' } });
    expect([less, other, more]).toHaveLength(3);
  });

  it('does not compile without a producer', () => {
    // @ts-expect-error: anybody could write anything
    const raw = () => ledger.append({ category: 'port', action: 'port_held', data });
    expect(raw).toBeTypeOf('function');
  });

  it('of a step has the words of steps alone', () => {
    // @ts-expect-error: no step has this word
    const wrong = () => entryOf(STEPS, { action: 'port_attachd', data: {} });
    expect(entryOf(STEPS, { action: 'port_attached', data: {} }).category).toBe('port');
    expect(wrong).toBeTypeOf('function');
  });
});
