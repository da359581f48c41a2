// What /etc/network/interfaces declares, as far as ports of OVS bridges are at risk in a reload.

import { splitLines } from '../../ifupdown/lines.ts';
import { optionsOf, parseStanzas } from '../../ifupdown/stanzas.ts';

export interface Stanza {
  isOvsBridge: boolean;
  /** Undefined: there is no `ovs_ports`, so a reload takes no port away. */
  ports: readonly string[] | undefined;
  /** `ovs-ports-condone-regex`: ports that a reload leaves although they are not listed. */
  exemption: string | undefined;
}

/** Proxmox's build of ifupdown2 spares these by itself (its patch 0006). */
const SPARED = /^(?:tap|veth|fwln)/;

/** Reads interfaces(5); `\` joins lines, and stanzas of one name, such as inet and inet6, are one interface. Never throws. */
export function parseInterfaces(text: string): Map<string, Stanza> {
  const interfaces = new Map<string, Map<string, string>>();
  for (const stanza of parseStanzas(splitLines(text.replace(/\\\r?\n/g, ' ')))) {
    const options = interfaces.get(stanza.name) ?? new Map<string, string>();
    for (const { key, value } of optionsOf(stanza)) options.set(key, value);
    interfaces.set(stanza.name, options);
  }
  return new Map([...interfaces].map(([name, options]) => [name, stanzaOf(options)]));
}

function stanzaOf(options: ReadonlyMap<string, string>): Stanza {
  return {
    isOvsBridge: options.get('ovs-type') === 'OVSBridge',
    ports: options.get('ovs-ports')?.split(/\s+/).filter(Boolean),
    exemption: options.get('ovs-ports-condone-regex'),
  };
}

/** Names of the given ports that `ifreload` would remove from the bridge (ifupdown2: addons/openvswitch.py). */
export function endangeredPorts(bridge: Stanza, ports: readonly string[]): string[] {
  if (!bridge.isOvsBridge || bridge.ports === undefined) return [];
  const listed = new Set(bridge.ports);
  const exempted = exemptionTest(bridge.exemption);
  return ports.filter((port) => !listed.has(port) && !exempted(port));
}

function exemptionTest(pattern: string | undefined): (port: string) => boolean {
  if (pattern === undefined) return (port) => SPARED.test(port);
  try {
    // Python's `re.match` begins at the start; its comments `(?#…)` JavaScript does not know.
    const exemption = new RegExp(`^(?:${pattern.replace(/\(\?#[^)]*\)/g, '')})`);
    return (port) => exemption.test(port);
  } catch {
    return () => false;
  }
}
