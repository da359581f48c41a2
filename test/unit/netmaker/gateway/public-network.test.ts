// When the host is made the gateway, and when it is left alone.

import { beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import { openPublicNetwork, type PublicNetwork } from '../../../../src/netmaker/gateway/public-network.ts';
import type { GatewaySpec } from '../../../../src/netmaker/gateway/spec.ts';
import { openPendingRetries } from '../../../../src/state/pending-retries.ts';

let wishes: GatewaySpec[];
let blocks: { action: string; cause?: number | null }[];
let ports: DesiredPort[];
let known: boolean;
let fails: boolean;
let quiet: Promise<void>;
let disturb: (() => void) | undefined;
let network: PublicNetwork;
const pendingRetries = openPendingRetries(() => 0);

const portWith = (address: string): DesiredPort => ({
  port: 'vi1000000',
  interface: 'vi1000000',
  bridge: 'ovsbr1',
  guest: { runtime: 'docker', vmid: 1_000_000, name: 'netmaker-1' },
  nic: 0,
  published: [{ port: 'vi1000000', address, allowIn: ['all'] }],
});

beforeEach(() => {
  wishes = [];
  blocks = [];
  ports = [];
  known = true;
  fails = false;
  quiet = Promise.resolve();
  disturb = undefined;
  network = openPublicNetwork({
    gateway: {
      async assert(spec) {
        wishes.push(spec);
        if (fails) throw new AgentError('gateway-failed', 'nft is not there');
        return [{ did: 'made', what: 'nftables table' }];
      },
      hold: async () => undefined,
      hints: () => [],
      undo: async () => [],
      counters: async () => ({ refused: 0, refusedByHost: 0, spoofed: 0 }),
      onDisturbance: (listener) => {
        disturb = listener;
      },
      close: () => undefined,
    },
    spec: {
      mode: 'routed',
      bridge: 'ovsbr1',
      pools: [],
      uplink: 'auto',
      onLink: 'auto',
      isolate: false,
      hostServices: [],
      reserved: [],
    },
    dockerBridges: async () => ['docker0'],
    ledger: {
      append: async (draft) => {
        blocks.push(draft);
        return { height: blocks.length } as never;
      },
    },
    pendingRetries,
    ports: () => ports,
    quiet: () => quiet,
    isKnown: () => known,
    onError: (error) => expect.unreachable(String(error)),
  });
});

const cause = async () => 7;

describe('the host', () => {
  it('is made the gateway of what guests publish, and the ledger says because of whom', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    expect(wishes.map(({ published }) => published.map(({ address }) => address))).toEqual([['203.0.113.2']]);
    expect(blocks).toMatchObject([{ action: 'gateway_set', cause: 7 }]);
  });

  it('is not looked at again for a guest that changes nothing', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    await network.sync(cause);
    expect(wishes).toHaveLength(1);
  });

  it('sees the last of many guests that start at once', async () => {
    const all = ['203.0.113.2', '203.0.113.3', '203.0.113.4'].map((address) => {
      ports = [...ports, portWith(address)];
      return network.sync(cause);
    });
    await Promise.all(all);
    expect(wishes.at(-1)?.published).toHaveLength(3);
    expect(wishes.length).toBeLessThanOrEqual(3);
  });

  it('that is the gateway already is looked at once for all that start together', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    const ends: (() => void)[] = [];
    const all = ['203.0.113.3', '203.0.113.4', '203.0.113.5'].map((address) => {
      ports = [...ports, portWith(address)];
      return network.sync(cause, new Promise<void>((resolve) => ends.push(resolve)));
    });
    for (const end of ends) {
      expect(wishes).toHaveLength(1);
      end();
      await new Promise(setImmediate);
    }
    await Promise.all(all);
    expect(wishes).toHaveLength(2);
    expect(wishes[1]?.published).toHaveLength(4);
  });

  it('is not waited for longer than a second, however many start', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    ports = [...ports, portWith('203.0.113.3')];
    void network.sync(cause, new Promise(() => undefined));
    ports = [...ports, portWith('203.0.113.4')];
    await network.sync(cause, Promise.resolve());
    expect(wishes).toHaveLength(2);
    expect(wishes[1]?.published).toHaveLength(3);
  });

  it('is no gateway any more after the last one', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    ports = [];
    await network.sync(cause);
    await expect.poll(() => blocks.at(-1)).toMatchObject({ action: 'gateway_closed', cause: 7 });
    expect(wishes.at(-1)?.published).toEqual([]);
  });

  it('is not touched for a guest that ends and starts again', async () => {
    ports = [portWith('203.0.113.2'), portWith('203.0.113.3')];
    await network.sync(cause);
    ports = [portWith('203.0.113.3')];
    await network.sync(cause);
    ports = [portWith('203.0.113.3'), portWith('203.0.113.2')];
    await network.sync(cause);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(wishes).toHaveLength(1);
  });

  it('stays as it is while Docker cannot say who runs', async () => {
    known = false;
    await network.sync(cause);
    expect(wishes).toEqual([]);
  });

  it('is in no trouble any more over guests that are gone, also while Docker cannot say who runs', async () => {
    ports = [portWith('203.0.113.2')];
    fails = true;
    await network.sync(cause);
    ports = [];
    known = false;
    await network.sync(cause);
    expect(pendingRetries.dueIn()).toBeUndefined();
  });

  it('is set right when something disturbs it', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    disturb?.();
    await expect.poll(() => wishes.length).toBe(2);
    await expect.poll(() => blocks.map(({ action }) => action)).toContain('reconcile');
  });

  it('is not looked at while guests are attended to', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    let rest = () => {};
    quiet = new Promise((resolve) => {
      rest = resolve;
    });
    disturb?.();
    await new Promise(setImmediate);
    expect(wishes).toHaveLength(1);
    rest();
    await expect.poll(() => wishes.length).toBe(2);
  });

  it('is not looked at for a disturbance that a look since has seen, unless that failed', async () => {
    ports = [portWith('203.0.113.2')];
    await network.sync(cause);
    for (const [failed, address, looks] of [
      [false, '203.0.113.3', 2],
      [true, '203.0.113.4', 4],
    ] as const) {
      let rest = () => {};
      quiet = new Promise((resolve) => {
        rest = resolve;
      });
      disturb?.();
      await new Promise((resolve) => setTimeout(resolve, 2));
      fails = failed;
      ports = [...ports, portWith(address)];
      await network.sync(cause);
      fails = false;
      rest();
      await expect.poll(() => wishes.length).toBe(looks);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(wishes).toHaveLength(looks);
    }
  });

  it('that cannot be the gateway is a trouble, told once and tried again', async () => {
    ports = [portWith('203.0.113.2')];
    fails = true;
    await network.sync(cause);
    await network.sync(cause);
    expect(wishes).toHaveLength(2);
    expect(blocks.filter(({ action }) => action === 'gateway_set_failed')).toHaveLength(1);
    expect(pendingRetries.all()).toMatchObject([{ port: 'gateway', code: 'gateway-failed' }]);
    fails = false;
    await network.sync(cause);
    expect(pendingRetries.all()).toEqual([]);
  });
});
