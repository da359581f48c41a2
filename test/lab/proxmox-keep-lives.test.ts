// Lives of Proxmox guests with `[proxmox] port = "keep"`, a port keeps the name that Proxmox gave it, and ours is its alias.
import { afterAll, beforeAll, describe } from 'vitest';
import { type ProxmoxHost, upProxmoxHost } from './proxmox-host.ts';
import { describeLives, describeNode } from './proxmox-life.ts';

let host: ProxmoxHost;

beforeAll(async () => {
  host = await upProxmoxHost('trixie', 'keep', 'proxmox-keep-lives');
});

afterAll(() => host?.down());

describe('lives', () => describeLives(() => host));
describe('the node', () => describeNode(() => host));
