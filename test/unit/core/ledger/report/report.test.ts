import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cosign } from '../../../../../src/core/ledger/note/cosignature.ts';
import { newSigner } from '../../../../../src/core/ledger/note/keys.ts';
import { signNote } from '../../../../../src/core/ledger/note/signed-note.ts';
import { readReport, type Span } from '../../../../../src/core/ledger/report/read-report.ts';
import { linesOf, placeLedger, START, type Timed } from '../query/ledgers.ts';

const life = (action: string, data: Timed['data'] = {}, more: Partial<Timed> = {}): Timed => ({
  category: 'lifecycle',
  action,
  data,
  ...more,
});
const step = (action: string, kind: string, cause: number, data: Timed['data'] = {}): Timed => ({
  category: 'port',
  action,
  data,
  cause,
  metadata: { kind },
});
const port = { port: 'vi101', guest: 'web' };

const report = async (entries: readonly Timed[], span: Span = {}, lines = linesOf(entries)) => {
  using place = placeLedger(lines);
  return await readReport(place.path, span);
};

describe('a report', () => {
  const start = life('guest_pre_start', { vmid: 101 }, { metadata: { source: 'proxmox' }, user: 'eve' });
  const day: Timed[] = [
    life('agent_started', { version: '1' }),
    start,
    step('port_attach', 'intent', 2, port),
    step('port_attached', 'outcome', 3, port),
    step('port_guard', 'intent', 2, port),
    step('port_guard_failed', 'outcome', 5, { ...port, code: 'x', error: 'why' }),
    step('port_detach', 'intent', 2, port),
    {
      category: 'access',
      action: 'call_made',
      data: { method: 'reconcile', outcome: 'failed', by: { uid: 0, sudo_user: 'eve' } },
    },
    {
      category: 'config',
      action: 'config_changed',
      data: { asked_by: { process: 'vi', login_user: 'eve' } },
    },
  ];

  it('says who had what changed, and because of what', async () => {
    const { changes, blocks, hosts, actions, first, last } = await report(day);
    expect(changes).toMatchObject([
      {
        by: ['eve'],
        source: 'proxmox',
        because: 'guest_pre_start',
        action: 'port_attached',
        count: 1,
        subjects: ['vi101'],
        last: { height: 4 },
      },
      { by: ['root', 'eve', 'vi'], source: null, action: 'config_changed', because: 'config_changed' },
    ]);
    expect([blocks, hosts, first?.height, last?.height]).toEqual([9, ['pve1'], 1, 9]);
    expect(actions.port).toEqual({
      port_attach: 1,
      port_attached: 1,
      port_guard: 1,
      port_guard_failed: 1,
      port_detach: 1,
    });
  });

  it('says what failed, and what was not finished', async () => {
    const { failures, failureCount, open } = await report(day);
    expect(failures).toMatchObject([
      { height: 6, action: 'port_guard_failed', by: ['eve'], subject: 'vi101', code: 'x', error: 'why' },
      {
        height: 8,
        action: 'call_made',
        by: ['root', 'eve', '0'],
        subject: 'reconcile',
        code: null,
        error: null,
      },
    ]);
    expect([failureCount, open]).toEqual([2, [7]]);
    const many = Array.from({ length: 1200 }, () => life('event_failed', { bridge: 'b', problem: 'p' }));
    const told = await report(many);
    expect([told.failures.length, told.failureCount]).toEqual([1000, 1200]);
    expect(told.failures[0]).toMatchObject({ subject: 'b', error: 'p' });
  });

  it('looks up what began before its time, and takes what is there where that is gone', async () => {
    const later = { since: START + 3000 };
    expect((await report(day, later)).changes[0]).toMatchObject({ by: ['eve'], because: 'guest_pre_start' });
    const cut = await report(day, later, linesOf(day).slice(2));
    expect(cut.changes[0]).toMatchObject({ by: ['root'], because: 'port_attach' });
    const gone = await report(day, later, linesOf(day).slice(3));
    expect(gone.changes[0]).toMatchObject({ because: 'port_attached' });
  });

  it('counts together what is the same, and names the first few', async () => {
    const many = Array.from({ length: 60 }, (_, n) =>
      step('port_attached', 'outcome', 1, { port: `vi${100 + (n % 9)}` }),
    );
    const { changes } = await report([start, ...many]);
    expect(changes).toMatchObject([{ count: 60, subjects: ['vi100', 'vi101', 'vi102', 'vi103', 'vi104'] }]);
  });

  it('forgets the oldest of very many origins, and finds them again', async () => {
    const many: Timed[] = [start, ...Array.from({ length: 20_005 }, (): Timed => life('guest_seen', {}))];
    const { changes } = await report([...many, step('port_attached', 'outcome', 1, port)]);
    expect(changes).toMatchObject([{ by: ['eve'], because: 'guest_pre_start' }]);
  });

  it('says when nothing was recorded', async () => {
    const at = (minutes: number) => START + minutes * 60_000;
    const beat = (minutes: number) =>
      life(
        'ledger_heartbeat',
        { beat: 1, every_s: 60, mono_s: 60 * minutes, checkpoint: null },
        { at: at(minutes), category: 'filesystem' },
      );
    const { gaps, notes } = await report([
      life('agent_started', {}, { at: at(0) }),
      life('agent_stopped', {}, { at: at(10) }),
      life('agent_started', {}, { at: at(20) }),
      life('guest_seen', {}, { at: at(21) }),
      life('agent_started', {}, { at: at(30) }),
      beat(31),
      beat(32),
      beat(40),
      life('guest_seen', {}, { at: at(35) }),
      life(
        'ledger_gap',
        { since: '2026-11-23T08:41:00.000Z', error: 'ENOSPC' },
        { at: at(50), category: 'filesystem' },
      ),
      life('events_lost', { count: 3, reason: 'r' }, { at: at(51) }),
      life('events_left_out', {}, { at: at(52) }),
      life('ledger_gap', {}, { at: at(53), category: 'filesystem' }),
    ]);
    expect(gaps.map(({ height, reason }) => [height, reason])).toEqual([
      [3, 'the agent was stopped'],
      [5, 'the agent ended without saying so'],
      [8, 'no heartbeat'],
      [9, 'the clock went back'],
      [10, 'the ledger could not be written: ENOSPC'],
      [11, '3 events were not recorded'],
      [12, 'some events were not recorded'],
      [13, 'the ledger could not be written: -'],
    ]);
    expect(gaps[0]).toMatchObject({
      from: new Date(at(10)).toISOString(),
      to: new Date(at(20)).toISOString(),
    });
    expect(notes.map(({ height }) => height)).toEqual([10, 11, 13]);
  });

  it('takes the other clock for heartbeats, so that one that is set is told of as such', async () => {
    const beat = (monoS: number, clock: number) =>
      life(
        'ledger_heartbeat',
        { beat: 1, every_s: 3600, mono_s: monoS, checkpoint: null },
        { at: START + clock * 3_600_000, category: 'filesystem' },
      );
    const { gaps } = await report([beat(9, 0), beat(3609, 8760), beat(7209, 2), beat(20_000, 3)]);
    expect(gaps.map(({ height, reason }) => [height, reason])).toEqual([
      [2, 'the clock went forward, or the host slept'],
      [3, 'the clock went back'],
      [4, 'no heartbeat'],
    ]);
  });

  it('names the checkpoints of its time, and who stands under them', async () => {
    using place = placeLedger(linesOf(day));
    mkdirSync(join(place.dir, 'ledger.d'));
    const [log, former, one, two] = ['log', 'former', 'w1', 'w2'].map(newSigner) as [
      never,
      never,
      never,
      never,
    ];
    const line = (size: number, minutes: number, signers: never[], witnesses: never[]) => {
      const root = Buffer.alloc(32, size).toString('base64');
      const text = `log\n${size}\n${root}\n`;
      const note = signNote(text, signers) + witnesses.map((witness) => cosign(text, witness, 1)).join('');
      return `${JSON.stringify({ at: new Date(START + minutes * 60_000).toISOString(), note })}\n`;
    };
    writeFileSync(
      join(place.dir, 'ledger.d', 'checkpoints.jsonl'),
      [line(1, 0, [log], []), line(4, 1, [log, former], [one]), line(9, 2, [log], [one, two])].join(''),
    );
    const span = { since: START + 60_000, until: START + 200_000 };
    const { checkpoints, witnesses, since } = await readReport(place.path, span);
    expect(checkpoints).toMatchObject({ count: 2, first: { size: 4 }, last: { size: 9 }, origins: ['log'] });
    expect(witnesses).toMatchObject([
      { name: 'w1', cosigned: 2, lastSize: 9 },
      { name: 'w2', cosigned: 1, lastSize: 9 },
    ]);
    expect(since).toBe(new Date(START + 60_000).toISOString());
  });

  it('of a time in which there was nothing says so', async () => {
    expect(await report(day, { since: START + 1e9 })).toMatchObject({
      blocks: 0,
      first: null,
      last: null,
      changes: [],
      gaps: [],
      checkpoints: { count: 0, first: null, last: null },
      witnesses: [],
    });
  });
});
