import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EpochNote } from '../../../src/core/ledger/checkpoint/epoch-note.ts';
import { ERRORS } from '../../../src/core/lib/errors.ts';
import type { DoctorFacts } from '../../../src/diagnose/doctor/facts.ts';
import type { DesiredFacts } from '../../../src/diagnose/explain/facts.ts';
import { joinPort } from '../../../src/diagnose/explain/join.ts';
import { type HealthView, healthOf, healthWord, portHealth } from '../../../src/diagnose/health.ts';
import { healthy, link, no, port } from './doctor/healthy.ts';
import { ports } from './doctor/variants.ts';

const wish: DesiredFacts = { interface: 'tap101i0', bridge: 'ovsbr0', from: 'binding file' };
const guest = { name: 'web1', runtime: 'proxmox-qemu' as const };
const portOf = (host: DoctorFacts, wished = wish) =>
  joinPort({ vmid: 101, nic: 0 }, host, {
    guest,
    desired: wished,
    firewall: false,
    pending: false,
    running: true,
    skipped: [],
  });
const bridge = { name: 'ovsbr0', present: true, desiredPorts: 1, isMade: true };
const well: HealthView = { bridges: [bridge], ports: [portOf(healthy())] };
const faults = (more: Partial<HealthView>) =>
  healthOf({ ...well, ...more }).map(({ subject, name, fault }) =>
    [subject, name, fault].filter(Boolean).join(' '),
  );

const loss = { height: 590, hash: 'ab'.repeat(32), found: 0, at: '2026-11-29T14:00:00.000Z' };

