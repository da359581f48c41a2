// The calls about the ledger that clients of the older interface make, as their examples print them, on a bus of our own.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { none, text } from '../../../src/api/arguments.ts';
import { serveMethods } from '../../../src/api/dbus-service.ts';
import { method } from '../../../src/api/method.ts';
import { ledgerMethods } from '../../../src/api/methods/ledger.ts';
import type { Bus, Caller, IncomingCall } from '../../../src/core/bus/bus.ts';
import { connectSystemBus } from '../../../src/core/bus/system-bus.ts';
import type { LedgerWriter } from '../../../src/core/ledger/index.ts';
import { eventually } from '../../lab/eventually.ts';
import { type PrivateBus, startBus } from '../core/bus/private-bus.ts';
import { entry, open, type Scratch, scratch } from '../core/ledger/scratch.ts';

const BUS = 'dev.ovs.PortAgent1 /dev/ovs/PortAgent1 dev.ovs.PortAgent1';
/** Word for word. Without --print-reply nobody waits for what they are answered. */
const EXAMPLES = {
  stats: `dbus-send --system --dest=dev.ovs.PortAgent1 --type=method_call \\
  /dev/ovs/PortAgent1 dev.ovs.PortAgent1.get_blockchain_stats`,
  network: `dbus-send --system --dest=dev.ovs.PortAgent1 --type=method_call \\
  /dev/ovs/PortAgent1 dev.ovs.PortAgent1.get_blocks_by_category \\
  string:network`,
  bridge: `dbus-send --system --dest=dev.ovs.PortAgent1 --type=method_call \\
  /dev/ovs/PortAgent1 dev.ovs.PortAgent1.get_blocks_by_category \\
  string:bridge`,
  verify: `dbus-send --system --dest=dev.ovs.PortAgent1 --type=method_call \\
  /dev/ovs/PortAgent1 dev.ovs.PortAgent1.verify_blockchain_integrity`,
  add: `dbus-send --system --dest=dev.ovs.PortAgent1 --type=method_call \\
  /dev/ovs/PortAgent1 dev.ovs.PortAgent1.add_blockchain_data \\
  string:settings string:modified string:'{"key": "value"}'`,
} as const;

let own: PrivateBus;
let agent: Bus;
let place: Scratch;
let ledger: LedgerWriter;

beforeAll(async () => {
  own = await startBus();
  process.env.DBUS_SYSTEM_BUS_ADDRESS = own.address;
  place = scratch();
  ledger = await open(place.path);
  await ledger.append(entry(1));
  await ledger.append({ category: 'bridge', action: 'bridge_created', data: { bridge: 'ovsbr0' } });
  await ledger.append({ category: 'config', action: 'config_reloaded', data: { changes: [] } });
  await ledger.append({ category: 'mount', action: 'mounted', data: null });
  await ledger.append({ category: 'storage', action: 'filling', data: null });
  agent = await connectSystemBus();
  serveMethods(agent, ledgerMethods({ ledger, config: { ledger: { path: place.path } } }), 'machine');
  await agent.requestName('dev.ovs.PortAgent1');
});

afterAll(async () => {
  agent?.close();
  await ledger?.close();
  place?.[Symbol.dispose]();
  await own?.end();
});

const run = promisify(execFile);
const shell = async (command: string) => (await run('sh', ['-c', command], { maxBuffer: 1 << 28 })).stdout;
/** The example, with its answer. */
const asked = async (example: string) => {
  const printed = await shell(example.replace('dbus-send ', 'dbus-send --print-reply=literal '));
  return printed.trim();
};
const call = async (member: string, signature = '', ...args: string[]): Promise<unknown> => {
  const words = [...BUS.split(' '), member, ...(signature === '' ? [] : [signature, ...args])];
  const { stdout } = await run('busctl', ['--system', '--json=short', 'call', ...words], {
    maxBuffer: 1 << 28,
  });
  return JSON.parse(stdout).data[0];
};
const refusal = (member: string, signature: string, ...args: string[]) =>
  call(member, signature, ...args).then(
    () => 'it was not refused',
    (error: { stderr: string }) => error.stderr,
  );
