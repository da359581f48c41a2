// Rows of OVSDB that are stale, broken or somebody else's under our names.

import { parsePortName } from '../../core/guest/vmid.ts';
import { answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf, listText } from '../../core/lib/finding.ts';
import { shellWord } from '../../core/lib/shell-word.ts';
import { type ObservedPort, OWNER_KEYS } from '../../core/plan/observed.ts';
import type { DoctorFacts } from './facts.ts';
import { bootOfPort, isMarkedOnly, isOursPort } from './ownership.ts';

const { pass, warn, fail } = findingsOf('Open vSwitch');

export function checkRows(facts: DoctorFacts): Finding[] {
  const found = answered(facts.ovsdb);
  if (found === undefined) return [];
  const ours = found.ports.filter(isOursPort);
  const findings = [
    ...ours.flatMap((port) => brokenRow(facts, port) ?? []),
    ...earlierBoot(facts, ours),
    ...found.ports.filter(isMarkedOnly).map(markedOnly),
    ...found.ports
      .filter((port) => !isOursPort(port) && !isMarkedOnly(port) && parsePortName(port.row))
      .map(foreign),
  ];
  if (findings.length > 0) return findings;
  const text = ours.length === 0 ? 'no ports of guests' : `${ours.length} of guests, each with its device`;
  return [pass('ports', ours.length === 0 ? text : `ports: ${text}`)];
}

function brokenRow({ links }: DoctorFacts, port: ObservedPort): Finding | undefined {
  const name = `port ${port.port}`;
  const remedy = 'ovs-port-agent reconcile';
  if (port.type === '' && !links.has(port.interface)) {
    return fail(name, `${port.port} on ${port.bridge}: its device ${port.interface} is gone`, { remedy });
  }
  if (port.error !== undefined) {
    return fail(name, `${port.port} on ${port.bridge}: ${port.error}`, { code: 'port-not-usable' });
  }
  if (port.ofport === undefined || port.ofport < 0) {
    const text = `${port.port} on ${port.bridge}: ovs-vswitchd has not opened ${port.interface}`;
    return fail(name, text, { code: 'port-not-usable' });
  }
  return undefined;
}

function earlierBoot({ bootId }: DoctorFacts, ours: readonly ObservedPort[]): Finding[] {
  const old = ours.filter((port) => (bootOfPort(port) ?? bootId) !== bootId).map(({ port }) => port);
  if (old.length === 0) return [];
  const text = `left from before the last boot: ${listText(old)}`;
  return [warn('old rows', text, { remedy: 'ovs-port-agent reconcile' })];
}

function markedOnly({ row, bridge, interface: link, externalIds }: ObservedPort): Finding {
  const vmid = externalIds[OWNER_KEYS.vmid];
  const text = `${row} on ${bridge} (${link}) carries our mark for VMID ${vmid} and is no port of ours: it is left alone`;
  return warn(`port ${row}`, text, {
    remedy: `ovs-vsctl remove Port ${shellWord(row)} external_ids ${OWNER_KEYS.vmid}`,
  });
}

function foreign({ row, bridge, interface: link }: ObservedPort): Finding {
  const text = `${row} on ${bridge} (${link}) has a name of ours and was made by somebody else`;
  return warn(`port ${row}`, text, { code: 'name-taken' });
}
