// Promises about enrolment: a former hookscript is never lost, wherever the work is cut off.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGuestConfig } from '../../../../../src/runtimes/proxmox/config/guest-config.ts';
import {
  enrolmentStatusOf,
  formerOf,
  type HookscriptState,
  type HookscriptStep,
  planEnrol,
  planUnenrol,
  stateOf,
} from '../../../../../src/runtimes/proxmox/hookscript/plan.ts';
import type { Former } from '../../../../../src/runtimes/proxmox/hookscript/record.ts';
import { isOurVolume, OUR_VOLUME } from '../../../../../src/runtimes/proxmox/hookscript/volume.ts';

const mine: Former = { volume: 'local:snippets/mine', path: '/var/lib/vz/snippets/mine' };
const old: Former = { volume: 'nas:snippets/old', path: '/mnt/pve/nas/snippets/old' };

const WEB = ['mac=bc:24:11:00:00:01', 'uuid=5c9b2e54-6a0a-4a0e-9a0e-0d1f2a3b4c5d'];
const UUID = WEB.slice(1);
const marks = WEB;

const fileOf = (hookscript: string | undefined) => [mine, old].find(({ volume }) => volume === hookscript);
const enrol = (state: HookscriptState) => planEnrol(state, fileOf(state.hookscript));
const unenrol = (state: HookscriptState) => planUnenrol(state, false);

function done(state: HookscriptState, steps: readonly HookscriptStep[]): HookscriptState {
  let { hookscript, record } = state;
  for (const step of steps) {
    if (step.kind === 'write-record') record = step.record;
    else hookscript = step.kind === 'set-hookscript' ? step.volume : undefined;
  }
  return { ...state, hookscript, record };
}

const formers = fc.constantFrom(mine, old, undefined);
const records = fc.oneof(
  fc.constantFrom(undefined, 'damaged' as const),
  fc
    .record({ state: fc.constantFrom('enrolled' as const, 'unenrolled' as const), former: formers })
    .map(({ state, former }) => ({ state, ...(former && { former }) })),
);
const others = fc.record({
  hookscript: fc.constantFrom(undefined, mine.volume, old.volume),
  record: records,
  marks: fc.constantFrom(WEB, []),
});

describe('enrolment', () => {
  it('ends with ours set and exactly the present hookscript after it, whatever an older record says', () => {
    fc.assert(
      fc.property(others, (state) => {
        const after = done(state, enrol(state));
        expect(after.hookscript).toBe(OUR_VOLUME);
        expect(formerOf(after)?.volume).toBe(state.hookscript);
      }),
    );
  });

  it('is undone by unenrolment', () => {
    fc.assert(
      fc.property(others, (state) => {
        const there = done(state, enrol(state));
        expect(done(there, unenrol(there)).hookscript).toBe(state.hookscript);
      }),
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(others, (state) => {
        const there = done(state, enrol(state));
        expect(enrol(there)).toEqual([]);
        const back = done(there, unenrol(there));
        expect(unenrol(back)).toEqual([]);
      }),
    );
  });

  it('is healed by its next run, or undone, after being cut off between any two steps', () => {
    fc.assert(
      fc.property(others, fc.nat(3), (state, count) => {
        const cut = done(state, enrol(state).slice(0, count));
        expect(done(cut, enrol(cut))).toEqual(done(state, enrol(state)));
        expect(done(cut, unenrol(cut)).hookscript).toBe(state.hookscript);
      }),
    );
  });

  it('names the former hookscript in the configuration or the record at every moment', () => {
    fc.assert(
      fc.property(others, fc.boolean(), fc.nat(3), (state, back, count) => {
        const from = back ? done(state, enrol(state)) : state;
        const cut = done(from, (back ? unenrol(from) : enrol(from)).slice(0, count));
        const named = isOurVolume(cut.hookscript) ? formerOf(cut)?.volume : cut.hookscript;
        expect(named).toBe(state.hookscript);
      }),
    );
  });
});

describe('a guest that has ours already', () => {
  it('set by hand, becomes known as enrolled', () => {
    expect(enrol({ hookscript: OUR_VOLUME, record: undefined, marks })).toEqual([
      { kind: 'write-record', record: { state: 'enrolled', marks: UUID } },
    ]);
  });

  it('again after a rollback, has its former hookscript again', () => {
    const record = { state: 'unenrolled', former: mine } as const;
    const after = done(
      { hookscript: OUR_VOLUME, record, marks },
      enrol({ hookscript: OUR_VOLUME, record, marks }),
    );
    expect(formerOf(after)).toEqual(mine);
    expect(done(after, unenrol(after)).hookscript).toBe(mine.volume);
  });

  it('from another storage, counts as enrolled', () => {
    expect(enrolmentStatusOf({ hookscript: 'nas:snippets/ovs-port-agent', record: undefined, marks })).toBe(
      'ours',
    );
  });

  it('and a damaged record, is told apart', () => {
    expect(enrolmentStatusOf({ hookscript: OUR_VOLUME, record: 'damaged', marks })).toBe('ours-damaged');
    expect(enrolmentStatusOf({ hookscript: mine.volume, record: 'damaged', marks })).toBe('other');
  });
});

describe('unenrolment of a guest that has not ours', () => {
  it('writes nothing', () => {
    expect(unenrol({ hookscript: mine.volume, record: undefined, marks })).toEqual([]);
  });

  it('can be noted, so that the guest does not get ours by itself', () => {
    expect(planUnenrol({ hookscript: undefined, record: undefined, marks }, true)).toEqual([
      { kind: 'write-record', record: { state: 'unenrolled', marks: UUID } },
    ]);
  });
});

describe('a guest that has the number of one that is gone', () => {
  const config = parseGuestConfig(
    'hookscript: local:snippets/ovs-port-agent\nnet0: virtio=BC:24:11:00:00:99,bridge=vmbr0\n',
    'qemu',
  );
  const state = stateOf({ config }, { state: 'enrolled', former: mine, marks: UUID });

  it('has nothing of what was known of that one', () => {
    expect([enrolmentStatusOf(state), formerOf(state), state.record]).toEqual(['ours', undefined, undefined]);
    expect(done(state, unenrol(state))).toMatchObject({ hookscript: undefined });
  });

  it('is written down as itself when it is enrolled', () => {
    expect(done(state, enrol(state)).record).toEqual({ state: 'enrolled', marks: ['mac=bc:24:11:00:00:99'] });
  });
});
