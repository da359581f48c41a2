// Lives of Proxmox guests with `[proxmox] port = "vi"`, the default: a card's port is called vi<VMID>.
import { afterAll, beforeAll, describe } from 'vitest';
import { type ProxmoxHost, upProxmoxHost } from './proxmox-host.ts';
import { describeLives, describeNode } from './proxmox-life.ts';

let host: ProxmoxHost;

beforeAll(async () => {
  host = await upProxmoxHost('trixie', 'vi', 'proxmox-vi-lives');
});

afterAll(() => host?.down());

describe('lives', () => describeLives(() => host));
describe('the node', () => describeNode(() => host));
