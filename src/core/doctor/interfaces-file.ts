// What /etc/network/interfaces declares, as far as ports of OVS bridges are at risk in a reload.

export interface Stanza {
  isOvsBridge: boolean;
  /** Undefined: there is no `ovs_ports`, so a reload takes no port away. */
  ports: readonly string[] | undefined;
  /** `ovs-ports-condone-regex`: ports that a reload leaves although they are not listed. */
  condone: string | undefined;
}

/** Proxmox's build of ifupdown2 spares these by itself (its patch 0006). */
const SPARED = /^(?:tap|veth|fwln)/;

/** Reads interfaces(5): options belong to the `iface` line before them; `\` joins lines. Never throws. */
export function parseInterfaces(text: string): Map<string, Stanza> {
  const stanzas = new Map<string, Stanza>();
  let name = '';
  let options = new Map<string, string>();
  const end = () => {
    if (name !== '') {
      stanzas.set(name, {
        isOvsBridge: options.get('ovs_type') === 'OVSBridge',
        ports: options.get('ovs_ports')?.split(/\s+/).filter(Boolean),
        condone: options.get('ovs_ports_condone_regex'),
      });
    }
    name = '';
    options = new Map();
  };
  for (const raw of text.replaceAll('\\\n', ' ').split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [keyword = '', ...rest] = line.split(/\s+/);
    const value = rest.join(' ');
    if (keyword === 'iface') {
      end();
      name = rest[0] ?? '';
    } else if (
      /^(?:auto|mapping|rename|source|source-directory|no-auto-down|no-scripts|allow-\S+)$/.test(keyword)
    ) {
      end();
    } else {
      // ifupdown2 takes both spellings.
      options.set(keyword.replaceAll('-', '_'), value);
    }
  }
  end();
  return stanzas;
}

/** Names of the given ports that `ifreload` would remove from the bridge (ifupdown2: addons/openvswitch.py). */
export function endangeredPorts(bridge: Stanza, ports: readonly string[]): string[] {
  if (!bridge.isOvsBridge || bridge.ports === undefined) return [];
  const listed = new Set(bridge.ports);
  const condoned = condoneTest(bridge.condone);
  return ports.filter((port) => !listed.has(port) && !condoned(port));
}

function condoneTest(pattern: string | undefined): (port: string) => boolean {
  if (pattern === undefined) return (port) => SPARED.test(port);
  try {
    // Python's `re.match` begins at the start; its comments `(?#…)` JavaScript does not know.
    const condone = new RegExp(`^(?:${pattern.replace(/\(\?#[^)]*\)/g, '')})`);
    return (port) => condone.test(port);
  } catch {
    return () => false;
  }
}
