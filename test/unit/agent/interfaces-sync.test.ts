// When the agent asks systemd to bring the interfaces file up to date.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { syncInterfaces } from '../../../src/agent/interfaces-sync.ts';
import type { BusCall } from '../../../src/core/bus/bus.ts';
import { parseConfig } from '../../../src/core/config/parse-config.ts';
import { emptyReplica, type RowChange } from '../../../src/core/ovsdb/replica.ts';

let calls: BusCall[];
let failure: Error | undefined;
let errors: unknown[];
let open: { close(): void }[];

beforeEach(() => {
  vi.useFakeTimers();
  [calls, failure, errors, open] = [[], undefined, [], []];
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
      return ['/org/freedesktop/systemd1/job/1'];
    },
  };
  const sync = syncInterfaces({
    bus,
    ovsdb,
    config: parseConfig(config, 'config.toml').config,
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
    await vi.advanceTimersByTimeAsync(30_000);
    expect(calls).toHaveLength(2);
  });

  it('is left alone once the agent stops', async () => {
    const { sync, settle, update } = start();
    sync.close();
    update({ Bridge: { a: { new: row('ovsbr0') } } });
    await settle();
    expect(calls).toEqual([]);
  });
});
