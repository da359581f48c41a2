// What an agent that is stopped for good leaves to Proxmox.

import { beforeEach, describe, expect, it } from 'vitest';
import { networkManagerDriver } from '../../../src/core/drivers/networkmanager/driver.ts';
import type { DriverParts } from '../../../src/core/drivers/networkmanager/parts.ts';
import { ovsdbDriver } from '../../../src/core/drivers/ovsdb/driver.ts';
import type { Ledger } from '../../../src/core/ledger/writer.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import type { Operation, OvsdbClient } from '../../../src/core/ovsdb/client.ts';
import { emptyReplica, type Replica } from '../../../src/core/ovsdb/replica.ts';
import { NM_UUID_KEY, OWNER_KEYS } from '../../../src/core/plan/observed.ts';
import { restoreAllNames, restoreGuestNames } from '../../../src/reconcile/restore-names.ts';

const set = (...atoms: unknown[]) => ['set', atoms];
const map = (entries: Record<string, string>) => ['map', Object.entries(entries)];

interface Card {
  row: string;
  link: string;
  runtime: string;
  more?: Record<string, string>;
}

let replica: Replica;
let links: Set<string>;
let sent: (readonly Operation[])[];
let noted: string[];
let blocks: { action: string; data: unknown }[];
let transact: (operations: readonly Operation[]) => Promise<unknown[]>;

function plug(nics: readonly Card[]): void {
  replica = emptyReplica();
  const ports = Object.fromEntries(
    nics.map(({ row, link, runtime, more = {} }) => [
      `p-${link}`,
      {
        new: {
          name: row,
          interfaces: ['uuid', `i-${link}`],
          tag: set(),
          trunks: set(),
          vlan_mode: set(),
          qos: set(),
          cvlans: set(),
          protected: false,
          other_config: map({}),
          external_ids: map({
            [OWNER_KEYS.vmid]: /\d+/.exec(row)?.[0] ?? '',
            [OWNER_KEYS.runtime]: runtime,
            ...more,
          }),
        },
      },
    ]),
  );
  const link = { type: '', ofport: 3, error: set(), mac_in_use: set(), mtu_request: set() };
  replica.apply({
    Bridge: {
      b: {
        new: {
          name: 'vmbr0',
          ports: set(...Object.keys(ports).map((uuid) => ['uuid', uuid])),
          datapath_type: '',
          external_ids: map({}),
        },
      },
    },
    Port: ports,
    Interface: Object.fromEntries(
      nics.map((card) => [`i-${card.link}`, { new: { name: card.link, ...link, external_ids: map({}) } }]),
    ),
  });
  links = new Set(nics.map((card) => card.link));
}

const parts = () => {
  const ovsdb = { replica, transact: (all: readonly Operation[]) => transact(all) } as unknown as OvsdbClient;
  const rows = ovsdbDriver({ ovsdb, bootId: 'b', bringUp: async () => undefined });
  const networkmanager = networkManagerDriver({ ovsdb, rows } as unknown as DriverParts);
  return { ovsdb, drivers: { ovsdb: rows, networkmanager } };
};

const run = (cause: number | undefined = 7) =>
  restoreAllNames({
    ...parts(),
    ledger: {
      append: async ({ action, data }: { action: string; data: unknown }) => ({
        height: blocks.push({ action, data }),
      }),
    } as unknown as Pick<Ledger, 'append'>,
    linkNames: async () => links,
    cause,
    onNameRestored: async (port, row) => void noted.push(`${port} ${row}`),
  });
const inserted = () =>
  sent
    .flat()
    .flatMap((operation) => (operation.op === 'insert' ? [(operation.row as { name: string }).name] : []));

beforeEach(() => {
  sent = [];
  noted = [];
  blocks = [];
  transact = async (operations) => {
    sent.push(operations);
    return [];
  };
});

