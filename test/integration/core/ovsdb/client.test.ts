// The OVSDB client against a server that misbehaves on purpose; the real server is met in the test hosts.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OvsdbClient, openOvsdb } from '../../../../src/core/ovsdb/client.ts';
import { connectOvsdb } from '../../../../src/core/ovsdb/connection.ts';
import { jsonStream } from '../../../../src/core/ovsdb/json-stream.ts';

interface Message {
  id: unknown;
  method?: string;
  params?: unknown[];
  result?: unknown;
}
type Answer = (message: Message, socket: Socket) => void;

let directory: string;
let path: string;
let server: Server | undefined;
let sockets: Socket[] = [];
let client: OvsdbClient | undefined;

async function serve(answer: Answer): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    const feed = jsonStream((value) => answer(value as Message, socket));
    socket.on('data', feed);
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
}

const reply = (socket: Socket, id: unknown, result: unknown, error: unknown = null) =>
  socket.write(JSON.stringify({ id, result, error }));

/** Answers a monitor with nothing in it, and leaves the rest to `more`. */
const emptyDatabase =
  (more: Answer): Answer =>
  (message, socket) =>
    message.method === 'monitor' ? reply(socket, message.id, {}) : more(message, socket);

function connected(found: OvsdbClient): Promise<void> {
  return new Promise((resolve) => found.onConnection((up) => up && resolve()));
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ovsdb-'));
  path = join(directory, 'db.sock');
});

afterEach(async () => {
  await client?.close();
  client = undefined;
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = undefined;
  await rm(directory, { recursive: true });
});