describe('health', () => {
  it('is well where nothing is wrong', () => {
    expect(healthOf(well)).toEqual([]);
    expect(healthWord(portHealth(portOf(healthy())))).toBe('ok');
  });

  it.each<[string, Partial<HealthView>, string[]]>([
    ['OVSDB away: nothing else can be told', { ovsdbProblem: 'gone' }, ['host ovsdb-unreachable']],
    ['ovs-vswitchd silent', { switchProblem: 'it does not run' }, ['host vswitchd-unreachable']],
    [
      'public addresses that a firewall stops',
      { unreached: ['inet fw forward ends in reject'] },
      ['host addresses-unreached'],
    ],
    ['a bridge gone', { bridges: [{ ...bridge, present: false }] }, ['bridge ovsbr0 bridge-missing']],
    [
      'a bridge that no driver can act on',
      { bridges: [{ ...bridge, obstacle: { code: 'bridge-not-ovs', reason: 'x' } }] },
      ['bridge ovsbr0 bridge-not-ovs'],
    ],
    ['a bridge that is down', { bridges: [{ ...bridge, isDown: true }] }, ['bridge ovsbr0 bridge-down']],
    [
      'a bridge that is broken',
      { bridges: [{ ...bridge, error: 'x' }] },
      ['bridge ovsbr0 bridge-not-usable'],
    ],
    ['a port gone', { ports: [portOf(healthy(ports()))] }, ['port vi101 no-row']],
    [
      'a port without number',
      { ports: [portOf(healthy(ports(port({ ofport: -1 }))))] },
      ['port vi101 port-not-usable'],
    ],
    ['a port without device', { ports: [portOf(healthy({ links: new Map() }))] }, ['port vi101 device-gone']],
    [
      'a device that is down',
      { ports: [portOf(healthy({ links: new Map([['tap101i0', link({ up: false })]]) }))] },
      ['port vi101 link-down'],
    ],
    [
      'a port on another bridge',
      { ports: [portOf(healthy(ports(port({ bridge: 'ovsbr1' }))))] },
      ['port vi101 other-bridge'],
    ],
    ['a ledger lost', { ledger: { path: '/l', loss } }, ['host ledger-lost']],
    ['addresses withdrawn', { withdrawn: 3 }, ['host withdrawn']],
    [
      'what is left out because it cannot be made out',
      { unread: [{ text: 'the row "vi101" is not understood', remedy: 'Look at it' }] },
      ['host not-understood'],
    ],
  ])('tells of %s, once', (_, more, expected) => {
    expect(faults(more)).toEqual(expected);
  });

  it('tells the whole host of a silent switch once, and each port when it is asked for by itself', () => {
    const silent = healthy({ vswitchd: no('it does not run') });
    expect(faults({ switchProblem: 'it does not run', ports: [portOf(silent)] })).toEqual([
      'host vswitchd-unreachable',
    ]);
    expect(healthWord(portHealth(portOf(silent)))).toBe('vswitchd-unreachable');
  });

  it('names a bridge that is not there as the fault of its ports', () => {
    const gone = portOf(healthy(ports()), { ...wish, bridge: 'vmbr9' });
    expect(healthWord(portHealth(gone))).toBe('bridge-missing');
  });

  it('counts polling as a note, and a card that a guest set down as its own affair', () => {
    expect(healthOf({ ...well, polled: [{ path: '/spool', reason: 'EMFILE' }] })).toMatchObject([
      { fault: 'no-inotify', degraded: true },
    ]);
    const down = portOf(healthy({ links: new Map([['tap101i0', link({ carrier: false })]]) }));
    expect(portHealth(down)).toEqual([]);
  });

  it('tells of five things that it cannot make out, and how many more there are', () => {
    const unread = Array.from({ length: 12 }, (_, n) => ({ text: `row ${n}`, remedy: 'Look at it' }));
    const found = healthOf({ ...well, unread });
    expect(found.map(({ text }) => text)).toEqual([
      ...['row 0', 'row 1', 'row 2', 'row 3', 'row 4'],
      'and 7 more that are not understood',
    ]);
  });

  it('says where a ledger is that was set aside, and asks nobody to look for it', () => {
    const remedy = (setAside?: string) =>
      healthOf({ ...well, ledger: { path: '/l', loss: { ...loss, setAside } } })[0]?.remedy;
    expect(remedy()).toContain('Find the old file');
    expect(remedy('/l.d/broken/1.jsonl')).toMatch(/set aside.*ledger verify \/l\.d\/broken\/1\.jsonl$/);
  });

  it('tells for a week of a ledger that was set back or cloned, and never of one that is new or renamed', () => {
    const at = '2026-11-30T00:00:00.000Z';
    const [day, now] = [86_400_000, Date.parse(at)];
    const told = (why: EpochNote['why'], days: number) => {
      const epoch = { why, at, origin: 'o/e2', height: 7, parent: null, witness: null };
      return healthOf({ ...well, ledger: { path: '/l', epoch }, now: now + days * day }).map(
        ({ fault }) => fault,
      );
    };
    for (const why of ['rolled-back', 'other-machine', 'witness-ahead', 'key-lost', 'record-lost'] as const)
      expect([told(why, 6), told(why, 8)]).toEqual([['ledger-epoch'], []]);
    for (const why of ['first', 'origin-changed'] as const) expect(told(why, 0)).toEqual([]);
  });

  describe('a ledger that was put back', () => {
    const note: EpochNote = {
      ...{ why: 'rolled-back', at: '2026-11-29T14:00:01.000Z', origin: 'o/e2', height: 7, witness: null },
      parent: { origin: 'o', size: 588, root: 'cd' },
    };
    const told = (epoch: EpochNote, of = loss) =>
      healthOf({
        ...well,
        ledger: { path: '/l', loss: of, epoch },
        now: Date.parse('2026-11-30T00:00:00.000Z'),
      });

    it('is told of once, with all that is known and what to do', () => {
      const found = told(note);
      expect(found.map(({ fault }) => fault)).toEqual(['ledger-epoch']);
      expect(found[0]?.text).toBe(
        'the ledger /l does not hold block 590, the last one known: a new chain began at 2026-11-29T14:00:00.000Z. It goes on as o/e2 from block 7 on, since it does not hold the blocks that were signed: it was cut, replaced, or restored from an older state; before, 588 blocks were signed as o',
      );
      expect(found[0]?.remedy).toContain(`ledger verify --head 590:${loss.hash} FILE`);
    });

    it('is told of once when a witness is what had seen more of it', () => {
      const seen = told({ ...note, why: 'witness-ahead', witness: { name: 'w', size: 600 } });
      expect(seen.map(({ fault }) => fault)).toEqual(['ledger-epoch']);
      expect(seen[0]?.text).toContain('(w has seen 600)');
    });

    it.each<[string, EpochNote, string[]]>([
      ['an epoch of before', { ...note, at: '2026-11-28T00:00:00.000Z' }, ['ledger-lost', 'ledger-epoch']],
      ['a host that was cloned', { ...note, why: 'other-machine' }, ['ledger-lost', 'ledger-epoch']],
      ['an epoch of a week ago and more', { ...note, at: '2026-11-20T00:00:00.000Z' }, ['ledger-lost']],
    ])('keeps it apart from %s', (_, epoch, expected) => {
      expect(told(epoch).map(({ fault }) => fault)).toEqual(expected);
    });
  });

  it('names the first line that does not hold', () => {
    const broken = {
      ...{ height: 9, line: 1, offset: 0, file: 'ledger.d/segments/9.jsonl', reason: 'missing' as const },
      ...{ expected: 'block 5', actual: 'block 9' },
    };
    expect(healthOf({ ...well, ledger: { path: '/l', broken } })).toMatchObject([
      {
        fault: 'ledger-broken',
        text: 'the ledger /l does not hold from block 9 on (ledger.d/segments/9.jsonl): missing, expected block 5, found block 9',
      },
    ]);
  });

  it('says what could not be written while that is so, and notes it afterwards', () => {
    const told = (more: object) => {
      const gap = { since: 'T1', failed: 3, error: 'ENOSPC', ...more };
      return healthOf({ ...well, ledger: { path: '/l', gap } })[0];
    };
    expect(told({})).toMatchObject({
      fault: 'ledger-gap',
      text: 'the ledger /l cannot be written since T1: 3 blocks could not be recorded (ENOSPC)',
    });
    expect(told({})).not.toHaveProperty('degraded');
    expect(told({ failed: 1, until: 'T2', height: 7 })).toMatchObject({
      fault: 'ledger-gap',
      text: 'the ledger /l lacks a block from T1 to T2: it could not be written (ENOSPC)',
      remedy: 'See ovs-port-agent ledger show 7',
      degraded: true,
    });
  });

  it('names a sealed segment that somebody changed, and how many more there are', () => {
    const told = (...files: string[]) =>
      healthOf({
        ...well,
        ledger: { path: '/l', changed: files.map((file) => ({ file, what: 'it is gone' })) },
      });
    expect(told()).toEqual([]);
    expect(told('segments/1.jsonl')).toMatchObject([{ fault: 'ledger-segment', subject: 'host' }]);
    expect(told('segments/1.jsonl', 'segments/2.jsonl')[0]?.text).toBe(
      "the ledger's segment segments/1.jsonl is not what was sealed: it is gone, and 1 more",
    );
  });

  it('has the remedy of what keeps the head of the ledger from being signed', () => {
    for (const code of ['ledger-key-unusable', 'ledger-write-failed', 'ledger-checkpoint-refused'] as const) {
      const [fault] = healthOf({ ...well, ledger: { path: '/l', unsigned: { text: 'why', code } } });
      expect(fault).toMatchObject({ fault: 'ledger-unsigned', remedy: ERRORS[code].remedy, degraded: true });
    }
  });

  it('has a remedy for whatever it finds', () => {
    const bool = fc.boolean();
    fc.assert(
      fc.property(bool, bool, bool, bool, fc.nat(5), bool, (gone, silent, present, isDown, wanted, lost) => {
        const found = healthOf({
          ...well,
          ovsdbProblem: gone ? 'x' : undefined,
          switchProblem: silent ? 'x' : undefined,
          bridges: [{ ...bridge, present, isDown, desiredPorts: wanted, isMade: lost }],
          ledger: { path: '/l', loss: lost ? loss : undefined },
        });
        expect(found.length > 0).toBe(gone || silent || !present || isDown || lost);
        for (const { text, remedy } of found)
          expect([text, remedy].every((words) => words.length > 5)).toBe(true);
      }),
    );
  });
});