describe('an agent that is stopped for good', () => {
  it("gives hundreds of cards back in a few transactions, each under Proxmox's name with ours as its alias", async () => {
    plug(
      Array.from({ length: 120 }, (_, index) => ({
        row: `vi${1000 + index}`,
        link: `tap${1000 + index}i0`,
        runtime: 'proxmox-qemu',
      })),
    );
    await run();
    expect(sent).toHaveLength(3);
    expect(inserted()).toHaveLength(120);
    expect(inserted()[0]).toBe('tap1000i0');
    expect(noted).toHaveLength(120);
    expect(noted[0]).toBe('vi1000 tap1000i0');
    expect(JSON.stringify(sent[0])).toContain('["ovs-port-agent.port","vi1000"]');
    const names = sent[0]?.flatMap((operation) => operation['uuid-name'] ?? []);
    expect(new Set(names).size).toBe(50);
    expect(blocks.map(({ action }) => action)).toEqual(
      Array(3).fill(['port_hand_back', 'port_handed_back']).flat(),
    );
  });

  it('leaves the rest as it is: of other runtimes, of NetworkManager, handed back already, without device', async () => {
    plug([
      { row: 'vi1000000', link: 'vi1000000', runtime: 'docker' },
      { row: 'vi200', link: 'veth200i0', runtime: 'lxc' },
      { row: 'vi101', link: 'tap101i0', runtime: 'proxmox-qemu', more: { [NM_UUID_KEY]: 'U' } },
      {
        row: 'tap102i0',
        link: 'tap102i0',
        runtime: 'proxmox-qemu',
        more: { [OWNER_KEYS.port]: 'vi102' },
      },
      { row: 'vi103', link: 'tap103i0', runtime: 'proxmox-qemu' },
    ]);
    links.delete('tap103i0');
    await run();
    expect([sent, blocks]).toEqual([[], []]);
  });

  it('does so also when the ledger cannot be written', async () => {
    plug([{ row: 'vi101', link: 'tap101i0', runtime: 'proxmox-qemu' }]);
    await restoreAllNames({
      ...parts(),
      ledger: { append: () => Promise.reject(new Error('disk full')) } as unknown as Pick<Ledger, 'append'>,
      linkNames: async () => links,
      cause: undefined,
      onNameRestored: async () => undefined,
    });
    expect(inserted()).toEqual(['tap101i0']);
  });

  it('says in the ledger what could not be handed back', async () => {
    plug([{ row: 'vi101', link: 'tap101i0', runtime: 'proxmox-qemu' }]);
    transact = () => Promise.reject(new Error('no'));
    await expect(run()).rejects.toThrow('no');
    expect(blocks.map(({ action }) => action)).toEqual(['port_hand_back', 'port_hand_back_failed']);
  });
});

describe('a container whose configuration Proxmox has locked', () => {
  const card = (row: string, link: string, vmid: number, nic = 0): Card => ({
    row,
    link,
    runtime: 'proxmox-lxc',
    more: { [OWNER_KEYS.vmid]: String(vmid), [OWNER_KEYS.nic]: String(nic) },
  });
  const give = (vmid = 201, disk: () => Promise<unknown> = async () => undefined) =>
    restoreGuestNames(
      {
        ...parts(),
        ledger: {
          append: async ({ action, data }: { action: string; data: unknown }) => {
            const height = blocks.push({ action, data });
            await disk();
            return { height };
          },
        } as unknown as Pick<Ledger, 'append'>,
        onNameRestored: async (port, row) => void noted.push(`${port} ${row}`),
      },
      vmid,
      'locked',
    );

  beforeEach(() => {
    plug([
      card('vi201', 'veth201i0', 201),
      card('vi201i10', 'veth201i10', 201, 10),
      card('vi202', 'veth202i0', 202),
    ]);
  });

  it('gets all its cards back in one transaction, after one block that says why', async () => {
    expect(await give()).toBe(true);
    expect(sent).toHaveLength(1);
    expect(inserted()).toEqual(['veth201i0', 'veth201i10']);
    expect(noted).toEqual(['vi201 veth201i0', 'vi201i10 veth201i10']);
    expect(blocks).toMatchObject([
      { action: 'port_hand_back', data: { vmid: 201, reason: 'locked' } },
      { action: 'port_handed_back', data: { vmid: 201 } },
    ]);
  });

  it('gets them while the disk is still at that block: Proxmox does not wait for it', async () => {
    let written: () => void = () => undefined;
    const disk = new Promise<void>((resolve) => {
      written = resolve;
    });
    const done = give(201, () => disk);
    // Whatever is not the disk's is over after that.
    await new Promise((resolve) => setImmediate(resolve));
    expect(inserted()).toEqual(['veth201i0', 'veth201i10']);
    expect(blocks).toMatchObject([{ action: 'port_hand_back' }]);
    written();
    await done;
    expect(blocks).toMatchObject([{ action: 'port_hand_back' }, { action: 'port_handed_back' }]);
  });

  it('gets them also when somebody else’s transaction was first', async () => {
    const real = transact;
    transact = async () => {
      transact = real;
      throw new AgentError('ovsdb-refused', 'timed out');
    };
    expect(await give()).toBe(true);
    expect(inserted()).toEqual(['veth201i0', 'veth201i10']);
  });

  it('that has none under our name causes nothing', async () => {
    expect(await give(203)).toBe(false);
    expect([sent, blocks]).toEqual([[], []]);
  });
});
