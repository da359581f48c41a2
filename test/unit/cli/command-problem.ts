// Says what is wrong with a command that people are told to run, by the command line's own table of verbs and by what Debian has.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { tree } from './fake.ts';

const PACKAGING = new URL('../../../packaging/deb/', import.meta.url).pathname;

/** Units of others, and the package of Debian or Proxmox that brings each. */
const UNITS: Readonly<Record<string, string>> = {
  'dbus.socket': 'dbus',
  'dbus.service': 'dbus',
  'NetworkManager.service': 'network-manager',
  'openvswitch-switch.service': 'openvswitch-switch',
  'ovs-vswitchd.service': 'openvswitch-switch',
  'ovsdb-server.service': 'openvswitch-switch',
  'docker.service': 'docker.io',
  'pve-cluster.service': 'pve-cluster',
};
const VERBS = ['start', 'stop', 'restart', 'reload', 'enable', 'disable', 'status'];
const PACKAGES = ['network-manager-ovs', 'wireguard-tools', 'nodejs'];

export function commandProblem(command: string): string | undefined {
  const words = command.replace(/^sudo /, '').match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  const [program = '', ...rest] = words;
  if (program === 'ovs-port-agent') return verbProblem(rest);
  if (program === 'systemctl') {
    const [verb = '', ...units] = rest.filter((word) => !word.startsWith('-'));
    if (!VERBS.includes(verb)) return `systemctl has no ${verb} that mends anything`;
    return units.map(unitProblem).find(Boolean);
  }
  if (program === 'journalctl') {
    const units = rest.flatMap((word, at) => (rest[at - 1] === '-u' ? [word] : []));
    return units.map((unit) => unitProblem(unit.includes('.') ? unit : `${unit}.service`)).find(Boolean);
  }
  if (program.startsWith('apt')) {
    const [what = ''] = rest.filter((word) => word !== 'install' && !word.startsWith('-'));
    const isFile = /^\.\/ovs-port-agent_\S+_all\.deb$/.test(what);
    return isFile || PACKAGES.includes(what) ? undefined : `there is no package ${what}`;
  }
  if (program === 'sysctl') {
    const keys = rest.filter((word) => word.includes('='));
    return keys.map((key) => sysctlProblem(key.split('=')[0] ?? '')).find(Boolean);
  }
  return undefined;
}

const sysctlProblem = (key: string) =>
  existsSync(join('/proc/sys', key.replaceAll('.', '/'))) ? undefined : `there is no setting ${key}`;

function unitProblem(unit: string): string | undefined {
  if (UNITS[unit] !== undefined || existsSync(join(PACKAGING, unit))) return undefined;
  return `there is no unit ${unit}`;
}

/** Words in capitals and X stand for something that the reader has to fill in. */
function verbProblem(words: readonly string[]): string | undefined {
  let at: Command = tree();
  const root = at;
  let left = [...words];
  for (;;) {
    const next = at.commands.find((command) => command.name() === left[0]);
    if (next === undefined) break;
    at = next;
    left = left.slice(1);
  }
  if (left[0] === '--help' || left[0] === '--version' || (at === root && left[0] === 'help'))
    return undefined;
  if (at.commands.length > 0) return `${at.name()} has no verb ${left[0] ?? ''}`;
  const given: string[] = [];
  for (let here = 0; here < left.length; here++) {
    const word = left[here] ?? '';
    if (!/^-./.test(word)) {
      given.push(word);
      continue;
    }
    const [name = ''] = word.split('=');
    const option = [...at.options, ...root.options].find(
      ({ long, short }) => long === name || short === name,
    );
    if (option === undefined && name !== '--help') return `${at.name()} has no option ${name}`;
    if (option?.required && !word.includes('=')) here++;
    else if (option?.optional && left[here + 1] !== undefined && !left[here + 1]?.startsWith('-')) here++;
  }
  const needed = at.registeredArguments.filter(({ required }) => required).length;
  const most = at.registeredArguments.some(({ variadic }) => variadic)
    ? Infinity
    : at.registeredArguments.length;
  if (given.length < needed) return `${at.name()} needs ${needed} arguments`;
  return given.length > most ? `${at.name()} takes ${most} arguments: ${given.join(' ')}` : undefined;
}
