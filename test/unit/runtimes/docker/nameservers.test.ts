// Whom a container asks for names.

import { describe, expect, it } from 'vitest';
import { nameserversOf } from '../../../../src/runtimes/docker/nameservers.ts';

const files: Record<string, string> = {
  '/c/resolv.conf':
    '# by Docker\nnameserver 10.9.0.53\nnameserver 2001:DB8::53\nsearch lan\noptions ndots:0\n',
  '/n/resolv.conf': 'nameserver 127.0.0.11\n',
  '/x/resolv.conf':
    'nameserver 10.9.0.53;rm\nnameserver\nnameserver 224.0.0.1\nnameserver 0.0.0.0\nnameserver fe80::1%eth0\n',
  '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
};
const missing = () => Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
const hidden = () => Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
const readIn = (host: Record<string, string>) => async (path: string) => {
  const text = host[path];
  if (text === undefined) throw path.startsWith('/home') ? hidden() : missing();
  return text;
};
const of = (
  path: string,
  Dns: string[] | null = null,
  more: { host?: Record<string, string>; inside?: () => Promise<string> } = {},
) =>
  nameserversOf(
    {
      ResolvConfPath: path,
      HostConfig: { NetworkMode: 'default', Dns },
      State: { Running: true, Pid: 42, StartedAt: '' },
    },
    {
      read: readIn({ ...files, ...more.host }),
      readInside: more.inside ?? (() => Promise.reject(missing())),
    },
  );

describe('the name servers of a container', () => {
  it('are those of its resolv.conf', async () => {
    expect(await of('/c/resolv.conf')).toEqual(['10.9.0.53', '2001:db8::53']);
  });

  it("are the host's where Docker's own resolver stands in between", async () => {
    expect(await of('/n/resolv.conf')).toEqual(['192.0.2.53']);
    expect(await of('/n/resolv.conf', ['10.1.1.1'])).toEqual(['10.1.1.1']);
  });

  it("are those of Docker's configuration where the container has none of its own", async () => {
    const host = { '/etc/docker/daemon.json': '{"dns":["10.7.7.7"]}' };
    expect(await of('/n/resolv.conf', null, { host })).toEqual(['10.7.7.7']);
    expect(await of('/n/resolv.conf', ['10.1.1.1'], { host })).toEqual(['10.1.1.1']);
  });

  it('are those that Docker notes, without those that it asks from the network of the host', async () => {
    const noted = (servers: string) => ({
      '/n/resolv.conf': `nameserver 127.0.0.11\n\n# ExtServers: [${servers}]\n# Overrides: []\n`,
    });
    const servers = (text: string) => of('/n/resolv.conf', null, { host: noted(text) });
    expect(await servers('10.7.7.7 2001:db8::7')).toEqual(['10.7.7.7', '2001:db8::7']);
    expect(await servers('host(127.0.0.53) 10.7.7.7')).toEqual(['10.7.7.7']);
    expect(await servers('host(127.0.0.53)')).toEqual([]);
  });

  it('are read inside where Docker keeps its files out of our sight, and never count as none unread', async () => {
    const path = '/home/docker/resolv.conf';
    expect(await of(path, null, { inside: async () => 'nameserver 10.9.0.53\n' })).toEqual(['10.9.0.53']);
    expect(await of(path)).toEqual([]);
    await expect(of(path, null, { inside: () => Promise.reject(hidden()) })).rejects.toMatchObject({
      code: 'container-not-attachable',
    });
  });

  it('are none when its file says nothing that is an address of a server', async () => {
    expect(await of('/x/resolv.conf')).toEqual([]);
    expect(await of('/gone')).toEqual([]);
    expect(await of('')).toEqual([]);
  });
});
