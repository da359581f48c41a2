// When witnesses are well, when one is missed, and when all are: the one judgement that status and doctor repeat.

import { describe, expect, it } from 'vitest';
import { witnessFaults } from '../../../src/diagnose/witness-faults.ts';
import { newWitnessState, type WitnessState } from '../../../src/witness/client/witness-state.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-30T12:00:00.000Z');
const ago = (hours: number) => new Date(NOW - hours * HOUR).toISOString();
const witness = (name: string, more: Partial<WitnessState>): WitnessState => ({
  ...newWitnessState(name, name, 'http://w/'),
  first_asked_at: ago(100),
  ...more,
});
const faults = (...states: WitnessState[]) =>
  witnessFaults({ states, everySeconds: 3600 }, NOW).map(
    ({ fault, degraded }) => `${fault}${degraded ? ' degraded' : ''}`,
  );
const SILENT = { kind: 'silent', text: 'no route', since: ago(5) } as const;

it("tells of each node's ledger that is not what it was", () => {
  const peers = [{ node: 'pve2', text: 'it was set back' }];
  expect(witnessFaults({ states: [], peers, everySeconds: 3600 }, NOW)).toEqual([
    {
      fault: 'node-ledger',
      text: 'the ledger of the node pve2: it was set back',
      remedy: expect.stringContaining('ovs-port-agent ledger witness trust pve2'),
      degraded: false,
    },
  ]);
});

describe('witnesses', () => {
  it('that nobody has set up are not missed', () => {
    expect(faults()).toEqual([]);
  });

  it('are well while each has cosigned within three checkpoints, and when they have just been added', () => {
    expect(faults(witness('a', { cosigned_at: ago(2.9) }))).toEqual([]);
    expect(faults(witness('a', { cosigned_at: ago(2.9), problem: SILENT }))).toEqual([]);
    expect(faults(witness('a', { first_asked_at: null }), witness('b', { first_asked_at: ago(1) }))).toEqual(
      [],
    );
  });

  it('of which one is silent are one too few', () => {
    expect(
      faults(witness('a', { cosigned_at: ago(4), problem: SILENT }), witness('b', { cosigned_at: ago(0) })),
    ).toEqual(['witness-silent degraded']);
  });

  it('that are all silent, or have never answered, are none', () => {
    expect(faults(witness('a', { cosigned_at: ago(4) }), witness('b', { problem: SILENT }))).toEqual([
      'witness-silent',
    ]);
    const [fault] = witnessFaults({ states: [witness('a', {})], everySeconds: 3600 }, NOW);
    expect(fault?.text).toBe(
      `no witness has cosigned this ledger since ${ago(100)}, when it was first asked (a)`,
    );
  });

  it.each(['ahead', 'forked', 'refused'] as const)(
    'of which one says %s are wrong at once, however many are well',
    (kind) => {
      const problem = { kind, text: 'why', since: ago(0) };
      expect(
        faults(witness('a', { cosigned_at: ago(0), problem }), witness('b', { cosigned_at: ago(0) })),
      ).toEqual(['witness-refuses']);
      expect(faults(witness('a', { cosigned_at: ago(9), problem }))).toEqual([
        'witness-refuses',
        'witness-silent',
      ]);
    },
  );
});
