// The policy of the package: root alone may call the agent, send it signals, and hear what it sends.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../../../../src/core/bus/bus.ts';
import { connectSystemBus } from '../../../../src/core/bus/system-bus.ts';
import { eventually } from '../../../lab/eventually.ts';
import { type PrivateBus, startBus } from './private-bus.ts';
import { rawMessage, u32 } from './raw-message.ts';

const NAME = 'dev.ovs.PortAgent1';
const PATH = '/dev/ovs/PortAgent1';
const DAEMON = 'org.freedesktop.DBus';

let own: PrivateBus;
let agent: Bus;
let root: Bus;
let calls = 0;

beforeAll(async () => {
  // What Debian's bus has of its own, in the order in which it reads files: the standard one, then packages'.
  const standard = await readFile('/usr/share/dbus-1/system.conf', 'utf8');
  const ours = await readFile('packaging/deb/dev.ovs.PortAgent1.conf', 'utf8');
  const policies = (text: string) =>
    text.match(/<policy context="default">[\s\S]*?<\/policy>|<policy user="root">[\s\S]*?<\/policy>/g) ?? [];
  own = await startBus([...policies(standard), ...policies(ours)].join('\n'));
  process.env.DBUS_SYSTEM_BUS_ADDRESS = own.address;
  agent = await connectSystemBus();
  await agent.requestName(NAME);
  agent.serve((call) => {
    calls++;
    call.reply('', []);
    return true;
  });
  root = await connectSystemBus();
});

afterAll(async () => {
  agent?.close();
  root?.close();
  await own?.end();
});

const ask = (fields: Record<number, string | number>, serial: number) =>
  rawMessage({ serial, fields: { 1: PATH, 6: NAME, ...fields } });

describe('another user than root', () => {
  it('reaches the agent with nothing, under its name and under its number', async () => {
    const stranger = await own.stranger();
    const calling = [
      { 2: NAME, 3: 'Ping' },
      { 2: `${DAEMON}.Introspectable`, 3: 'Introspect' },
      { 2: `${DAEMON}.Peer`, 3: 'Ping' },
      { 2: `${DAEMON}.Properties`, 3: 'GetAll' },
      { 3: 'ping' },
    ];
    await stranger.send(...calling.map((fields, at) => ask(fields, at + 2)));
    await stranger.send(...calling.map((fields, at) => ask({ ...fields, 6: agent.name }, at + 20)));
    await eventually(
      async () => stranger.heard().match(/Error\.AccessDenied/g) ?? [],
      (refused) => expect(refused).toHaveLength(2 * calling.length),
    );
    expect(calls).toBe(0);
    await root.call({ destination: NAME, path: PATH, interface: NAME, member: 'Ping' });
    expect(calls).toBe(1);
  });

  it('hears none of its signals, whatever it listens to; root does', async () => {
    const stranger = await own.stranger();
    const rules = [
      `sender='${NAME}'`,
      `interface='${NAME}'`,
      `type='signal'`,
      `path='${PATH}'`,
      `sender='${agent.name}'`,
    ];
    await stranger.send(
      ...rules.map((rule, at) => {
        const text = Buffer.from(`${rule}\0`);
        return rawMessage({
          serial: at + 2,
          fields: { 1: '/org/freedesktop/DBus', 2: DAEMON, 3: 'AddMatch', 6: DAEMON, 8: 's' },
          body: Buffer.concat([u32(text.length - 1), text]),
        });
      }),
    );
    const heard: unknown[] = [];
    await root.subscribe(
      { sender: NAME, interface: NAME, member: 'PortAdded' },
      ({ body }) => void heard.push(...body),
    );
    agent.emit(PATH, NAME, 'PortAdded', 's', ['secret-port']);
    await eventually(
      async () => heard,
      (texts) => expect(texts).toEqual(['secret-port']),
    );
    // What the bus answers to this comes after all that it had to say before.
    await stranger.send(
      rawMessage({ serial: 90, fields: { 1: '/', 2: DAEMON, 3: 'NoSuchMethod', 6: DAEMON } }),
    );
    await eventually(
      async () => stranger.heard(),
      (text) => expect(text).toMatch(/UnknownMethod|AccessDenied/),
    );
    expect(stranger.heard()).not.toContain('secret-port');
  });
});
