// What the choice of a driver depends on, from NetworkManager and from files.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AgentError } from '../../../src/core/lib/errors.ts';
import type { NetworkManagerState } from '../../../src/core/networkmanager/networkmanager.ts';
import { keepSwitchFacts } from '../../../src/reconcile/switch-facts.ts';

let root: string;
let state: NetworkManagerState | undefined;
let leave: (present: boolean) => void;

const keeper = () =>
  keepSwitchFacts({
    configured: 'auto',
    root,
    networkManager: {
      state: async () => {
        if (state === undefined) throw new AgentError('bus-call-failed', 'nobody there');
        return state;
      },
      onPresence: (listener) => {
        leave = listener;
      },
    },
  });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'facts-'));
  state = { running: true, silent: false, ovs: true, version: '1.58.1', starting: false };
});
afterEach(() => rm(root, { recursive: true }));

it('NetworkManager is ready when it runs with its plugin, and not as soon as it leaves', async () => {
  const facts = keeper();
  await facts.refresh();
  expect(facts.current().presence.networkmanager).toBe('ready');
  leave(false);
  expect(facts.current().presence.networkmanager).toBe('unable');
});

it('NetworkManager that runs without the plugin cannot do it', async () => {
  state = { running: true, silent: false, ovs: false, version: '1.42.4', starting: false };
  const facts = keeper();
  await facts.refresh();
  expect(facts.current().presence.networkmanager).toBe('unable');
});

it('NetworkManager that is away is waited for where its plugin is installed and it is not masked', async () => {
  state = undefined;
  const plugins = join(root, 'usr/lib/x86_64-linux-gnu/NetworkManager/1.58.1');
  await mkdir(plugins, { recursive: true });
  await writeFile(join(plugins, 'libnm-device-plugin-ovs.so'), '');
  const facts = keeper();
  await facts.refresh();
  expect(facts.current().presence.networkmanager).toBe('expected');
  state = { running: false, silent: true, ovs: false, version: '', starting: false };
  await facts.refresh();
  expect(facts.current().presence.networkmanager).toBe('silent');
  await mkdir(join(root, 'etc/systemd/system'), { recursive: true });
  await symlink('/dev/null', join(root, 'etc/systemd/system/NetworkManager.service'));
  await facts.refresh();
  expect(facts.current().presence.networkmanager).toBe('unable');
});

it("bridges that ifupdown declares are known, in its own file and in those of Debian's folder", async () => {
  await mkdir(join(root, 'etc/network/interfaces.d'), { recursive: true });
  await writeFile(
    join(root, 'etc/network/interfaces'),
    '# iface old inet manual\nauto vmbr0\n  iface vmbr0 inet static\n\taddress 10.0.0.1/24\niface lo inet loopback\n',
  );
  await writeFile(join(root, 'etc/network/interfaces.d/sdn'), 'iface vnet1\n');
  const facts = keeper();
  await facts.refresh();
  expect([...facts.current().declared].sort()).toEqual(['lo', 'vmbr0', 'vnet1']);
});
