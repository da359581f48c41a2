// The connection to the bus survives whatever another user sends, looks at nothing of it, and hears whom it asked.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Bus, IncomingCall } from '../../../../src/core/bus/bus.ts';
import { connectSystemBus } from '../../../../src/core/bus/system-bus.ts';
import { eventually } from '../../../lab/eventually.ts';
import { type PrivateBus, type Stranger, startBus } from './private-bus.ts';
import { nested, type RawMessage, rawMessage, u32, variants } from './raw-message.ts';

const DAEMON = 'org.freedesktop.DBus';
const PATH = '/org/freedesktop/DBus';
const OURS = 'test.ours';

let own: PrivateBus;
let agent: Bus;
let friend: Bus;
let stranger: Stranger;
const served: IncomingCall[] = [];

const connect = async () => {
  process.env.DBUS_SYSTEM_BUS_ADDRESS = own.address;
  return connectSystemBus();
};

beforeAll(async () => {
  own = await startBus();
  agent = await connect();
  await agent.requestName(OURS);
  agent.serve((call) => {
    served.push(call);
    if (call.member === 'Count') {
      try {
        call.reply('u', [call.arguments().length]);
      } catch (error) {
        call.fail('test.Error', String(error));
      }
    } else call.reply('s', ['pong']);
    return true;
  });
  friend = await connect();
});

afterAll(async () => {
  agent?.close();
  friend?.close();
  await own?.end();
});

beforeEach(async () => {
  stranger = await own.stranger();
  served.length = 0;
});

const ping = () =>
  friend.call({ destination: OURS, path: '/x', interface: 'test.Face', member: 'Ping', deadlineMs: 5000 });

/** Whatever came before: we are there, we answer, and nothing of it has reached the service. */
async function expectUnharmed(): Promise<void> {
  expect(await ping()).toEqual(['pong']);
  expect(served).toHaveLength(1);
}

/** So many answers of this kind have come to the stranger. */
const expectHeard = (what: RegExp, times: number) =>
  eventually(
    async () => stranger.heard().match(what) ?? [],
    (found) => expect(found).toHaveLength(times),
    20_000,
  );

const call = (parts: RawMessage, signature: string, body: Buffer): Buffer =>
  rawMessage({
    serial: 7,
    ...parts,
    fields: { 1: '/x', 2: 'test.Face', 3: 'Count', 6: agent.name, 8: signature, ...parts.fields },
    body,
  });

const PEER = { fields: { 2: `${DAEMON}.Peer`, 3: 'Ping' } };
const INTROSPECT = { fields: { 2: `${DAEMON}.Introspectable`, 3: 'Introspect' } };

/** Bodies that ended the process or kept it busy, and their kin. */
const BODIES: [string, string, () => Buffer][] = [
  ['a descriptor that is not there', 'h', () => u32(0)],
  ['many descriptors', 'ah', () => u32(8, 0, 1)],
  ['a descriptor in a variant', 'v', () => Buffer.from([1, 0x68, 0, 0, 0, 0, 0, 0])],
  ['variants in variants', 'v', () => nested(60)],
  ['a text', 's', () => Buffer.concat([u32(3), Buffer.from('abc\0')])],
  ['a prototype', 'a{sv}', () => dictionary('__proto__')],
];

function dictionary(key: string): Buffer {
  const name = Buffer.from(`${key}\0`);
  const entry = Buffer.concat([u32(name.length - 1), name, Buffer.from([1, 0x79, 0, 7])]);
  return Buffer.concat([u32(entry.length), u32(0), entry]);
}

describe('what another user sends', () => {
  it.each(BODIES)('does no harm: %s, to ask what we are', async (_, signature, body) => {
    await stranger.send(
      call(PEER, signature, body()),
      call(INTROSPECT, signature, body()),
      call({}, signature, body()),
    );
    await expectHeard(/Error\.AccessDenied/g, 3);
    await expectUnharmed();
  });

  it.each(BODIES)(
    'does no harm where nothing is expected: %s, as a signal or an answer',
    async (_, signature, body) => {
      const to = { 1: PATH, 2: DAEMON, 3: 'NameOwnerChanged', 6: agent.name, 8: signature };
      for (const type of [2, 3, 4, 5, 255])
        for (const serial of [1, 2, 3, 4, 5])
          await stranger.send(
            rawMessage({ type, serial, fields: { ...to, 4: 'test.Error', 5: serial }, body: body() }),
          );
      await expectUnharmed();
    },
  );

  it('costs no memory and no time, however large', async () => {
    const body = variants(7_500_000);
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 20);
    const delay = monitorEventLoopDelay({ resolution: 10 });
    const message = call(PEER, 'av', body);
    delay.enable();
    await stranger.send(message);
    await expectHeard(/Error\.(AccessDenied|LimitsExceeded)/g, 1);
    await expectUnharmed();
    delay.disable();
    clearInterval(watch);
    // The message is made and sent by this very process, in base64: four times its 30 MB; reading it took 730 MB more.
    expect(most - before).toBeLessThan(300 * 1024 * 1024);
    expect(delay.max / 1e6).toBeLessThan(2000);
  });

  it('is answered with an error once for each call, and not at all when no answer is wanted', async () => {
    await stranger.send(call({ flags: 1 }, 's', Buffer.concat([u32(1), Buffer.from('a\0')])));
    await stranger.send(...Array.from({ length: 100 }, (_, at) => call({ serial: at + 10 }, 'u', u32(1))));
    await expectHeard(/Error\.(AccessDenied|LimitsExceeded)/g, 100);
    await expectUnharmed();
  });

  it('may be bytes of any kind: the bus takes them or throws the sender out, and we go on', async () => {
    let random = 42;
    const next = (below: number) => {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
      return random % below;
    };
    const seeds = [
      ...BODIES.map(([, signature, body]) => call(PEER, signature, body())),
      rawMessage({ bigEndian: true, serial: 9, fields: { 1: '/x', 3: 'Count', 6: agent.name } }),
    ];
    const senders = await Promise.all(Array.from({ length: 12 }, () => own.stranger()));
    for (const sender of senders) {
      const bytes = Buffer.from(seeds[next(seeds.length)] as Buffer);
      for (let change = next(4); change >= 0; change--) bytes[next(bytes.length)] = next(256);
      await sender.send(bytes, bytes);
    }
    await expectUnharmed();
  });
});

