// People: who called, told once with what is known of them; a script that polls fills no ledger.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus, BusSignal, MatchRule } from '../../../src/core/bus/bus.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { openCalls } from '../../../src/producers/users/calls.ts';
import { watchLogins } from '../../../src/producers/users/logins.ts';
import { aboutOf, nameOf, placeOf, readWho } from '../../../src/producers/users/who.ts';
import { blockProblem } from '../core/ledger/registry.ts';
import { appender } from './appender.ts';

const book = appender();
beforeEach(() => {
  book.entries.length = 0;
});

describe('a process', () => {
  let proc: string;
  beforeEach(async () => {
    proc = await mkdtemp(join(tmpdir(), 'proc-'));
    await mkdir(join(proc, '77'));
    const put = (name: string, text: string) => writeFile(join(proc, '77', name), text);
    await put('comm', 'node\n');
    await put('cmdline', 'ovs-port-agent\0add-port\0--token\0hunter2\0vi7\0');
    await put('loginuid', '1000');
    await put('environ', 'A=1\0SUDO_USER=alice\0B=2\0');
    await put('cgroup', '0::/user.slice/user-1000.slice/session-3.scope\n');
    await symlink('/usr/bin/node', join(proc, '77', 'exe'));
    await writeFile(join(proc, 'passwd'), 'root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n');
  });
  afterEach(() => rm(proc, { recursive: true }));

  it('is told of by what the kernel, sudo and logind say, without what is secret', async () => {
    const who = await readWho({ uid: 0, pid: 77 }, { proc, passwd: join(proc, 'passwd') });
    expect(who).toEqual({
      ...{ uid: 0, pid: 77, process: 'node', program: '/usr/bin/node' },
      command: 'ovs-port-agent add-port --token [redacted] vi7',
      ...{ login_uid: 1000, login_user: 'alice', sudo_user: 'alice', session: '3' },
    });
    expect(aboutOf(who)).toEqual({
      ...{ caller_process: 'node', caller_login: 'alice', caller_sudo_user: 'alice', caller_session: '3' },
    });
  });

  it('that is gone, or hides all, costs nothing', async () => {
    expect(await readWho({ uid: 0, pid: 78 }, { proc })).toEqual({ uid: 0, pid: 78 });
    expect(await readWho({ uid: undefined, pid: undefined }, { proc })).toEqual({});
    await writeFile(join(proc, '77', 'loginuid'), '4294967295');
    expect(await readWho({ uid: 0, pid: 77 }, { proc })).not.toHaveProperty('login_uid');
  });

  it.each([
    ['0::/user.slice/user-1000.slice/session-c12.scope', { session: 'c12' }],
    ['0::/system.slice/ssh.service', { unit: 'ssh.service' }],
    ['0::/user.slice/user-0.slice/user@0.service/app.slice/x.service', { unit: 'x.service' }],
    ['12:cpu:/x.service\n1:name=systemd:/system.slice/cron.service\n', { unit: 'cron.service' }],
    ['9:name=systemd:/\n1:cpu:/\n0::/system.slice/a.service/.control', { unit: 'a.service' }],
    ['0::/', {}],
    ['', {}],
  ])('is placed by its cgroup %j', (cgroup, place) => expect(placeOf(cgroup)).toEqual(place));

  it('has the name that passwd has, and none else', () => {
    expect(nameOf(5, 'a:x:50:5::/:\nb:x:5:1::/:')).toBe('b');
    expect(nameOf(6, 'a:x:50:5::/:')).toBe('');
  });
});

