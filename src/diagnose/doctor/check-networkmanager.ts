// NetworkManager: whether it runs, what it can do, versions known to do harm, profiles without a port.

import { USER_BRIDGE_KEY, USER_KEY } from '../../core/drivers/networkmanager/profiles.ts';
import { answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf, listText } from '../../core/lib/finding.ts';
import { keeperOfRow } from '../../core/plan/driver-names.ts';
import type { DoctorFacts, NetworkManagerFacts } from './facts.ts';

const { pass, warn, fail, skip } = findingsOf('NetworkManager');

export function checkNetworkManager(facts: DoctorFacts): Finding[] {
  const { networkManager: answer } = facts;
  if (!answer.ok) return [skip('networkmanager', `NetworkManager could not be asked: ${answer.reason}`)];
  const { state } = answer.value;
  const needs = needsNetworkManager(facts);
  if (state.silent) {
    const text = 'NetworkManager hangs: it has its name on the bus, and does not answer';
    return [(needs ? fail : warn)('networkmanager', text, { code: 'networkmanager-unavailable' })];
  }
  if (!state.running) {
    if (needs)
      return [fail('networkmanager', 'NetworkManager does not run', { code: 'networkmanager-unavailable' })];
    return [skip('networkmanager', 'NetworkManager does not run; no bridge here needs it')];
  }
  return [
    pass('networkmanager', `NetworkManager ${state.version} runs${state.starting ? ', still starting' : ''}`),
    plugin(answer.value, needs),
    ...knownBad(answer.value),
    ...profiles(facts, answer.value),
  ];
}

function needsNetworkManager(facts: DoctorFacts): boolean {
  const owns = answered(facts.ovsdb)?.bridges.some(
    ({ externalIds }) => keeperOfRow(externalIds) === 'networkmanager',
  );
  return owns === true || facts.inForce.driver === 'networkmanager';
}

function plugin({ state }: NetworkManagerFacts, needs: boolean): Finding {
  if (state.ovs) return pass('plugin', 'its OVS plugin is loaded');
  if (needs) return fail('plugin', 'it has no OVS plugin', { code: 'networkmanager-without-ovs' });
  return pass('plugin', 'it has no OVS plugin: bridges here are driven through OVSDB');
}

/** Upstream commit 93491d76ec fixed in 1.54.2 what came with 1.54.0: the end of one port took all foreign ones. */
const HARMFUL = /^1\.54\.[01](?:\D|$)/;

function knownBad({ state }: NetworkManagerFacts): Finding[] {
  if (!HARMFUL.test(state.version)) return [];
  const text = `version ${state.version} removes every port that it did not make from its bridges, whenever one of its own goes`;
  const cure = { remedy: 'Install NetworkManager 1.54.2 or newer' };
  return [state.ovs ? fail('version', text, cure) : warn('version', text, cure)];
}

function profiles(facts: DoctorFacts, { profiles: answer }: NetworkManagerFacts): Finding[] {
  if (!answer.ok) return [warn('profiles', `its profiles could not be read: ${answer.reason}`)];
  const ports = answered(facts.ovsdb)?.ports;
  if (ports === undefined) return [];
  const present = new Set(ports.flatMap(({ row, port }) => [row, port]));
  const without = answer.value.flatMap(({ user }) => {
    const { [USER_KEY]: port, [USER_BRIDGE_KEY]: bridge } = user;
    return port === undefined || port === bridge || present.has(port) ? [] : [port];
  });
  if (without.length === 0) return [];
  const text = `profiles of ours without a port: ${listText([...new Set(without)].sort())}`;
  return [warn('profiles', text, { remedy: 'ovs-port-agent reconcile' })];
}
