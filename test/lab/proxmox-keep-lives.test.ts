// Lives of Proxmox guests with `[proxmox] port = "keep"`, a port keeps the name that Proxmox gave it, and ours is its alias.
import { afterAll, beforeAll, describe } from 'vitest';
import { labGuest, type ProxmoxHost, upProxmoxHost } from './proxmox-host.ts';
import { describeLives, describeNode } from './proxmox-life.ts';

let host: ProxmoxHost;

beforeAll(async () => {
  host = await upProxmoxHost('trixie', 'keep', 'proxmox-keep-lives');
});

afterAll(() => host?.down());

// With and without the hookscript differ in who asks the agent, not in the name: a kind each is enough here.
describe('lives', () =>
  describeLives(() => host, [labGuest('VM', 102, false), labGuest('container', 201, true)]));
describe('the node', () => describeNode(() => host));