const lines = () => readFileSync(place.path, 'utf8').trimEnd().split('\n');
const actions = (json: string) => (JSON.parse(json) as { action: string }[]).map(({ action }) => action);

describe('an example of the older interface', () => {
  it('counts', async () => {
    expect(JSON.parse(await asked(EXAMPLES.stats))).toMatchObject({
      total_blocks: 5,
      categories: { bridge: 1, config: 1, mount: 1, port: 1, storage: 1 },
      producers: { network: 2, settings: 1, storage: 2 },
      unique_users: ['root'],
    });
  });

  it('means a producer by `network`, and a category by `bridge`', async () => {
    const [first] = JSON.parse(await asked(EXAMPLES.network)) as object[];
    expect(Object.keys(first ?? {})).toEqual(
      'timestamp height prev_hash hash producer category action user hostname pid data metadata signature'.split(
        ' ',
      ),
    );
    expect(actions(await asked(EXAMPLES.network))).toEqual(['port_attached', 'bridge_created']);
    expect(actions(await asked(EXAMPLES.bridge))).toEqual(['bridge_created']);
  });

  it('verifies', async () => {
    expect(await asked(EXAMPLES.verify)).toBe('Blockchain integrity: VALID');
  });

  it('records, and who did it: without waiting for the answer, and with it', async () => {
    const before = ledger.head().height;
    await shell(EXAMPLES.add);
    await eventually(
      async () => ledger.head().height,
      (height) => expect(height).toBe(before + 1),
    );
    // It has left before the bus could be asked who it was; sometimes it is slower than that.
    expect(JSON.parse(lines().at(-1) ?? '').block).toMatchObject({
      category: 'config',
      action: 'modified',
      data: { key: 'value' },
      user: expect.stringMatching(/^(uid:unknown|root|uid:\d+)$/),
    });
    const added = await asked(EXAMPLES.add);
    expect(added).toBe(`Data added to blockchain with hash: ${ledger.head().hash}`);
    expect(JSON.parse(lines().at(-1) ?? '').block).toMatchObject({
      producer: 'settings',
      category: 'config',
      action: 'modified',
      data: { key: 'value' },
      metadata: { source: 'dbus' },
      user: process.getuid?.() === 0 ? 'root' : `uid:${process.getuid?.()}`,
      pid: expect.any(Number),
    });
    const { hash } = JSON.parse(lines().at(-1) ?? '');
    expect(JSON.parse(lines().at(-1) ?? '').block.pid).not.toBe(812);
    expect(hash).toBe(ledger.head().hash);
    expect(actions(String(await call('GetBlocksByCategory', 's', 'settings')))).toEqual([
      'config_reloaded',
      'modified',
      'modified',
    ]);
  });

  it('calls with gdbus too', async () => {
    const printed = await shell(
      `gdbus call --system --dest dev.ovs.PortAgent1 --object-path /dev/ovs/PortAgent1 --method dev.ovs.PortAgent1.get_block_by_hash ${'0'.repeat(64)}`,
    );
    expect(printed).toBe("('Block not found',)\n");
  });
});

