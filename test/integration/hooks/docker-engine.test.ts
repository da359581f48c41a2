// The Docker engine as a server that says odd things: what cannot be read is told, and all the rest is heard.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listenToDocker } from '../../../hooks/docker/listener.ts';
import type { LifecycleEvent } from '../../../src/core/events/lifecycle-event.ts';
import { openDocker } from '../../../src/runtimes/docker/engine.ts';

let directory: string;
let socket: string;
let server: Server;
/** By the end of the path. */
let answers: Record<string, string>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'docker-'));
  socket = join(directory, 'docker.sock');
  answers = {};
  server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '');
    const found = Object.entries(answers).find(([end]) => path.endsWith(end));
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    // A stream stays open.
    if (path.endsWith('/events')) response.write(found?.[1] ?? '');
    else response.end(found?.[1] ?? '{}');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

const id = (digit: string) => digit.repeat(64);
const started = (container: string, attributes: object) => ({
  Type: 'container',
  Action: 'start',
  Actor: { ID: container, Attributes: attributes },
  time: 1_700_000_000,
  timeNano: 1_700_000_000_000_000_000,
});

async function heard(lines: readonly string[], wanted: number) {
  answers['/events'] = `${lines.join('\n')}\n`;
  const stop = new AbortController();
  const [events, odd, networks]: [LifecycleEvent[], string[], string[]] = [[], [], []];
  const listening = listenToDocker({
    docker: openDocker(socket),
    cursor: { read: async () => '1', write: async () => undefined },
    onEvent: async (event) => events.push(event),
    onNetworks: (container) => void networks.push(container),
    onConnected: () => undefined,
    onDisconnected: () => undefined,
    onUnreadable: (problem) => void odd.push(problem),
    signal: stop.signal,
  });
  await expect.poll(() => events.length + odd.length + networks.length).toBe(wanted);
  stop.abort();
  await listening;
  return { events, odd, networks };
}

it('every line that is no event is told, one by one, and none costs another', async () => {
  const connected = (attributes: object, action = 'connect') =>
    JSON.stringify({ Type: 'network', Action: action, Actor: { ID: 'n', Attributes: attributes } });
  const { events, odd, networks } = await heard(
    [
      'half a line {"Type":',
      JSON.stringify({ ...started(id('a'), {}), Actor: 'nobody' }),
      JSON.stringify(started('short', { name: 'db' })),
      JSON.stringify({ ...started(id('a'), { name: 'db' }), timeNano: 'now' }),
      connected({ container: 'no id' }),
      connected({ container: id('b') }, 'prune'),
      connected({ container: id('b') }),
      JSON.stringify(started(id('c'), { name: 'web' })),
    ],
    8,
  );
  expect(events).toMatchObject([{ containerId: id('c'), name: 'web' }]);
  expect(networks).toEqual([id('b')]);
  expect(odd).toEqual([
    'a line is not JSON',
    expect.stringContaining('Actor: '),
    expect.stringContaining('containerId: a container id has 64'),
    'it has no timeNano',
    expect.stringContaining('an event of a network: Actor.Attributes.container: '),
    expect.stringContaining('an event of a network: Action: '),
  ]);
});

it('a name of an image that is too long for the ledger is seen to be cut', async () => {
  const [image, short] = ['r'.repeat(600), 'r'.repeat(512)];
  const { events } = await heard(
    [image, short].map((one) => JSON.stringify(started(id('c'), { name: 'web', image: one }))),
    2,
  );
  expect(events).toMatchObject([{ image: `${'r'.repeat(511)}…` }, { image: short }]);
});

it.each([
  ['/containers/json', '[{"Id":7}]', 'running', /^What Docker answers list is not understood: 0\.Id: /],
  ['/containers/json', '{"message":"busy"}', 'existing', /not understood/],
  ['/networks', '[{"Id":"n","Options":"none"}]', 'bridges', /networks is not understood: 0\.Options: /],
] as const)(
  'a list of which one entry is odd is no list, and it is said which: %s %s',
  async (path, body, member, says) => {
    answers[path] = body;
    await expect(openDocker(socket)[member]()).rejects.toMatchObject({
      code: 'docker-unreachable',
      message: expect.stringMatching(says),
    });
  },
);
