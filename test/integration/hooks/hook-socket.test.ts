// The fast way of a hook: perl hands the event to the agent's socket; on any doubt it becomes the Node hook.

import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHookSocket } from '../../../src/api/hook-socket.ts';
import type { EventResult } from '../../../src/core/events/event-result.ts';
import type { LifecycleEvent } from '../../../src/core/events/lifecycle-event.ts';

const STUB = new URL('../../../packaging/deb/hook.pl', import.meta.url);

let directory: string;
let socket: string;
let ends: (() => Promise<unknown>)[];
let heard: { event: LifecycleEvent; pid: number }[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hook-socket-'));
  socket = join(directory, 'hook.sock');
  ends = [];
  heard = [];
  const text = await readFile(STUB, 'utf8');
  const here = text
    .replace(/^my \$socket = .*$/m, `my $socket = '${socket}';`)
    .replace(/^my \$settings = .*$/m, `my $settings = '${join(directory, 'hook.json')}';`)
    .replace(/^my \$lib = .*$/m, `my $lib = '${directory}';`)
    .replace(/^my \$node = .*$/m, `my $node = '${process.execPath}';`)
    .replace(/^my \$heard_within = .*$/m, 'my $heard_within = 1;');
  await writeFile(join(directory, 'hook.pl'), here);
  for (const kind of ['proxmox', 'lxc']) {
    await writeFile(
      join(directory, `${kind}-hook.cjs`),
      `console.log(JSON.stringify({ node: process.argv.slice(2), id: process.env.OVS_PORT_AGENT_EVENT_ID,
        why: process.env.OVS_PORT_AGENT_GAVE_UP, options: process.env.NODE_OPTIONS })); process.exit(3)`,
    );
  }
});

afterEach(async () => {
  for (const end of ends) await end();
  await rm(directory, { recursive: true });
});

async function serve(result: Partial<EventResult> = {}, strict = false): Promise<void> {
  const opened = await openHookSocket({
    path: socket,
    strict: () => strict,
    async handle(event, { pid }) {
      heard.push({ event, pid });
      return { ok: true, message: 'ready for its network cards', height: 7, ports: [], ...result };
    },
    onError(error) {
      throw error;
    },
  });
  ends.push(opened.close);
}

/** An agent that does what no agent of ours does. */
async function impostor(onRequest: (write: (text: string) => void, end: () => void) => void): Promise<void> {
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy());
    client.resume();
    client.on('end', () =>
      onRequest(
        (text) => client.write(text),
        () => client.end(),
      ),
    );
    ends.push(async () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  ends.push(async () => server.close());
}

async function hook(args: string[], env: Record<string, string> = {}) {
  const result = await execa('perl', [join(directory, 'hook.pl'), ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
  });
  const { stdout, stderr, exitCode } = result;
  return { stdout, stderr, exitCode };
}

const viaNode = (stdout: string) => JSON.parse(stdout) as { node: string[]; id?: string; why?: string };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('a hook while the agent is there', () => {
  it('hands over what Proxmox says and prints the answer', async () => {
    await serve();
    expect(await hook(['proxmox', '101', 'pre-start'], { PVE_MIGRATED_FROM: 'pve2', SECRET: 'x' })).toEqual({
      stdout: 'ovs-port-agent: ready for its network cards',
      stderr: '',
      exitCode: 0,
    });
    expect(heard).toMatchObject([
      { event: { source: 'proxmox', vmid: 101, phase: 'pre-start', migratedFrom: 'pve2' } },
    ]);
    expect(heard[0]?.event.id).toMatch(UUID);
    expect(heard[0]?.pid).toBeGreaterThan(1);
  });

  it.each([
    [
      'a network hook of version 0',
      ['lxc', 'web', 'net', 'up', 'veth', 'ovsbr0', 'vethAbC'],
      {},
      { phase: 'net-up', name: 'web', interface: 'vethAbC', link: 'ovsbr0' },
    ],
    [
      'a container hook of version 1',
      ['lxc'],
      {
        LXC_NAME: 'web.1',
        LXC_HOOK_VERSION: '1',
        LXC_HOOK_TYPE: 'post-stop',
        LXC_HOOK_SECTION: 'lxc',
        LXC_TARGET: 'stop',
        LXC_CONFIG_FILE: '/var/lib/lxc/web.1/config',
      },
      { phase: 'post-stop', name: 'web.1', target: 'stop', configFile: '/var/lib/lxc/web.1/config' },
    ],
    [
      'an empty argument',
      ['lxc', '200', 'net', 'up', 'veth', '', 'veth200i0'],
      {},
      { phase: 'net-up', name: '200', interface: 'veth200i0' },
    ],
  ])('hands over what LXC says: %s', async (_, args, env, event) => {
    await serve();
    expect(await hook(args as string[], env as Record<string, string>)).toMatchObject({ exitCode: 0 });
    expect(heard).toMatchObject([{ event: { source: 'lxc', ...event } }]);
  });

  it('fails a start only when it is told to, and says why in one line', async () => {
    await serve({ ok: false, message: 'vi101 waits:\nno bridge' });
    expect(await hook(['proxmox', '101', 'post-start'])).toEqual({
      stdout: 'ovs-port-agent: vi101 waits: no bridge',
      stderr: '',
      exitCode: 0,
    });
  });

  it('fails it with 3 under strict', async () => {
    await serve({ ok: false, message: 'vi101 waits' }, true);
    expect(await hook(['proxmox', '101', 'post-start'])).toMatchObject({ exitCode: 3 });
  });

  it('says what it does not understand, and harms nobody', async () => {
    await serve({}, true);
    const { stdout, exitCode } = await hook(['proxmox', '101', 'pre-hibernate']);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('the phase must be one of')]);
    expect(heard).toEqual([]);
  });

  it('costs the agent nothing when its socket cannot be made: hooks go by the bus', async () => {
    const problems: unknown[] = [];
    const opened = await openHookSocket({
      path: join(directory, 'missing', 'hook.sock'),
      strict: () => false,
      handle: () => Promise.reject(new Error('nobody can ask')),
      onError: (error) => void problems.push(error),
    });
    await opened.close();
    expect(problems).toHaveLength(1);
  });

  it('reaches it by a socket that nobody else can open', async () => {
    await serve();
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
  });
});

