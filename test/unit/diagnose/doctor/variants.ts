// What can be wrong with the healthy host, one part each.

import type { FindingState } from '../../../../src/core/lib/finding.ts';
import { NM_UUID_KEY } from '../../../../src/core/plan/driver-names.ts';
import type { DoctorFacts } from '../../../../src/diagnose/doctor/facts.ts';
import { parseInterfaces } from '../../../../src/diagnose/doctor/interfaces-file.ts';
import { bridge, healthy, internal, link, type port, switchFacts, verified, yes } from './healthy.ts';

/** What is wrong, what finds it, and what to do. */
export type Case = [
  what: string,
  facts: DoctorFacts,
  state: FindingState,
  group: string,
  text: RegExp,
  remedy: RegExp,
];

export const OWNED = '5ad5e17e-1b1c-4f30-8c0e-0e6a2c5b7a11';
export const nm = (more: object, profiles: unknown[] = []) =>
  yes({
    state: { running: true, silent: false, ovs: true, version: '1.58.1', starting: false, ...more },
    profiles: yes(profiles as never[]),
  });
export const ovs = (more: Parameters<typeof switchFacts>[0]) => ({ ovsdb: yes(switchFacts(more)) });
export const ports = (...list: ReturnType<typeof port>[]) =>
  ovs({ ports: [internal('ovsbr0'), internal('ovsbr1'), ...list] });
export const owned = ovs({
  bridges: [bridge('ovsbr0', { externalIds: { [NM_UUID_KEY]: OWNED } }), bridge('ovsbr1')],
});
export const proxmox = (more: Partial<DoctorFacts['proxmox']>) => ({
  proxmox: { ...healthy().proxmox, ...more },
});
export const declared = (text: string) => ({ declared: yes(parseInterfaces(text)) });
export const links = (...names: string[]) => ({ links: new Map(names.map((name) => [name, link()])) });
export const profile = (name: string, bridge: string) => ({
  path: '/1',
  uuid: OWNED,
  type: 'ovs-port',
  interfaceName: name,
  user: { 'ovs-port-agent.port': name, 'ovs-port-agent.bridge': bridge },
});
export const brokenChain = verified({
  verdict: 'broken' as const,
  blocks: 3,
  bytes: 900,
  head: { height: 3, hash: 'a'.repeat(64) },
  firstBad: { height: 4, line: 4, offset: 900, reason: 'hash' as const, expected: 'x', actual: 'y' },
});

/** What the choice of a driver depends on. */
export const choice = (more: Partial<DoctorFacts['choice']>) => ({
  choice: { ...healthy().choice, ...more },
});
