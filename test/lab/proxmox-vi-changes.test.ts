// Changes to cards of running Proxmox guests with `[proxmox] port = "vi"`, the default: a card's port is called vi<VMID>.
import { afterAll, beforeAll, describe } from 'vitest';
import { describeAgentDown } from './proxmox-agent-down.ts';
import { describeHandover } from './proxmox-handover.ts';
import { type ProxmoxHost, upProxmoxHost } from './proxmox-host.ts';
import { describeChanges } from './proxmox-life.ts';

let host: ProxmoxHost;

beforeAll(async () => {
  host = await upProxmoxHost('trixie', 'vi', 'proxmox-vi-changes');
});

afterAll(() => host?.down());

describe('changes', () => describeChanges(() => host));
describe('an agent that is away', () => describeAgentDown(() => host));
describe('the handover', () => describeHandover(() => host));