describe('our own service', () => {
  it('reads arguments when it is asked to, and tells what cannot be read', async () => {
    const count = (signature: string, body: unknown[]) =>
      friend.call({
        destination: OURS,
        path: '/x',
        interface: 'test.Face',
        member: 'Count',
        signature,
        body,
      });
    expect(await count('ssu', ['a', 'b', 3])).toEqual([3]);
    expect(await count('as', [['a', 'b']])).toEqual([1]);
    await expect(count('s', ['x'.repeat(300_000)])).rejects.toMatchObject({
      cause: { type: `${DAEMON}.Error.LimitsExceeded` },
    });
    await expect(count('h', [0])).rejects.toMatchObject({ code: 'bus-call-failed' });
    stranger = await own.stranger(process.getuid?.());
    // A descriptor that nobody passed.
    await stranger.send(call({}, 'h', u32(0)));
    await expectHeard(/No FDs available/g, 1);
    expect(await ping()).toEqual(['pong']);
  });

  it('keeps the order of the calls of one sender', async () => {
    const fresh = await connect();
    await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        fresh.call({ destination: OURS, path: `/x${at}`, interface: 'test.Face', member: 'Ping' }),
      ),
    );
    expect(served.map(({ path }) => path)).toEqual(Array.from({ length: 8 }, (_, at) => `/x${at}`));
    fresh.close();
  });

  it('sends no signal before it has its name', async () => {
    const nameless = await connect();
    await friend.call({
      destination: DAEMON,
      path: PATH,
      interface: DAEMON,
      member: 'AddMatch',
      signature: 's',
      body: [`sender='${nameless.name}'`],
    });
    const heard: string[] = [];
    const leave = await friend.subscribe(
      { sender: nameless.name, interface: 'test.Face', member: 'Said' },
      ({ body }) => void heard.push(String(body[0])),
    );
    nameless.emit('/x', 'test.Face', 'Said', 's', ['too early']);
    await nameless.requestName('test.named');
    nameless.emit('/x', 'test.Face', 'Said', 's', ['now']);
    await eventually(
      async () => heard,
      (texts) => expect(texts).toEqual(['now']),
    );
    await leave();
    nameless.close();
  });
});

describe('a signal', () => {
  it('is heard from the service that was named, whoever that is now, and from nobody else', async () => {
    const heard: unknown[] = [];
    const leave = await agent.subscribe(
      { sender: 'test.service', interface: 'test.Face', member: 'Said' },
      ({ body }) => void heard.push(body[0]),
    );
    const serve = async (text: string) => {
      const service = await connect();
      await service.requestName('test.service');
      service.emit('/x', 'test.Face', 'Said', 's', [text]);
      await eventually(
        async () => heard,
        (texts) => expect(texts).toContain(text),
      );
      return service;
    };
    const first = await serve('first');
    const said = Buffer.concat([u32(3), Buffer.from('lie\0')]);
    await stranger.send(
      rawMessage({
        type: 4,
        serial: 2,
        fields: { 1: '/x', 2: 'test.Face', 3: 'Said', 6: agent.name, 8: 's' },
        body: said,
      }),
      rawMessage({ type: 4, serial: 3, fields: { 1: '/x', 2: 'test.Face', 3: 'Said', 8: 's' }, body: said }),
    );
    first.close();
    await first.closed;
    (await serve('second')).close();
    expect(heard).toEqual(['first', 'second']);
    await leave();
  });
});

describe('a call', () => {
  it('ends at its deadline, and the late answer is nobody’s', async () => {
    const slow = await connect();
    const late: IncomingCall[] = [];
    slow.serve((incoming) => late.push(incoming) > 0);
    const asked = agent.call({
      destination: slow.name,
      path: '/x',
      interface: 'test.Face',
      member: 'Sleep',
      deadlineMs: 200,
    });
    await expect(asked).rejects.toMatchObject({ code: 'deadline-exceeded' });
    late[0]?.reply('s', ['late']);
    expect(await ping()).toEqual(['pong']);
    slow.close();
  });
});

describe('a bus that is killed', () => {
  it('ends what waits, and is told', async () => {
    const other = await startBus();
    process.env.DBUS_SYSTEM_BUS_ADDRESS = other.address;
    const bus = await connectSystemBus();
    bus.serve(() => true);
    const waiting = bus.call({ destination: bus.name, path: '/x', interface: 'test.Face', member: 'Sleep' });
    const ends = expect(waiting).rejects.toMatchObject({ code: 'bus-unreachable' });
    await other.kill();
    await bus.closed;
    await ends;
    await expect(connectSystemBus(500)).rejects.toMatchObject({ code: 'bus-unreachable' });
    await other.end();
  });
});
