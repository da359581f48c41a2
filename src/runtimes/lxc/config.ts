// A plain LXC container's configuration file: its NICs and how its hooks are called.

import { parseIp } from '../../core/lib/cidr.ts';
import type { Vlan } from '../../core/plan/desired.ts';

export interface LxcNet {
  /** `veth`, `macvlan`, `phys`, `empty`, …; only a veth has an end on the host that can be a port. */
  readonly type?: string;
  /** `lxc.net.N.link`: a bridge that LXC itself attaches the host end to. */
  readonly link?: string;
  /** `lxc.net.N.veth.pair`: the host end's name; LXC makes one up when it is absent. */
  readonly vethPair?: string;
  readonly scriptUp?: string;
  readonly scriptDown?: string;
  readonly hwaddr?: string;
  /** `lxc.net.N.veth.vlan.id` and `.tagged.id`: what LXC sets on the port of an OVS bridge. */
  readonly vlan?: Vlan;
  /** `lxc.net.N.ipv4.address` and `.ipv6.address`, without prefix length: what LXC gives the NIC itself. */
  readonly addresses?: readonly string[];
}

export interface LxcConfig {
  readonly utsName?: string;
  readonly hookVersion: 0 | 1;
  /** N of `lxc.net.N` → its keys. */
  readonly nets: ReadonlyMap<number, LxcNet>;
  /** Files or directories that LXC reads too. Not followed here: distributions put no `lxc.net` keys there. */
  readonly includes: readonly string[];
  readonly problems: readonly string[];
}

/** LXC's own template output is about 1 kB; a file beyond this is not a container configuration. */
export const LXC_CONFIG_MAX_BYTES = 256 * 1024;
const NET_INDEX_MAX = 999;
const INCLUDES_MAX = 64;
const ADDRESSES_MAX = 64;
const PROBLEMS_MAX = 20;

type TextField = Exclude<keyof LxcNet, 'vlan' | 'addresses'>;

const NET_FIELDS: ReadonlyMap<string, TextField> = new Map<string, TextField>([
  ['type', 'type'],
  ['link', 'link'],
  ['veth.pair', 'vethPair'],
  ['script.up', 'scriptUp'],
  ['script.down', 'scriptDown'],
  ['hwaddr', 'hwaddr'],
]);

/** Follows lxc:src/lxc/confile.c:parse_line. Never throws. */
export function parseLxcConfig(text: string): LxcConfig {
  const reader = new LxcConfigReader();
  if (Buffer.byteLength(text) > LXC_CONFIG_MAX_BYTES) {
    reader.problem(`the file is larger than ${LXC_CONFIG_MAX_BYTES} bytes and was not read`);
    return reader.config();
  }
  for (const [index, line] of text.split('\n').entries()) reader.read(line.trim(), index + 1);
  return reader.config();
}

class LxcConfigReader {
  readonly #nets = new Map<number, LxcNet>();
  readonly #includes: string[] = [];
  readonly #problems: string[] = [];
  #utsName: string | undefined;
  #hookVersion: 0 | 1 = 0;

  read(line: string, number: number): void {
    // Keys that are not lxc.* are "aliens", which LXC keeps and ignores.
    if (line === '' || line.startsWith('#') || !line.startsWith('lxc.')) return;
    const equals = line.indexOf('=');
    if (equals < 0) {
      this.problem(`line ${number} is not "key = value"`);
      return;
    }
    // What is read here ends up in terminals and logs.
    if (/\p{Cc}/u.test(line.replaceAll('\t', ' '))) {
      this.problem(`line ${number} has control characters`);
      return;
    }
    const key = line.slice(0, equals).trim();
    const value = unquoted(line.slice(equals + 1).trim());
    if (key === 'lxc.net' || key.startsWith('lxc.net.')) this.#net(key, value, number);
    else if (key === 'lxc.uts.name') this.#utsName = value || undefined;
    else if (key === 'lxc.hook.version') this.#version(value, number);
    else if (key === 'lxc.include') this.#include(value);
  }