describe('a question about blocks', () => {
  it.each([
    ['storage', ['mounted', 'filling']],
    ['storage-plugin', ['mounted', 'filling']],
    ['mount', ['mounted']],
    ['users', []],
    ['user', []],
  ])('for %s has the blocks of that name', async (name, expected) => {
    expect(actions(String(await call('get_blocks_by_category', 's', name)))).toEqual(expected);
  });

  it('for a name that nothing has is refused, with those that there are', async () => {
    const said = await refusal('GetBlocksByCategory', 's', 'netwrok');
    expect(said).toMatch(
      /there is no category "netwrok"; there are network, settings, user, storage, external, bridge/,
    );
  });

  it.each(['get_block_by_hash', 'GetBlockByHash'])('finds one by its hash: %s', async (member) => {
    const [, second] = lines().map((line) => JSON.parse(line));
    const found = JSON.parse(String(await call(member, 's', second.hash.toUpperCase())));
    expect(found).toMatchObject({ height: 2, hash: second.hash, prev_hash: second.block.prev_hash });
    expect(await call(member, 's', 'ab'.repeat(32))).toBe('Block not found');
    // A block's hash is that of no other block, so the one before it is another question.
    expect(JSON.parse(String(await call(member, 's', second.block.prev_hash)))).toMatchObject({ height: 1 });
    expect(await refusal(member, 's', 'abc')).toMatch(
      /a hash has 64 hexadecimal digits; nothing was changed/,
    );
  });

  it('goes through the ledger in pages, of all blocks and of a name', async () => {
    const through = async (name: string, limit: number) => {
      const heights: number[] = [];
      let pages = 0;
      for (let from: number | null = 1; from !== null; pages++) {
        const page = JSON.parse(String(await call('get_blocks_page', 'stu', name, `${from}`, `${limit}`)));
        expect(page.blocks.length).toBeLessThanOrEqual(limit);
        heights.push(...page.blocks.map(({ height }: { height: number }) => height));
        from = page.next;
      }
      return { heights, pages };
    };
    const all = ledger.head().height;
    expect(await through('', 3)).toEqual({
      heights: Array.from({ length: all }, (_, at) => at + 1),
      pages: Math.ceil(all / 3),
    });
    expect(await through('storage', 1)).toMatchObject({ heights: [4, 5] });
    expect(JSON.parse(String(await call('GetBlocksPage', 'stu', '', `${all + 5}`, '10')))).toEqual({
      blocks: [],
      next: null,
      head: all,
    });
    expect(await refusal('get_blocks_page', 'stu', '', '1', '1001')).toMatch(/at most 1000 blocks in a page/);
  });
});

