// Programs of others: what they say is recorded, and whatever they do costs nobody but themselves. Real processes and sockets.

import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { converse } from '../../../src/core/lib/exec.ts';
import { openBudget } from '../../../src/producers/budget.ts';
import { findProducers } from '../../../src/producers/external/discover.ts';
import { openProducer } from '../../../src/producers/external/open.ts';
import { runSession } from '../../../src/producers/external/session.ts';
import { type Supervisor, superviseProducers } from '../../../src/producers/external/supervise.ts';
import { redacted } from '../../../src/producers/redacted.ts';
import { appender } from '../../unit/producers/appender.ts';

let folder: string;
let supervisor: Supervisor | undefined;
let server: Server | undefined;
const book = appender();
const ledger = redacted(book, []);
const said: string[] = [];
const owner = process.getuid?.() ?? 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'producers-'));
  await mkdir(join(folder, 'programs'), { mode: 0o755 });
  await mkdir(join(folder, 'sockets'), { mode: 0o700 });
  book.entries.length = 0;
  said.length = 0;
});

afterEach(async () => {
  await supervisor?.close();
  supervisor = undefined;
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

/** Without systemd, which only a host has: the program is our own child, and ends with its input or by a signal. */
const openDirectly = openProducer({
  converse: (_, args, options) => converse('timeout', ['600', args.at(-1) ?? ''], options),
  stopUnit: async () => undefined,
});

function start(options: { rate?: number; deadlineMs?: number; firstRetryMs?: number } = {}) {
  supervisor = superviseProducers({
    ledger,
    find: () =>
      findProducers({ programs: join(folder, 'programs'), sockets: join(folder, 'sockets') }, owner),
    open: openDirectly,
    openCategories: ['external', 'backup'],
    rate: 6000,
    everyMs: 1e9,
    steady: () => performance.now(),
    log: { info: (text) => void said.push(text), warning: (text) => void said.push(text) },
    onError: (error) => void said.push(String(error)),
    firstRetryMs: 600_000,
    ...options,
  });
  return supervisor;
}

async function program(name: string, body: string, mode = 0o755): Promise<void> {
  const path = join(folder, 'programs', name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, mode);
}

const DECLARED = `echo '${JSON.stringify({
  producer: 'ups',
  categories: ['external'],
  actions: {
    on_battery: {
      data: {
        type: 'object',
        properties: { percent: { type: 'integer' }, password: {} },
        required: ['percent'],
      },
    },
  },
})}'; read -r answer; echo "$answer" >&2`;
const entry = (data: unknown) => `echo '${JSON.stringify({ id: 'a', action: 'on_battery', data })}'
read -r answer; echo "$answer" >&2`;

const blocks = () => book.entries.filter(({ action }) => action.includes('.'));
const ends = () =>
  book.entries
    .filter(({ action }) => action === 'producer_ended')
    .map(({ data }) => data as { reason: string; recorded: number; rejected: number });
const until = (test: () => void) => vi.waitFor(test, { timeout: 30_000, interval: 20 });

describe('a program', () => {
  it('has its lines recorded under its own name, without secrets, and hears where', async () => {
    await program('ups', `${DECLARED}\n${entry({ percent: 80, password: 'hunter2' })}\nread -r answer`);
    start();
    await until(() => expect(blocks()).toHaveLength(1));
    expect(blocks()).toEqual([
      {
        ...{ category: 'external', action: 'ups.on_battery', user: 'producer:ups' },
        data: { percent: 80, password: '[redacted]' },
        metadata: { producer: 'ups' },
      },
    ]);
    expect(book.entries[0]).toMatchObject({
      action: 'producer_started',
      data: { producer: 'ups', kind: 'program', categories: ['external'], actions: ['on_battery'] },
    });
    await until(() =>
      expect(said.join('\n')).toContain('producer ups: {"line":1,"id":"a","height":2,"hash":"hh'),
    );
  });

  it.each([
    [
      'an action that it did not declare',
      '{"action":"port_attached","data":{"percent":1}}',
      'not among its actions',
    ],
    ['an action of another producer', '{"action":"other.x","data":{"percent":1}}', 'not among its actions'],
    [
      'data of another shape',
      '{"action":"on_battery","data":{"percent":1.5}}',
      'data.percent must be of type integer',
    ],
    ['a key that it did not declare', '{"action":"on_battery","data":{"percent":1,"x":1}}', 'must not have'],
    [
      'a category of its own wish',
      '{"action":"on_battery","category":"port","data":{"percent":1}}',
      'no entry',
    ],
    ['what is no JSON', 'on battery!', 'not JSON'],
    ['what is deeper than a block', `${'['.repeat(9000)}${']'.repeat(9000)}`, 'levels'],
  ])('is told when it says %s, and nothing is recorded', async (_, line, message) => {
    await program('ups', `${DECLARED}\ncat <<'X'\n${line}\nX\nread -r answer; echo "$answer" >&2`);
    start();
    await until(() => expect(ends()).toHaveLength(1));
    expect(blocks()).toEqual([]);
    expect(ends()).toEqual([{ producer: 'ups', reason: 'it ended', recorded: 0, rejected: 1 }]);
    expect(said.join('\n')).toContain('"error":"bad-argument"');
    expect(said.join('\n')).toContain(message);
  });

  it.each([
    ['another name', { producer: 'agent' }, 'producer must be'],
    ['a category of the agent', { categories: ['port'] }, 'not open'],
    ['a category that there is none of', { categories: ['weather'] }, 'not open'],
    ['no action', { actions: {} }, 'actions must be'],
    ['a word of a schema that nobody checks', { actions: { a: { data: { pattern: '(a+)+' } } } }, 'pattern'],
    ['an action with a dot', { actions: { 'b.c': { data: {} } } }, 'actions.b.c'],
  ])('is not taken with %s', async (_, other, message) => {
    const all = { producer: 'ups', categories: ['external'], actions: { a: { data: {} } }, ...other };
    await program(
      'ups',
      `echo '${JSON.stringify(all)}'; read -r answer; echo '{"action":"a","data":1}'; read -r x`,
    );
    start();
    await until(() => expect(ends()).toHaveLength(1));
    expect(ends()[0]?.reason).toContain(message);
    expect(book.entries.map(({ action }) => action)).toEqual(['producer_ended']);
  });

  it('that says nothing, says things without end, or floods its errors is ended, and costs no memory', async () => {
    await program('silent', 'exec sleep 500');
    await program('endless', 'exec cat /dev/zero');
    await program('loud', 'cat /dev/zero | tr "\\0" "x" >&2');
    const before = process.memoryUsage().rss;
    start({ deadlineMs: 1500 });
    await until(() => expect(ends()).toHaveLength(3));
    const reasons = Object.fromEntries(
      ends().map((end) => [(end as never as { producer: string }).producer, end.reason]),
    );
    expect(reasons).toMatchObject({
      silent: 'its first line took longer than 1500 ms',
      endless: 'a line has more than 32768 bytes',
      loud: 'its first line took longer than 1500 ms',
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('that writes faster than it may is held up, not cut off; nothing that it says is lost', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    output.resume();
    const line = JSON.stringify({ producer: 'ups', categories: ['external'], actions: { a: { data: {} } } });
    input.end(`${line}\n${'{"action":"a","data":{}}\n'.repeat(10)}`);
    const began = performance.now();
    const budget = openBudget(2, 50, () => performance.now());
    const { signal } = new AbortController();
    const end = await runSession({
      ...{ name: 'ups', input, output, ledger, openCategories: ['external'], budget, signal },
      onDeclared: async () => undefined,
    });
    expect(end).toEqual({ reason: 'it ended', recorded: 10, rejected: 0 });
    expect(performance.now() - began).toBeGreaterThan(350);
  });

  it('that crashes over and over is started ever more seldom, and does not fill the ledger', async () => {
    await program('ups', `${DECLARED}\nexit 7`);
    start({ firstRetryMs: 1 });
    await until(() =>
      expect(said.filter((text) => text.includes('has ended')).length).toBeGreaterThanOrEqual(7),
    );
    expect(book.entries.length).toBeLessThanOrEqual(6);
  });

  it('that does not read its answers is ended', async () => {
    await program(
      'ups',
      `${DECLARED}\nexec 0<&- \nwhile :; do echo '{"action":"on_battery","data":{"percent":1}}'; done`,
    );
    start({ deadlineMs: 2000 });
    await until(() => expect(ends()).toHaveLength(1));
    expect(ends()[0]?.reason).toContain('answers');
  });

  it('is told when the ledger cannot be written, and goes on', async () => {
    await program(
      'ups',
      `${DECLARED}\nread -r x </dev/null\n${entry({ percent: 1 })}\n${entry({ percent: 2 })}`,
    );
    const { append } = book;
    let calls = 0;
    book.append = async (each) => {
      if (++calls === 2) throw new Error('the disk is full');
      return append.call(book, each);
    };
    start();
    await until(() => expect(ends()).toHaveLength(1));
    book.append = append;
    expect(ends()).toMatchObject([{ recorded: 1, rejected: 1 }]);
    expect(said.join('\n')).toContain('"error":"ledger-write-failed"');
  });

  it('is started anew when its file changes, and ended when it goes', async () => {
    await program('ups', `${DECLARED}\nread -r answer`);
    const { look } = start();
    await until(() => expect(book.entries).toHaveLength(1));
    await program('ups', `${DECLARED}\n# another\nread -r answer`);
    await look();
    await until(() =>
      expect(book.entries.filter(({ action }) => action === 'producer_started')).toHaveLength(2),
    );
    const digests = book.entries.map(({ data }) => (data as { sha256?: string }).sha256).filter(Boolean);
    expect(new Set(digests).size).toBe(2);
    await rm(join(folder, 'programs/ups'));
    await look();
    await until(() => expect(said.length).toBeGreaterThan(0));
  });
});

describe('a file', () => {
  it.each([
    ['that others can write', 0o757, 'others than root can change it'],
    ['of whose group can write', 0o775, 'others than root can change it'],
    ['that only root can run', 0o700, 'runs as a user of its own'],
  ])('%s is not run, and that is said once', async (_, mode, reason) => {
    await program('ups', DECLARED, mode);
    const { look } = start();
    await look();
    await look();
    expect(book.entries).toMatchObject([{ action: 'producer_refused', data: { producer: 'ups' } }]);
    expect(JSON.stringify(book.entries)).toContain(reason);
  });

  it('that is a link, in a folder that others can write, or of another user is not run either', async () => {
    await program('ups', DECLARED);
    await symlink('ups', join(folder, 'programs/link'));
    const folders = { programs: join(folder, 'programs'), sockets: join(folder, 'sockets') };
    const refusals = async (uid = owner) =>
      (await findProducers(folders, uid)).map(({ name, refusal }) => [name, refusal]);
    expect(await refusals()).toEqual([
      ['link', 'it is no regular file'],
      ['ups', undefined],
    ]);
    expect((await refusals(owner + 1)).at(-1)?.[1]).toContain('others than root');
    await chmod(folders.programs, 0o777);
    expect((await refusals()).at(-1)?.[1]).toContain('others than root can change');
  });

  it('of an editor or of dpkg is passed over', async () => {
    for (const name of ['ups~', 'ups.dpkg-old', '.ups', 'README', '1ups']) await program(name, DECLARED);
    await mkdir(join(folder, 'programs/lib'));
    expect(await findProducers({ programs: join(folder, 'programs'), sockets: '/nowhere' }, owner)).toEqual(
      [],
    );
  });
});

describe('a socket', () => {
  const listen = (name: string, onConnection: (socket: Socket) => void) =>
    new Promise<void>((resolve) => {
      server = createServer(onConnection).listen(join(folder, 'sockets', name), resolve);
    });

  it('speaks as a program does', async () => {
    const answers: string[] = [];
    await listen('ups', (socket) => {
      socket.on('data', (chunk) => answers.push(chunk.toString()));
      socket.write(
        `${JSON.stringify({ producer: 'ups', categories: ['backup'], actions: { a: { data: {} } } })}\n`,
      );
      socket.write('{"action":"a","data":{}}\n{"action":"a","data":{},"cause":1}\n');
    });
    start();
    await until(() => expect(blocks()).toHaveLength(2));
    await until(() => expect(answers.join('')).toContain('"line":2'));
    expect(answers.join('')).toContain('"ok":true');
  });

  it('where nobody answers is tried again, and said once in a while', async () => {
    await listen('ups', () => undefined);
    const path = join(folder, 'sockets/ups');
    await rename(path, `${path}2`);
    await new Promise((resolve) => server?.close(resolve));
    await rename(`${path}2`, path);
    await writeFile(join(folder, 'sockets/plain'), '');
    start({ firstRetryMs: 1 });
    await until(() =>
      expect(said.filter((text) => text.includes('nobody answers')).length).toBeGreaterThan(7),
    );
    expect(ends().length).toBeLessThanOrEqual(6);
  });
});
