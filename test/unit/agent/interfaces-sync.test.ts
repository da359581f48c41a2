// When the agent asks systemd to bring the interfaces file up to date.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { syncInterfaces } from '../../../src/agent/interfaces-sync.ts';
import type { BusCall } from '../../../src/core/bus/bus.ts';
import { parseConfig } from '../../../src/core/config/parse-config.ts';
import { emptyReplica, type RowChange } from '../../../src/core/ovsdb/replica.ts';
import type { LastRun } from '../../../src/ifupdown/last-result.ts';

let calls: BusCall[];
let failure: Error | undefined;
let errors: unknown[];
let open: { close(): void }[];
/** How the unit ends each time; undefined: it does not end. */
let outcome: { error?: string } | undefined;
let run: LastRun | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  [calls, failure, errors, open] = [[], undefined, [], []];
  [outcome, run] = [{}, undefined];
});
afterEach(() => {
  for (const each of open) each.close();
  vi.useRealTimers();
});

const row = (name: string, externalIds: [string, string][] = []) => ({
  name,
  ports: ['set', []],
  datapath_type: '',
  datapath_id: ['set', []],
  external_ids: ['map', externalIds],
});

function start(config = '[proxmox]\ninterfaces = true\n', connected = true) {
  const replica = emptyReplica();
  let onChange: (changes: RowChange[]) => void = () => undefined;
  let onConnection: (connected: boolean) => void = () => undefined;
  const ovsdb = {
    replica,
    connected,
    onChange: (listener: typeof onChange) => {
      onChange = listener;
    },
    onConnection: (listener: typeof onConnection) => {
      onConnection = listener;
    },
  };
  const bus = {
    async call(call: BusCall) {
      calls.push(call);
      if (failure) throw failure;
      if (outcome) run = { at: Date.now(), ...outcome };
      return ['/org/freedesktop/systemd1/job/1'];
    },
  };
  const sync = syncInterfaces({
    bus,
    ovsdb,
    config: parseConfig(config, 'config.toml').config,
    lastRun: async () => run,
    onError: (error) => errors.push(error),
  });
  open.push(sync);
  return {
    sync,
    update: (update: unknown) => onChange(replica.apply(update)),
    connect() {
      ovsdb.connected = true;
      onConnection(true);
    },
    settle: () => vi.advanceTimersByTimeAsync(1000),
  };
}

describe('the interfaces file', () => {
  it('is brought up to date when the agent starts, by the unit made for it', async () => {
    await start().settle();
    expect(calls).toMatchObject([
      { member: 'StartUnit', body: ['ovs-port-agent-interfaces.service', 'replace'] },
    ]);
  });

  it.each(['[proxmox]\ninterfaces = false\n', '[proxmox]\ninterfaces = true\nenabled = false\n', ''])(
    'is left alone with %j',
    async (config) => {
      const { settle, update } = start(config);
      update({ Bridge: { a: { new: row('ovsbr0') } } });
      await settle();
      expect(calls).toEqual([]);
    },
  );

  it('follows a bridge that comes, goes, or gets another owner', async () => {
    const { settle, update } = start();
    await settle();
    update({ Bridge: { a: { new: row('ovsbr0') } } });
    await settle();
    update({ Bridge: { a: { new: row('ovsbr0', [['NM.connection.uuid', 'b5a7']]) } } });
    await settle();
    update({ Bridge: { a: { old: row('ovsbr0') } } });
    await settle();
    expect(calls).toHaveLength(4);
  });

  it('is looked at once for many changes, and not for ports or other columns', async () => {
    const { settle, update } = start();
    await settle();
    for (const name of ['a', 'b', 'c']) update({ Bridge: { [name]: { new: row(name) } } });
    await settle();
    update({ Bridge: { a: { new: { ...row('a'), ports: ['uuid', 'p'] } } } });
    await settle();
    expect(calls).toHaveLength(2);
  });

  it('waits for Open vSwitch', async () => {
    const { settle, connect } = start(undefined, false);
    await settle();
    expect(calls).toEqual([]);
    connect();
    await settle();
    expect(calls).toHaveLength(1);
  });

  it('is tried again when systemd cannot be asked', async () => {
    failure = new Error('no bus');
    const { settle } = start();
    await settle();
    expect(errors).toEqual([failure]);
    failure = undefined;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(calls).toHaveLength(2);
  });

  it('is looked at again when the run that answered began before the ask', async () => {
    const { settle, update } = start();
    await settle();
    // systemd has the running job stand for the new one: it does not see the bridge any more.
    outcome = undefined;
    update({ Bridge: { a: { new: row('ovsbr0') } } });
    await settle();
    expect(calls).toHaveLength(2);
    outcome = {};
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(calls).toHaveLength(3);
  });

  it('is tried again at longer and longer distances while it fails, as when Proxmox holds the lock', async () => {
    outcome = { error: 'interfaces-busy' };
    start();
    const times: number[] = [];
    const began = Date.now();
    while (times.length < 6) {
      const before = calls.length;
      await vi.advanceTimersByTimeAsync(100);
      if (calls.length > before) times.push(Math.floor((Date.now() - began) / 1000));
    }
    expect(times).toEqual([0, 2, 6, 14, 30, 62]);
    outcome = {};
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(calls).toHaveLength(7);
  });

  it('is asked for at once when a bridge changes while another try waits', async () => {
    outcome = { error: 'interfaces-busy' };
    const { settle, update } = start();
    await vi.advanceTimersByTimeAsync(1_200_000);
    const before = calls.length;
    outcome = {};
    update({ Bridge: { a: { new: row('ovsbr0') } } });
    await settle();
    expect(calls).toHaveLength(before + 1);
    await vi.advanceTimersByTimeAsync(7_200_000);
    expect(calls).toHaveLength(before + 1);
  });

  it.each(['not-proxmox', 'bad-config'])(
    'is not tried again on a host where it cannot be: %s',
    async (error) => {
      outcome = { error };
      start();
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(calls).toHaveLength(1);
    },
  );

  it('is left alone once the agent stops', async () => {
    const { sync, settle, update } = start();
    sync.close();
    update({ Bridge: { a: { new: row('ovsbr0') } } });
    await settle();
    expect(calls).toEqual([]);
  });
});
