// What a hook does to the switch when it reaches no agent; against a stand-in of ovsdb-server.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sweepRows } from '../../../hooks/sweep.ts';
import { jsonStream } from '../../../src/core/ovsdb/json-stream.ts';

type Ids = Record<string, string>;
interface Request {
  id: number;
  params: [string, ...Record<string, unknown>[]];
}

let directory: string;
let path: string;
let server: Server;
let asked: Request['params'][];
let answer: (request: Request, socket: Socket) => void;
const open = new Set<Socket>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sweep-'));
  path = join(directory, 'db.sock');
  asked = [];
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    const feed = jsonStream((value) => {
      const request = value as Request;
      asked.push(request.params);
      answer(request, socket);
    });
    socket.on('data', feed);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

const PROXMOX = { vmid: 101, runtimes: ['proxmox-qemu', 'proxmox-lxc'] };

const MARKS = { 'ovs-port-agent.vmid': '101', 'ovs-port-agent.nic': '0' };
const row = (name: string, ids: Ids) => ({
  _uuid: ['uuid', `uuid-of-${name}`],
  name,
  interfaces: ['uuid', `interface-of-${name}`],
  external_ids: ['map', Object.entries(ids)],
});
/** First the rows that carry the marks, then that all went well. */
const withRows =
  (...rows: unknown[]): typeof answer =>
  ({ id, params }, socket) => {
    const [, ...operations] = params;
    const result = operations.map(({ op }, index) =>
      op === 'select' ? { rows: index === 0 ? rows : [] } : { count: 1 },
    );
    socket.write(JSON.stringify({ id, result, error: null }));
  };

describe('a hook that reaches no agent', () => {
  it("takes its stopped guest's rows out, since Proxmox could not plug the card beside them", async () => {
    answer = withRows(row('vi101', MARKS), row('vi101i1', { ...MARKS, 'ovs-port-agent.nic': '1' }));
    expect(await sweepRows(PROXMOX, path)).toEqual(['vi101', 'vi101i1']);
    expect(asked[0]?.[1]).toMatchObject({
      where: [
        [
          'external_ids',
          'includes',
          [
            'map',
            [
              ['ovs-port-agent.vmid', '101'],
              ['ovs-port-agent.runtime', 'proxmox-qemu'],
            ],
          ],
        ],
      ],
    });
    expect(asked[1]?.slice(1)).toMatchObject([
      { op: 'mutate', table: 'Bridge', mutations: [['ports', 'delete', ['uuid', 'uuid-of-vi101']]] },
      { op: 'mutate', table: 'Bridge', mutations: [['ports', 'delete', ['uuid', 'uuid-of-vi101i1']]] },
    ]);
  });

  it("leaves rows alone that keep Proxmox's name, and those that NetworkManager holds", async () => {
    answer = withRows(row('tap101i0', MARKS), row('vi101', { ...MARKS, 'NM.connection.uuid': 'U' }));
    expect(await sweepRows(PROXMOX, path)).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  it('leaves a row alone whose name and marks do not go together', async () => {
    answer = withRows(row('vi999', MARKS), row('vi101i1', MARKS), row('vi101', {}), row('eno1', MARKS));
    expect(await sweepRows(PROXMOX, path)).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  it('asks for no row of another runtime that may have the same number', async () => {
    answer = withRows();
    await sweepRows(PROXMOX, path);
    const runtimes = [...JSON.stringify(asked[0]).matchAll(/"ovs-port-agent.runtime","([a-z-]+)"/g)];
    expect(new Set(runtimes.map(([, runtime]) => runtime))).toEqual(new Set(['proxmox-qemu', 'proxmox-lxc']));
  });

  it('finds a container without a VMID of its own by its name', async () => {
    answer = withRows();
    expect(await sweepRows({ lxcName: 'web' }, path)).toEqual([]);
    expect(JSON.stringify(asked[0])).toContain('["ovs-port-agent.guest","web"]');
  });
});

describe('a guest does not wait', () => {
  it.each<[string, typeof answer]>([
    ['says nothing', () => undefined],
    ['hangs up', (_, socket) => socket.destroy()],
    ['answers with rubbish', (_, socket) => socket.write('}rubbish')],
    ['answers with something else', ({ id }, socket) => socket.write(JSON.stringify({ id, result: [1] }))],
    ['refuses', ({ id }, socket) => socket.write(JSON.stringify({ id, result: null, error: 'no' }))],
  ])('for a switch that %s', async (_, behaviour) => {
    answer = behaviour;
    const began = performance.now();
    expect(await sweepRows(PROXMOX, path)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('for a switch that is not there', async () => {
    expect(await sweepRows(PROXMOX, join(directory, 'nothing'))).toEqual([]);
  });
});
