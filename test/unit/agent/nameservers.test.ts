// Whom a container asks for names.

import { describe, expect, it } from 'vitest';
import { nameserversOf } from '../../../src/agent/sources/nameservers.ts';

const files: Record<string, string> = {
  '/c/resolv.conf':
    '# by Docker\nnameserver 10.9.0.53\nnameserver 2001:DB8::53\nsearch lan\noptions ndots:0\n',
  '/n/resolv.conf': 'nameserver 127.0.0.11\n',
  '/x/resolv.conf':
    'nameserver 10.9.0.53;rm\nnameserver\nnameserver 224.0.0.1\nnameserver 0.0.0.0\nnameserver fe80::1%eth0\n',
  '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
};
const read = async (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error('no such file');
  return text;
};
const of = (path: string, Dns: string[] | null = null) =>
  nameserversOf({ ResolvConfPath: path, HostConfig: { NetworkMode: 'default', Dns } }, read);

describe('the name servers of a container', () => {
  it('are those of its resolv.conf', async () => {
    expect(await of('/c/resolv.conf')).toEqual(['10.9.0.53', '2001:db8::53']);
  });

  it("are the host's where Docker's own resolver stands in between", async () => {
    expect(await of('/n/resolv.conf')).toEqual(['192.0.2.53']);
    expect(await of('/n/resolv.conf', ['10.1.1.1'])).toEqual(['10.1.1.1', '192.0.2.53']);
  });

  it('are none when its file says nothing that is an address of a server', async () => {
    expect(await of('/x/resolv.conf')).toEqual([]);
    expect(await of('/gone')).toEqual([]);
    expect(await of('')).toEqual([]);
  });
});