  config(): LxcConfig {
    return {
      ...(this.#utsName !== undefined && { utsName: this.#utsName }),
      hookVersion: this.#hookVersion,
      nets: this.#nets,
      includes: this.#includes,
      problems: this.#problems,
    };
  }

  problem(text: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(text);
  }

  /** An empty value clears what the key names: one field, one NIC, or with `lxc.net` all of them. */
  #net(key: string, value: string, number: number): void {
    if (key === 'lxc.net') {
      if (value === '') this.#nets.clear();
      return;
    }
    const [, indexText = '', fieldKey] = /^lxc\.net\.(\d{1,9})(?:\.(.+))?$/.exec(key) ?? [];
    const index = Number(indexText);
    if (indexText === '' || index > NET_INDEX_MAX) {
      this.problem(
        `line ${number}: ${JSON.stringify(key.slice(0, 40))} has no index from 0 to ${NET_INDEX_MAX}`,
      );
      return;
    }
    if (fieldKey === undefined) {
      if (value === '') this.#nets.delete(index);
      return;
    }
    if (fieldKey === 'veth.vlan.id' || fieldKey === 'veth.vlan.tagged.id') {
      this.#vlan(index, fieldKey === 'veth.vlan.id', value, number);
      return;
    }
    if (fieldKey === 'ipv4.address' || fieldKey === 'ipv6.address') {
      this.#address(index, fieldKey === 'ipv4.address' ? 4 : 6, value);
      return;
    }
    const field = NET_FIELDS.get(fieldKey);
    const { [field ?? 'type']: _old, ...rest } = this.#nets.get(index) ?? {};
    if (field === undefined) this.#nets.set(index, this.#nets.get(index) ?? {});
    else this.#nets.set(index, value === '' ? rest : { ...rest, [field]: value });
  }

  /** `address[/prefix] [broadcast]`, and again for each more; LXC itself refuses what is none. An empty one clears its family. */
  #address(index: number, family: 4 | 6, value: string): void {
    const { addresses = [], ...rest } = this.#nets.get(index) ?? {};
    const [address = ''] = value.split(/[\s/]/, 1);
    const isGood = parseIp(address)?.family === family && addresses.length < ADDRESSES_MAX;
    const others = value === '' ? addresses.filter((known) => parseIp(known)?.family !== family) : addresses;
    const now = isGood ? [...new Set([...others, address])] : others;
    this.#nets.set(index, { ...rest, ...(now.length > 0 && { addresses: now }) });
  }

  /** `id` is one number, or `none`; `tagged.id` may come again and again (lxc.container.conf(5)). */
  #vlan(index: number, isUntagged: boolean, value: string, number: number): void {
    const { vlan, ...rest } = this.#nets.get(index) ?? {};
    const { tag, trunks } = vlan ?? { trunks: [] };
    const id = /^\d{1,4}$/.test(value) ? Number(value) : undefined;
    if ((id === undefined || id > 4094) && value !== '' && !(isUntagged && value === 'none')) {
      this.problem(`line ${number}: a VLAN is a number from 0 to 4094`);
      return;
    }
    const tagNow = isUntagged ? id : tag;
    const trunksNow = isUntagged ? trunks : id === undefined ? [] : [...new Set([...trunks, id])];
    const mode = trunksNow.length === 0 ? 'access' : tagNow === undefined ? 'trunk' : 'native-untagged';
    const found = { trunks: trunksNow, ...(tagNow !== undefined && { tag: tagNow }), mode };
    const isEmpty = tagNow === undefined && trunksNow.length === 0;
    this.#nets.set(index, isEmpty ? rest : { ...rest, vlan: found });
  }

  #version(value: string, number: number): void {
    if (value === '' || value === '0') this.#hookVersion = 0;
    else if (value === '1') this.#hookVersion = 1;
    else this.problem(`line ${number}: lxc.hook.version must be 0 or 1`);
  }

  #include(value: string): void {
    if (value === '') this.#includes.length = 0;
    else if (this.#includes.length < INCLUDES_MAX) this.#includes.push(value);
  }
}

function unquoted(value: string): string {
  const quote = value[0];
  const quoted = value.length > 1 && (quote === '"' || quote === "'") && value.endsWith(quote);
  return quoted ? value.slice(1, -1) : value;
}