describe('a call', () => {
  let at = 0;
  const open = (reads = false) =>
    openCalls({ ledger: book, reads, steady: () => at, onError: (error) => expect(error).toBe('told') });
  const call = { method: 'add_port', arguments: ['vi7', 5], user: 'root', pid: process.pid };

  it('that changes something is told of, done or failed, and answers as it would have', async () => {
    const calls = open();
    const about = await calls.during({ ...call, changes: 'call' }, async (known) => known);
    expect(about).toHaveProperty('caller_process');
    const error = new AgentError('port-unknown', 'no such port');
    await expect(calls.during({ ...call, changes: 'call' }, () => Promise.reject(error))).rejects.toBe(error);
    expect(book.entries).toMatchObject([
      {
        ...{ category: 'access', action: 'call_made', user: 'root', pid: process.pid },
        data: { method: 'add_port', arguments: ['vi7', 5], outcome: 'done', by: { uid: 0 } },
      },
      { data: { outcome: 'failed', code: 'port-unknown' } },
    ]);
    expect(book.entries.map(blockProblem).filter(Boolean)).toEqual([]);
  });

  it('that reads, or whose own block says who asked, is not, unless all are asked for', async () => {
    await open().during({ ...call, changes: undefined }, async () => 1);
    await open().during({ ...call, changes: 'itself' }, async () => 1);
    expect(book.entries).toEqual([]);
    await open(true).during({ ...call, changes: undefined }, async () => 1);
    await open(true).during({ ...call, changes: 'itself' }, async () => 1);
    expect(book.entries).toHaveLength(1);
  });

  it('is answered also when the ledger cannot be written', async () => {
    const errors: unknown[] = [];
    const calls = openCalls({
      ledger: book,
      reads: false,
      steady: () => 0,
      onError: (e) => void errors.push(e),
    });
    book.fails = true;
    expect(await calls.during({ ...call, changes: 'call' }, async () => 7)).toBe(7);
    book.fails = false;
    expect(errors).toHaveLength(1);
  });

  it('made over and over is told of sixty times, and then how many there were', async () => {
    const calls = open();
    for (let i = 0; i < 100; i++) await calls.during({ ...call, changes: 'call' }, async () => 1);
    expect(book.entries).toHaveLength(60);
    at = 1000;
    await calls.during({ ...call, changes: 'call' }, async () => 1);
    expect(book.entries.at(-1)).toMatchObject({ data: { left_out: 40 } });
  });

  it('that was refused is told of with who it was', async () => {
    await open().refused('AddPort', 33, undefined);
    expect(book.entries).toMatchObject([
      { category: 'authorization', user: 'uid:33', data: { method: 'AddPort', by: { uid: 33 } } },
    ]);
    expect(book.entries.map(blockProblem)).toEqual([undefined]);
  });
});

describe('a login', () => {
  const sessions: Record<string, Record<string, unknown>> = {
    '/s/3': {
      User: [1000, '/u'],
      Name: 'alice',
      Class: 'user',
      Service: 'sshd',
      RemoteHost: '192.0.2.7',
      TTY: '',
    },
    '/s/4': { User: [0, '/u'], Name: 'root', Class: 'background', Service: 'cron' },
    '/s/1': { User: [1001, '/u'], Name: 'bob', Class: 'user' },
  };
  const listeners = new Map<string, (signal: BusSignal) => void>();
  const bus = {
    subscribe: async (rule: MatchRule, listener: (signal: BusSignal) => void) => {
      listeners.set(rule.member, listener);
      return async () => void listeners.delete(rule.member);
    },
    call: async ({ member, path }: { member: string; path: string }) => {
      if (member === 'ListSessions') return [[['1', 1001, 'bob', '', '/s/1']]];
      if (sessions[path] === undefined) throw new Error('gone');
      return [sessions[path]];
    },
  } as unknown as Pick<Bus, 'subscribe' | 'call'>;
  const say = (member: string, id: string) =>
    listeners.get(member)?.({ body: [id, `/s/${id}`] } as unknown as BusSignal);

  it('is told of from its beginning to its end; what cron does is none', async () => {
    const close = await watchLogins({
      bus,
      ledger: book,
      steady: () => 0,
      onError: (e) => expect(e).toBe(''),
    });
    for (const id of ['3', '4', '5']) say('SessionNew', id);
    for (const id of ['3', '4', '5', '1', '3']) say('SessionRemoved', id);
    await close();
    expect(book.entries.map(({ action, data }) => [action, data])).toEqual([
      [
        'session_opened',
        { session: '3', uid: 1000, user: 'alice', service: 'sshd', remote_host: '192.0.2.7' },
      ],
      ['session_closed', { session: '3', uid: 1000, user: 'alice' }],
      ['session_closed', { session: '1', uid: 1001, user: 'bob' }],
    ]);
    expect(book.entries.map(blockProblem).filter(Boolean)).toEqual([]);
  });
});
