// The host's addresses are asked for anew exactly when they may have changed.

import type { NetworkInterfaceInfo } from 'node:os';
import { beforeEach, describe, expect, it } from 'vitest';
import { type HostAddresses, openHostAddresses } from '../../../../src/core/kernel/host-addresses.ts';

const info = { address: '192.0.2.1' } as NetworkInterfaceInfo;
let files: Record<string, string>;
let asked: number;
let addresses: HostAddresses;

beforeEach(() => {
  files = {
    '/proc/net/fib_trie': 'Local:\n  |-- 192.0.2.1\n     /32 host LOCAL\n',
    '/proc/net/if_inet6': '20010db8000000000000000000000001 02 40 00 80     eth0\n',
  };
  asked = 0;
  addresses = openHostAddresses({
    read(path) {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return text;
    },
    ask() {
      asked++;
      return { eth0: [info] };
    },
  });
});

const add = (file: string, text: string) => {
  files[file] += text;
};

describe("the host's addresses", () => {
  it('are asked for once while nothing changes', () => {
    expect([addresses(), addresses(), asked]).toEqual([{ eth0: [info] }, { eth0: [info] }, 1]);
  });

  it('are not asked for anew because a guest came', () => {
    addresses();
    add('/proc/net/if_inet6', 'fe800000000000000000000000000001 07 40 20 80 veth101i0\n');
    addresses();
    expect(asked).toBe(1);
  });

  it.each([
    ['/proc/net/fib_trie', '  |-- 192.0.2.2\n     /32 host LOCAL\n'],
    ['/proc/net/if_inet6', '20010db8000000000000000000000002 07 40 00 80     eth1\n'],
  ])('are asked for anew when %s tells of another one', (file, text) => {
    addresses();
    add(file, text);
    addresses();
    expect(asked).toBe(2);
  });

  it('are asked for once on a kernel without IPv6, too', () => {
    delete files['/proc/net/if_inet6'];
    addresses();
    addresses();
    expect(asked).toBe(1);
  });

  it('are asked for each time where nothing tells of changes', () => {
    delete files['/proc/net/fib_trie'];
    addresses();
    addresses();
    expect(asked).toBe(2);
  });
});