describe('the OVSDB client', () => {
  it('says so when nobody listens', async () => {
    await expect(connectOvsdb(path, 500)).rejects.toMatchObject({ code: 'ovsdb-unreachable' });
  });

  it('answers the server when it asks whether we are alive', async () => {
    const echoed = new Promise<Message>((resolve) => {
      void serve((message, socket) => {
        if (message.method === 'monitor') {
          reply(socket, message.id, {});
          socket.write(JSON.stringify({ id: 'echo', method: 'echo', params: ['hello'] }));
        } else resolve(message);
      });
    });
    client = openOvsdb(path);
    await expect(echoed).resolves.toMatchObject({ id: 'echo', result: ['hello'] });
  });

  it('keeps a change that comes in one piece with the first reply', async () => {
    const bridge = (...ports: string[]) => ({
      name: 'br',
      ports: ['set', ports.map((uuid) => ['uuid', uuid])],
      datapath_type: '',
      external_ids: ['map', []],
    });
    await serve(({ id, method }, socket) => {
      if (method !== 'monitor') return;
      const initial = { id, result: { Bridge: { b: { new: bridge() } } }, error: null };
      const update = { Bridge: { b: { new: bridge('p1') } } };
      const change = { id: null, method: 'update', params: ['replica', update] };
      socket.write(JSON.stringify(initial) + JSON.stringify(change));
    });
    client = openOvsdb(path);
    await connected(client);
    expect(client.replica.named('Bridge', 'br')?.ports).toEqual(['p1']);
  });

  it('gives up a request that is never answered', async () => {
    await serve(() => undefined);
    const connection = await connectOvsdb(path);
    await expect(connection.request('list_dbs', [], 50)).rejects.toMatchObject({ code: 'deadline-exceeded' });
    connection.close();
  });

  it('fails what waits when the server hangs up', async () => {
    await serve((_, socket) => socket.destroy());
    const connection = await connectOvsdb(path);
    await expect(connection.request('list_dbs', [])).rejects.toMatchObject({ code: 'ovsdb-unreachable' });
  });

  it('drops a server that talks garbage, and connects again', async () => {
    let attempts = 0;
    await serve((message, socket) => {
      attempts++;
      if (attempts === 1) socket.write('this is not JSON');
      else reply(socket, message.id, {});
    });
    client = openOvsdb(path);
    await connected(client);
    expect(attempts).toBe(2);
  });

  it.each([
    ['that are not JSON', (socket: Socket) => socket.write('this is not JSON')],
    ['of another protocol', (socket: Socket) => socket.write('{"jsonrpc":"2.0","hello":[]}')],
    [
      'with rows of wrong types',
      (socket: Socket, id: unknown) => reply(socket, id, { Bridge: { b: { new: { name: 7 } } } }),
    ],
    ['that are no rows', (socket: Socket, id: unknown) => reply(socket, id, 'rows')],
  ])('says in one line what is wrong with answers %s', async (_, answer) => {
    await serve((message, socket) => answer(socket, message.id));
    client = openOvsdb(path);
    await expect.poll(() => client?.problem?.code).toBe('ovsdb-garbled');
    expect(client.problem?.toLine()).toMatch(/^The OVSDB server gives answers that make no sense \[[^"{]+$/);
    await expect(client.transact([])).rejects.toMatchObject({ code: 'ovsdb-garbled' });
  });

  it('goes on with all other rows when one is not understood, at first and later, and names it', async () => {
    const row = (name: unknown) => ({
      new: { name, ports: ['set', []], datapath_type: '', external_ids: ['map', []] },
    });
    await serve((message, socket) => {
      reply(socket, message.id, { Bridge: { a: row('ovsbr0'), b: row(7) } });
      const update = { Bridge: { c: row('ovsbr1'), d: row(['set', []]) } };
      socket.write(JSON.stringify({ id: null, method: 'update', params: ['replica', update] }));
    });
    client = openOvsdb(path);
    await connected(client);
    await expect.poll(() => client?.replica.named('Bridge', 'ovsbr1')).toBeDefined();
    expect(client.replica.named('Bridge', 'ovsbr0')).toBeDefined();
    expect(client.replica.problems().map(({ text }) => text)).toEqual([
      expect.stringContaining('the row "b" of OVSDB'),
      expect.stringContaining('table Bridge is not understood'),
    ]);
    expect(client.problem).toBeUndefined();
  });

  it('says so when a transaction is answered with nonsense, and goes on', async () => {
    await serve(emptyDatabase((message, socket) => reply(socket, message.id, [{ uuid: 1 }, 'done'])));
    client = openOvsdb(path);
    await connected(client);
    await expect(client.transact([])).rejects.toMatchObject({ code: 'ovsdb-garbled' });
    expect(client.connected).toBe(true);
  });

  it('asks a server anew for everything that left a transaction unanswered', async () => {
    await serve(emptyDatabase(() => undefined));
    client = openOvsdb(path);
    await connected(client);
    const requeueAfterMs = connected(client);
    await expect(client.transact([])).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await requeueAfterMs;
  });

  it('names the operation that the server refused', async () => {
    await serve(
      emptyDatabase((message, socket) =>
        reply(socket, message.id, [{}, { error: 'constraint violation', details: 'two rows named vi101' }]),
      ),
    );
    client = openOvsdb(path);
    await connected(client);
    await expect(client.transact([{ op: 'insert', table: 'Port', row: {} }])).rejects.toMatchObject({
      code: 'ovsdb-refused',
      message: expect.stringContaining('two rows named vi101'),
    });
  });

  it('has no rows of the former connection after it connected anew', async () => {
    const row = {
      name: 'ovsbr0',
      ports: ['set', []],
      datapath_type: '',
      external_ids: ['map', []],
    };
    let connections = 0;
    await serve((message, socket) => {
      connections++;
      reply(socket, message.id, connections === 1 ? { Bridge: { b: { new: row } } } : {});
    });
    client = openOvsdb(path);
    await connected(client);
    expect(client.replica.rows('Bridge').size).toBe(1);
    const requeueAfterMs = connected(client);
    sockets[0]?.destroy();
    await requeueAfterMs;
    expect(client.replica.rows('Bridge').size).toBe(0);
  });
});
