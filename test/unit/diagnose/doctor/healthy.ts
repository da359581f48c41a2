// The facts of a Proxmox host on which all is well: VM 101 on ovsbr0, driven through OVSDB.

import { defaultConfig } from '../../../../src/core/config/parse-config.ts';
import { RUNTIMES } from '../../../../src/core/guest/runtimes.ts';
import type { LinkState } from '../../../../src/core/kernel/links.ts';
import type { EvidenceResult } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import type { VerifyResult } from '../../../../src/core/ledger/index.ts';
import type { ObservedBridge, ObservedPort } from '../../../../src/core/plan/observed.ts';
import type { DoctorFacts, SwitchSnapshot } from '../../../../src/diagnose/doctor/facts.ts';
import type { RuntimeLooks } from '../../../../src/diagnose/runtimes.ts';
import { parseGuestConfig } from '../../../../src/runtimes/proxmox/config/guest-config.ts';
import type { ProxmoxGuest, ProxmoxTree } from '../../../../src/runtimes/proxmox/config/tree.ts';

export const SNIPPET = 'local:snippets/ovs-port-agent';

export const yes = <T>(value: T) => ({ ok: true as const, value });
export const no = (reason: string) => ({ ok: false as const, reason });

export function link(more: Partial<LinkState> = {}): LinkState {
  return {
    index: 7,
    up: true,
    carrier: true,
    mtu: 1500,
    master: undefined,
    isLinuxBridge: false,
    ...more,
  };
}

export function port(more: Partial<ObservedPort> = {}): ObservedPort {
  return {
    row: 'vi101',
    port: 'vi101',
    bridge: 'ovsbr0',
    interface: 'tap101i0',
    type: '',
    ofport: 3,
    vlan: { trunks: [] },
    driver: 'ovsdb',
    portUuid: 'p',
    interfaceUuid: 'i',
    bridgeRowUuid: 'b',
    interfaceExternalIds: {},
    externalIds: {
      'ovs-port-agent.vmid': '101',
      'ovs-port-agent.guest': 'web1',
      'ovs-port-agent.runtime': 'proxmox-qemu',
      'ovs-port-agent.nic': '0',
      'ovs-port-agent.boot-id': 'boot-2',
      ...(more.row !== undefined && more.row !== 'vi101' && { 'ovs-port-agent.port': 'vi101' }),
    },
    ...more,
  };
}

export function bridge(name: string, more: Partial<ObservedBridge> = {}): ObservedBridge {
  return { name, datapathType: 'netdev', externalIds: {}, ...more };
}

/** A bridge's own port. */
export function internal(bridge: string): ObservedPort {
  return port({ row: bridge, port: bridge, bridge, interface: bridge, type: 'internal', externalIds: {} });
}

export function guest(vmid: number, text: string, kind: 'qemu' | 'lxc' = 'qemu'): ProxmoxGuest {
  return { vmid, runtime: `proxmox-${kind}`, config: parseGuestConfig(text, kind) };
}

export function tree(...guests: ProxmoxGuest[]): ProxmoxTree & { state: 'ready' } {
  return {
    state: 'ready',
    guests: new Map(guests.map((one) => [one.vmid, one])),
    unreadable: new Map(),
    vmlist: { ok: true, version: 1, guests: new Map() },
  };
}

export const WEB1 = `name: web1\nnet0: virtio=BC:24:11:00:00:01,bridge=ovsbr0\nhookscript: ${SNIPPET}\n`;

export function switchFacts(more: Partial<SwitchSnapshot> = {}): SwitchSnapshot {
  return {
    version: '3.5.0',
    datapathTypes: ['netdev', 'system'],
    curCfg: 4,
    nextCfg: 4,
    bridges: [bridge('ovsbr0'), bridge('ovsbr1')],
    ports: [internal('ovsbr0'), internal('ovsbr1'), port()],
    ...more,
  };
}

/** What the runtimes asked for themselves, where all is well but for this; those that are not named asked for nothing. */
export function looks(more: Partial<DoctorFacts['looks']>): Pick<DoctorFacts, 'looks'> {
  return {
    looks: {
      ...(Object.fromEntries(
        Object.keys(RUNTIMES).map((name) => [name, undefined]),
      ) as unknown as RuntimeLooks),
      lxc: { installed: true, dropIn: true, hook: 'fine' },
      docker: { installed: true, engine: yes('26.1.5') },
      ...more,
    },
  };
}

export function healthy(more: Partial<DoctorFacts> = {}): DoctorFacts {
  const config = defaultConfig();
  return {
    version: '1.2.3',
    isRoot: true,
    node: 'v20.19.2',
    bootId: 'boot-2',
    config: yes({ path: '/etc/ovs-port-agent/config.toml', found: true, config, warnings: [] }),
    inForce: config,
    bus: yes(true),
    agent: yes({ version: '1.2.3', pid: 812, ready: true, waiting: [] }),
    ovsdb: yes(switchFacts()),
    vswitchd: yes('ovs-vswitchd (Open vSwitch) 3.5.0'),
    hasKernelDatapath: false,
    networkManager: yes({
      state: { running: true, silent: false, ovs: false, version: '1.52.1', starting: false },
      profiles: yes([]),
    }),
    links: new Map([
      ['ovsbr0', link()],
      ['ovsbr1', link()],
      ['tap101i0', link()],
    ]),
    choice: { configured: 'auto', presence: { networkmanager: 'unable' }, declared: new Set() },
    declared: yes(new Map()),
    bindings: [
      {
        port: 'vi101',
        interface: 'tap101i0',
        bridge: 'ovsbr0',
        nic: 0,
        vmid: 101,
        runtime: 'proxmox-qemu',
        guest: 'web1',
        since: '2026-11-23T08:30:32.000Z',
        driver: 'ovsdb',
      },
    ],
    proxmox: {
      tree: tree(guest(101, WEB1)),
      snippet: 'fine',
      storage: yes({ offers: true, file: '/var/lib/vz/snippets/ovs-port-agent' }),
    },
    hasBusPolicy: true,
    isEnabled: true,
    lxcRunning: yes({ names: [], inits: new Map(), ofUsers: [] }),
    ...looks({}),
    hasNetmakerLease: false,
    spool: yes({ files: 0 }),
    ledger: yes({
      path: '/var/lib/ovs-port-agent/ledger.jsonl',
      result: verified({
        verdict: 'ok',
        blocks: 41,
        bytes: 20_000,
        head: { height: 41, hash: 'a'.repeat(64) },
      }),
    }),
    state: yes({ path: '/var/lib/ovs-port-agent', free: 6e9, size: 1e10 }),
    ...more,
  };
}

/** The same host with other keys in its configuration. */
export function configured(facts: DoctorFacts, keys: Partial<DoctorFacts['inForce']>): DoctorFacts {
  return { ...facts, inForce: { ...facts.inForce, ...keys } };
}

/** What verification says where the chain is all there is to say. */
export function verified(chain: VerifyResult): EvidenceResult {
  const { verdict, firstBad } = chain;
  return {
    ...{ verdict, fault: firstBad, chain, newest: undefined },
    ...{ witnesses: [], checkpoints: 1, unreadable: 0 },
  };
}