describe('a hook in doubt becomes the Node hook', () => {
  it('when there is no agent, with the same words', async () => {
    const { stdout, exitCode } = await hook(['proxmox', '101', "pre-start; touch 'x'"], {
      NODE_OPTIONS: '--bad',
      OVS_PORT_AGENT_GAVE_UP: 'of somebody else',
    });
    expect(viaNode(stdout)).toEqual({ node: ['101', "pre-start; touch 'x'"], options: '' });
    expect(exitCode).toBe(3);
  });

  it('when an agent was killed and its socket is left', async () => {
    const server = await execa('perl', [
      '-e',
      'socket S,1,1,0; bind S, pack("S a108",1,$ARGV[0]) or die',
      socket,
    ]);
    expect(server.exitCode).toBe(0);
    expect(viaNode((await hook(['lxc', 'a'])).stdout)).toMatchObject({
      node: ['a'],
      id: expect.stringMatching(UUID),
    });
  });

  it('when nothing of it could be recorded, with the same event', async () => {
    await serve({ ok: false, height: null, message: 'full' });
    const { id, why } = viaNode((await hook(['proxmox', '101', 'post-stop'])).stdout);
    expect([id, why]).toEqual([heard[0]?.event.id, undefined]);
  });

  it('when it hangs, without asking again', async () => {
    await impostor(() => undefined);
    const { id, why } = viaNode((await hook(['proxmox', '101', 'pre-start'])).stdout);
    expect([id, why]).toEqual([expect.stringMatching(UUID), 'it does not react']);
  });

  it('when it has heard and does not answer by the deadline', async () => {
    await writeFile(join(directory, 'hook.json'), '{"deadlineMs":300,"strict":false}');
    await impostor((write) => write('heard\n'));
    expect(viaNode((await hook(['proxmox', '101', 'pre-start'])).stdout).why).toBe(
      'it did not answer in time',
    );
  });

  it.each([
    ['ends without a word', (_: unknown, end: () => void) => end()],
    [
      'ends after it has heard',
      (write: (text: string) => void, end: () => void) => {
        write('heard\n');
        end();
      },
    ],
    ['speaks otherwise', (write: (text: string) => void) => write('HTTP/1.1 400\r\n\r\n')],
    ['answers with another code', (write: (text: string) => void) => write('heard\n7 what\n')],
    ['never ends its line', (write: (text: string) => void) => write('x'.repeat(300_000))],
  ])('when it %s', async (_, answer) => {
    await impostor(answer);
    const { why, node } = viaNode((await hook(['proxmox', '101', 'pre-start'])).stdout);
    expect([why, node]).toEqual([undefined, ['101', 'pre-start']]);
  });

  it('when it was told more than any runtime says', async () => {
    await serve();
    expect(viaNode((await hook(['proxmox', 'x'.repeat(70_000)])).stdout).node).toHaveLength(1);
    expect(heard).toEqual([]);
  });

  it('when the socket is somebody else\u2019s', async () => {
    if (process.getuid?.() !== 0) return;
    await serve();
    await execa('chown', ['65534', socket]);
    await chmod(socket, 0o666);
    expect(viaNode((await hook(['proxmox', '101', 'pre-start'])).stdout).node).toEqual(['101', 'pre-start']);
    expect(heard).toEqual([]);
  });
});
