// The value of a netX line: accepted and refused as Proxmox does it, for virtual machines and for containers.
import { isIPv4, isIPv6 } from 'node:net';
import type { Nic, NicProblem } from '../../../core/guest/nic.ts';
import {
  type PropertyFormat,
  type PropertyRule,
  type PropertyValue,
  parsePropertyString,
} from './property-string.ts';

/** The value after `netX: ` of a VM (qemu-server:src/PVE/QemuServer/Network.pm:$net_fmt). */
export function parseQemuNetline(value: string): Nic | NicProblem {
  return parse(QEMU, value);
}

/** The value after `netX: ` of a container (pve-container:src/PVE/LXC/Config.pm:$netconf_desc). */
export function parseLxcNetline(value: string): Nic | NicProblem {
  return parse(LXC, value);
}

const MODELS = [
  'e1000',
  'e1000-82540em',
  'e1000-82544gc',
  'e1000-82545em',
  'e1000e',
  'i82551',
  'i82557b',
  'i82559er',
  'ne2k_isa',
  'ne2k_pci',
  'pcnet',
  'rtl8139',
  'virtio',
  'vmxnet3',
];

const flag: PropertyRule = { type: 'boolean' };
const bridge = matching(/^[-_.\w]+$/, 'must be made of letters, digits, "-", "_" and "."');
// pve-common JSONSchema.pm:pve_verify_mac_addr: the group bit must be 0.
const mac = matching(/^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i, 'must be a unicast MAC address');
const tag: PropertyRule = { type: 'integer', min: 1, max: 4094 };

const QEMU: PropertyFormat = {
  rules: new Map<string, PropertyRule>([
    ['model', { ...oneOf(MODELS), required: true }],
    ['macaddr', mac],
    ['bridge', bridge],
    ['queues', { type: 'integer', min: 0, max: 64 }],
    ['rate', { type: 'number', min: 0 }],
    ['tag', tag],
    ['trunks', matching(/^\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*$/, 'must be VLAN ids or ranges separated by ";"')],
    ['firewall', flag],
    ['link_down', flag],
    ['mtu', { type: 'integer', min: 1, max: 65520 }],
    ['host-tunnel', flag],
  ]),
  defaultKey: 'model',
  alias: { names: new Set(MODELS), nameIs: 'model', valueIs: 'macaddr' },
};

const LXC: PropertyFormat = {
  rules: new Map<string, PropertyRule>([
    ['name', { ...matching(/^[-_.\w]+$/, 'must be an interface name'), required: true }],
    ['type', oneOf(['veth'])],
    ['bridge', bridge],
    ['hwaddr', mac],
    ['mtu', { type: 'integer', min: 64, max: 65535 }],
    ['ip', addressOr(['dhcp', 'manual'], isIPv4, 32)],
    ['gw', { type: 'string', problem: (v) => (isIPv4(v) ? undefined : 'must be an IPv4 address') }],
    ['ip6', addressOr(['auto', 'dhcp', 'manual'], isPlainIPv6, 128)],
    ['gw6', { type: 'string', problem: (v) => (isPlainIPv6(v) ? undefined : 'must be an IPv6 address') }],
    ['firewall', flag],
    ['tag', tag],
    ['trunks', matching(/^\d+(?:;\d+)*$/, 'must be VLAN ids separated by ";"')],
    ['rate', { type: 'number' }],
    ['link_down', flag],
    ['host-managed', flag],
  ]),
};

/** Proxmox's key → ours. */
const FIELDS: ReadonlyMap<string, keyof Nic> = new Map<string, keyof Nic>([
  ['macaddr', 'mac'],
  ['hwaddr', 'mac'],
  ['link_down', 'linkDown'],
  ['host-tunnel', 'hostTunnel'],
  ['host-managed', 'hostManaged'],
]);

function parse(format: PropertyFormat, value: string): Nic | NicProblem {
  const parsed = parsePropertyString(format, value);
  if (!parsed.ok) return { problem: parsed.problem };
  const fields: Record<string, PropertyValue> = { firewall: false, linkDown: false };
  for (const [key, checked] of parsed.values) fields[FIELDS.get(key) ?? key] = checked;
  // The rules above are what makes each field have the type that Nic gives it.
  return fields as unknown as Nic;
}

function matching(pattern: RegExp, problem: string): PropertyRule {
  return { type: 'string', problem: (value) => (pattern.test(value) ? undefined : problem) };
}

function oneOf(values: readonly string[]): PropertyRule {
  return {
    type: 'string',
    problem: (value) => (values.includes(value) ? undefined : `must be one of ${values.join(', ')}`),
  };
}

/** JSONSchema.pm:pve_verify_cidrv4 and _cidrv6: prefix lengths below 8 are refused. */
function addressOr(
  words: readonly string[],
  isAddress: (text: string) => boolean,
  maxPrefix: number,
): PropertyRule {
  const problem = `must be ${words.join(', ')} or an address with a prefix length from 8 to ${maxPrefix}`;
  return {
    type: 'string',
    problem: (value) => {
      if (words.includes(value)) return undefined;
      const [, address = '', prefix = ''] = /^([^/]+)\/(\d+)$/.exec(value) ?? [];
      return isAddress(address) && Number(prefix) > 7 && Number(prefix) <= maxPrefix ? undefined : problem;
    },
  };
}

/** Node accepts a zone (`fe80::1%eth0`), Proxmox does not. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}