describe('what others want recorded', () => {
  it.each([
    ['another category', 'netwrok', 'x', '{}', /there is no category "netwrok"/],
    ['an action of the agent', 'port', 'port_attached', '{}', /one of the agent's own/],
    ['an outcome of the agent', 'port', 'port_attach_failed', '{}', /one of the agent's own/],
    ['an action with a line end', 'port', 'a\nb', '{}', /letters, digits/],
    ['no JSON', 'port', 'x', '{"a":', /data must be one JSON document/],
    ['a number that readers disagree about', 'port', 'x', '9007199254740993', /beyond 2\^53/],
    ['a lone surrogate', 'port', 'x', '"\\ud800"', /lone surrogate/],
    ['too many levels', 'port', 'x', '['.repeat(100) + ']'.repeat(100), /levels/],
    ['too much', 'port', 'x', JSON.stringify('x'.repeat(33_000)), /at most 32768 bytes/],
    ['what becomes too much', 'port', 'x', `[${'9E15,'.repeat(5000)}1]`, /at most 32768 bytes/],
  ])('is refused with %s, and changes nothing', async (_, category, action, json, message) => {
    const before = ledger.head();
    expect(await refusal('add_blockchain_data', 'sss', '--', category, action, json)).toMatch(message);
    expect(ledger.head()).toEqual(before);
  });

  it('keeps what a block can hold as it is, whatever it says', async () => {
    const data = { __proto__: null, big: 'é'.repeat(16_000), name: '"}\n,"hash":"' };
    const answer = await call('AddBlockchainData', 'sss', 'parameter', 'tuned', JSON.stringify(data));
    const { block, hash } = JSON.parse(lines().at(-1) ?? '');
    expect(answer).toBe(`Data added to blockchain with hash: ${hash}`);
    expect(block).toMatchObject({
      category: 'parameter',
      action: 'tuned',
      data: { big: data.big, name: data.name },
    });
  });

  it('has no secrets of the caller', async () => {
    const data = {
      user: 'bob',
      password: 'hunter2',
      args: ['--token', 'abcdef'],
      url: 'https://bob:hunter3@example.org/',
    };
    await call('add_blockchain_data', 'sss', 'authentication', 'login', JSON.stringify(data));
    const line = lines().at(-1) ?? '';
    expect(JSON.parse(line).block.data).toMatchObject({ user: 'bob', password: '[redacted]' });
    expect(line).not.toMatch(/hunter|abcdef/);
  });

  it('comes at a bounded rate', async () => {
    const bus = await connectSystemBus();
    const add = () =>
      bus.call({
        destination: 'dev.ovs.PortAgent1',
        path: '/dev/ovs/PortAgent1',
        interface: 'dev.ovs.PortAgent1',
        member: 'AddBlockchainData',
        signature: 'sss',
        body: ['access', 'looked', 'null'],
      });
    await bus
      .call({ destination: 'dev.ovs.PortAgent1', path: '/dev/ovs/PortAgent1', interface: '', member: 'Ping' })
      .catch(() => undefined);
    const before = ledger.head().height;
    const answers = await Promise.allSettled(Array.from({ length: 200 }, add));
    bus.close();
    const taken = answers.filter(({ status }) => status === 'fulfilled').length;
    expect(ledger.head().height - before).toBe(taken);
    expect(taken).toBeGreaterThan(30);
    expect(taken).toBeLessThan(120);
    // One more would be taken if a second has gone by since.
    const refused = answers.find((answer) => answer.status === 'rejected');
    expect(String((refused?.reason as Error | undefined)?.cause)).toMatch(
      /then one a second; nothing was recorded/,
    );
  });
});

describe('a caller who has left, so that nobody knows who it was', () => {
  it('has nothing done but what is to be recorded', async () => {
    let receive: (call: IncomingCall) => boolean = () => false;
    const done: string[] = [];
    const doing = (name: string, unattended?: true) => ({
      ...method({
        name,
        in: [],
        out: text('x'),
        schema: none,
        answer: () => z.string(),
        run: async () => void done.push(name) as never,
      }),
      ...(unattended && { unattended }),
    });
    serveMethods(
      { serve: (receiver: typeof receive) => (receive = receiver) } as never,
      [doing('change'), doing('record', true)],
      '',
    );
    const called = (member: string, caller: Caller) =>
      receive({
        caller,
        path: '/dev/ovs/PortAgent1',
        interface: 'dev.ovs.PortAgent1',
        member,
        signature: '',
        arguments: () => [],
        reply: () => undefined,
        fail: () => undefined,
      });
    for (const member of ['change', 'Change', 'record', 'Record'])
      called(member, { uid: undefined, pid: undefined, trusted: false });
    called('change', { uid: 0, pid: 1, trusted: true });
    expect(done).toEqual(['record', 'record', 'change']);
  });
});

describe('more blocks than fit into an answer', () => {
  it('are refused whole, and the message says how to get them', async () => {
    const big = 'x'.repeat(60_000);
    const first = ledger.head().height + 1;
    await Promise.all(
      Array.from({ length: 200 }, () => ledger.append({ category: 'snapshot', action: 'taken', data: big })),
    );
    const last = ledger.head().height;
    const said = await refusal('get_blocks_by_height', 'tt', `${first}`, `${last}`);
    const [, until = '', from = ''] =
      /Ask for those of \d+ to (\d+), then from (\d+) on \[answer-too-big\]/.exec(said) ?? [];
    expect(Number(from)).toBe(Number(until) + 1);
    const half = JSON.parse(String(await call('get_blocks_by_height', 'tt', `${first}`, until)));
    expect(half).toHaveLength(Number(until) - first + 1);
    expect(await refusal('get_blocks_by_category', 's', 'snapshot')).toMatch(
      /in pages: get_blocks_page snapshot 1 1000 \[answer-too-big\]/,
    );
    const page = JSON.parse(String(await call('get_blocks_page', 'stu', 'snapshot', '1', '1000')));
    expect(page.next).toBe(page.blocks.at(-1).height + 1);
    expect(page.blocks.length).toBeGreaterThan(50);
  });
});
