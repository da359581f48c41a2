// Promises about the configuration: defaults, and an answer for every mistake.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/core/config/load.ts';
import { defaultConfig, parseConfig } from '../../../../src/core/config/parse-config.ts';
import { AgentError } from '../../../../src/core/lib/errors.ts';

const bridge = { create: true, addresses: [], datapath_type: 'auto' };

function config(text: string) {
  return parseConfig(text, 'config.toml').config;
}

function problem(text: string): string {
  try {
    parseConfig(text, 'config.toml');
  } catch (error) {
    if (error instanceof AgentError && error.code === 'bad-config') return error.message;
    throw error;
  }
  return 'no problem';
}

describe('an empty configuration', () => {
  it('means the defaults', () => {
    expect(defaultConfig()).toEqual({
      driver: 'auto',
      strict: false,
      reconcile_interval: 30,
      hook_deadline: 10,
      debounce_ms: 500,
      vmid_range: [1_000_000, 1_999_999],
      vmid_cooldown: 3600,
      default_bridge: 'ovsbr0',
      bridges: { ovsbr0: bridge, ovsbr1: bridge },
      proxmox: { enabled: 'auto', root: '/etc/pve', port: 'vi', auto_enroll: false, interfaces: false },
      lxc: { enabled: true, bridge: 'ovsbr0', root: '/var/lib/lxc' },
      docker: {
        enabled: true,
        attach: 'netmaker',
        bridge: 'ovsbr1',
        interface: 'ovs0',
        socket: '/var/run/docker.sock',
        names: ['netmaker-*'],
        image_labels: [],
        record: 'attached',
      },
      netmaker: {
        enabled: true,
        mode: 'routed',
        bridge: 'ovsbr1',
        pools: ['203.0.113.0/24'],
        gateways: [],
        reserved: [],
        cooldown: 300,
        misses: 3,
        uplink: 'auto',
        on_link: 'auto',
        inside: '10.218.0.0/16',
        isolate: false,
        allow_in: ['icmp', '51821-51830/udp', '51821-51830/tcp', '443/udp'],
        host_services: ['all'],
        rate_in: 0,
        rate_out: 0,
        images: [],
        names: [],
        deny: [],
        watch_interval: 10,
        responder: false,
        responder_stun_port: 3478,
        responder_http_port: 8090,
        stun_server: '',
      },
      ledger: {
        path: '/var/lib/ovs-port-agent/ledger.jsonl',
        origin: '',
        checkpoint_interval: 60,
        heartbeat: 3600,
        segment_mib: 64,
        segment_days: 31,
        compress: true,
        keep_days: 0,
        keep_mib: 0,
        witnesses: [],
      },
      witness: { listen: '', https: false, name: '', logs: [], cluster: false },
      producers: {
        settings: true,
        users: 'changes',
        storage: true,
        external: true,
        external_rate: 60,
        redact: [],
      },
    });
  });

  it('cannot be changed by anyone who holds it', () => {
    const { bridges, docker } = defaultConfig();
    expect(Object.isFrozen(bridges.ovsbr0?.addresses)).toBe(true);
    expect(Object.isFrozen(docker.names)).toBe(true);
  });
});

describe('bridges', () => {
  it('are those that a key names and those with a table', () => {
    const { bridges, lxc } = config(
      'default_bridge = "br9"\n[bridges.extra]\ndatapath_type = "netdev"\n[docker]\nbridge = "br8"',
    );
    expect(bridges).toEqual({ br9: bridge, br8: bridge, extra: { ...bridge, datapath_type: 'netdev' } });
    expect(lxc.bridge).toBe('br9');
  });

  it('have a table changed, the other keys keep their defaults', () => {
    const { bridges } = config('[bridges.ovsbr1]\naddresses = ["203.0.113.1/24", "2001:DB8::1/64"]');
    expect(bridges.ovsbr1).toEqual({ ...bridge, addresses: ['203.0.113.1/24', '2001:db8::1/64'] });
  });
});

describe('the section [netmaker]', () => {
  it('takes the bridge of Docker containers, or one of its own that is made then', () => {
    expect(config('[docker]\nbridge = "br8"').netmaker.bridge).toBe('br8');
    const { netmaker, bridges } = config('[netmaker]\nbridge = "br7"');
    expect(netmaker.bridge).toBe('br7');
    expect(Object.keys(bridges)).toEqual(['ovsbr0', 'ovsbr1', 'br7']);
  });

  it('holds addresses in their canonical form', () => {
    const { netmaker } = config(`[netmaker]
pools = ["198.51.100.0/29", "2001:DB8:0::/64"]
gateways = ["2001:db8::0:1"]
reserved = ["198.51.100.4-198.51.100.5", "2001:db8::/112", "198.51.100.2"]`);
    expect(netmaker.pools).toEqual(['198.51.100.0/29', '2001:db8::/64']);
    expect(netmaker.gateways).toEqual(['2001:db8::1']);
  });

  it.each([
    'stun_server = "stun.example:3478"',
    'stun_server = "[2001:db8::1]:3478"',
    'stun_server = "192.0.2.1:19302"',
    'uplink = "enp1s0"',
    'on_link = false',
    'allow_in = []',
    'allow_in = ["all"]',
    'host_services = ["icmp", "53/udp"]',
    'names = ["mesh-*", "!netclient*"]',
    'images = ["!docker.io/gravitl/netmaker", "registry.example:5000/netclient"]',
    'pools = []',
    'pools = ["203.0.113.8/32"]\ngateways = ["203.0.113.1"]',
    'mode = "nat1to1"\ninside = "10.9.0.0/23"',
  ])('accepts %j', (text) => {
    expect(problem(`[netmaker]\n${text}`)).toBe('no problem');
  });

  it.each([
    ['mode = "bridge"', 'mode: must be one of "routed", "l2", "nat1to1"'],
    ['pool = []', 'pool: unknown key; did you mean "pools"?'],
    ['pools = "203.0.113.0/24"', 'pools: must be a list of networks'],
    ['pools = [3]', 'pools[0]: must be a network'],
    ['pools = ["203.0.113.1"]', 'pools[0]: must be NETWORK/PREFIX such as 203.0.113.0/24'],
    [
      'pools = ["203.0.113.1/24"]',
      'pools[0]: must be a network: "203.0.113.1/24" is an address in 203.0.113.0/24',
    ],
    ['pools = ["224.0.0.0/24"]', 'pools[0]: must have unicast addresses only'],
    ['pools = ["0.0.0.0/0"]', 'pools[0]: must have unicast addresses only'],
    ['pools = ["64.0.0.0/2"]', 'pools[0]: must have unicast addresses only'],
    ['pools = ["fe80::/64"]', 'pools[0]: must not be link-local'],
    ['pools = ["198.51.100.0/24", "198.51.100.64/26"]', 'pools[1]: overlaps with 198.51.100.0/24'],
    ['pools = ["10.218.3.0/24"]\nmode = "nat1to1"', 'inside: overlaps with the pool 10.218.3.0/24'],
    [
      'inside = "10.9.0.0/24"\nmode = "nat1to1"',
      'inside: 10.9.0.0/24 has room for 253 addresses, the IPv4 pools have 256',
    ],
    ['inside = "2001:db8::/64"', 'inside: must be an IPv4 network'],
    ['inside = "10.0.0.0/31"', 'inside: must have room for containers'],
    ['gateways = ["203.0.113.1/24"]', 'gateways[0]: must be a unicast address without prefix length'],
    ['gateways = ["203.0.113.0"]', 'gateways[0]: must be a host address, not that of the network'],
    ['gateways = ["203.0.113.255"]', 'gateways[0]: must be a host address, not the broadcast address'],
    [
      'gateways = ["203.0.113.1", "203.0.113.2"]',
      'gateways[1]: 203.0.113.0/24 has the gateway 203.0.113.1 already',
    ],
    ['gateways = ["2001:db8::1"]', 'gateways[0]: 2001:db8::1 is the gateway of no pool'],
    ['gateways = ["203.0.113.1", "169.254.51.1"]', 'gateways[1]: 169.254.51.1 is the gateway of no pool'],
    [
      'gateways = ["198.51.100.1", "198.51.100.2"]',
      'gateways[1]: every IPv4 pool without one has the gateway 198.51.100.1 already',
    ],
    ['pools = ["192.0.2.1/32"]\ngateways = ["192.0.2.1"]', 'gateways[0]: must not be the only address'],
    ['reserved = ["203.0.113"]', 'reserved[0]: must be ADDRESS, FIRST-LAST or NETWORK/PREFIX'],
    ['reserved = ["203.0.113.9-203.0.113.4"]', 'reserved[0]: must be ADDRESS, FIRST-LAST'],
    ['reserved = ["203.0.113.1/28"]', 'reserved[0]: must be ADDRESS, FIRST-LAST'],
    ['reserved = ["203.0.113.9-2001:db8::1"]', 'reserved[0]: must be ADDRESS, FIRST-LAST'],
    ['reserved = ["203.0.114.9"]', 'reserved[0]: 203.0.114.9 is in none of the pools'],
    ['cooldown = -1', 'cooldown: must be a whole number of seconds from 0'],
    ['misses = 0', 'misses: must be a whole number of looks from 1'],
    ['uplink = "eth 0"', 'uplink: an interface name must not contain spaces'],
    ['on_link = "yes"', 'on_link: must be true, false or "auto"'],
    ['allow_in = ["443"]', 'allow_in[0]: must be "all", "icmp", PORT/udp or FIRST-LAST/tcp'],
    ['allow_in = "all"', 'allow_in: must be a list such as'],
    ['host_services = ["9-8/tcp"]', 'host_services[0]: must be "all", "icmp"'],
    ['rate_in = 1.5', 'rate_in: must be a whole number of kbit/s'],
    ['names = ["!mesh-*"]', 'names[0]: "!mesh-*" takes out nothing: built in are netmaker,'],
    ['names = [""]', 'names[0]: must not be empty'],
    ['deny = ["a b"]', 'deny[0]: must be printable ASCII'],
    ['images = ["gravitl/netclient:v1"]', 'images[0]: must be a repository without tag'],
    ['responder_stun_port = 0', 'responder_stun_port: must be a port number'],
    ['stun_server = "stun:stun.example"', 'stun_server: must be HOST:PORT'],
    ['stun_server = "[stun.example]:1"', 'stun_server: must be HOST:PORT'],
    ['stun_server = "a:99999"', 'stun_server: must be HOST:PORT'],
  ])('refuses %j with its key and what is accepted', (text, message) => {
    expect(problem(`[netmaker]\n${text}`)).toContain(`config.toml: netmaker.${message}`);
  });
});

describe('a mistake', () => {
  it.each([
    ['reconcile_intervall = 3', 'reconcile_intervall: unknown key; did you mean "reconcile_interval"?'],
    ['bridgename = "x"', 'bridgename: unknown key; did you mean "bridge_name"?'],
    ['[docker]\natach = "all"', 'docker.atach: unknown key; did you mean "attach"?'],
    ['[bridges.x]\nadresses = []', 'bridges.x.adresses: unknown key; did you mean "addresses"?'],
    ['colour = "blue"', 'colour: unknown key; accepted are driver, strict,'],
    ['[ledger]\nx = 1', 'ledger.x: unknown key; accepted are path'],
    ['constructor = 1', 'constructor: unknown key'],
    ['[__proto__]\nx = 1', '"__proto__" cannot be a key'],
    ['driver = "nm"', 'driver: must be one of "auto", "networkmanager", "ovsdb"'],
    ['strict = "yes"', 'strict: must be true or false'],
    ['reconcile_interval = 0', 'reconcile_interval: must be a whole number of seconds from 1 to 86400'],
    ['hook_deadline = 1.5', 'hook_deadline: must be a whole number of seconds from 1 to 300'],
    ['hook_deadline = 99999999999999999999', 'hook_deadline: must be a whole number of seconds'],
    ['vmid_range = [5, 200]', 'vmid_range: must be [FIRST, LAST]'],
    ['vmid_range = [200, 100]', 'vmid_range: must be [FIRST, LAST]'],
    ['vmid_range = 5', 'vmid_range: must be [FIRST, LAST]'],
    ['default_bridge = "../x"', 'default_bridge: a bridge name must not contain "/"'],
    ['default_bridge = "vi100"', 'default_bridge: a bridge name must not look like a port'],
    ['[bridges."a b"]', 'bridges."a b": a bridge name must not contain spaces'],
    ['bridges = 3', 'bridges: must be tables [bridges.NAME]'],
    ['bridges.x = 3', 'bridges.x: must be a table'],
    ['[bridges.x]\naddresses = ["203.0.113.1"]', 'bridges.x.addresses[0]: must be ADDRESS/PREFIX'],
    ['[bridges.x]\naddresses = "203.0.113.1/24"', 'bridges.x.addresses: must be a list of addresses'],
    ['proxmox.enabled = "yes"', 'proxmox.enabled: must be true, false or "auto"'],
    ['proxmox.root = "etc/pve"', 'proxmox.root: must be an absolute path'],
    ['docker = 1', 'docker: must be a table'],
    ['docker.names = ["a", 3]', 'docker.names[1]: must be a text'],
    ['docker.interface = "eth 1"', 'docker.interface: an interface name must not contain spaces'],
    ['a = = 1', 'line 1, column 6: '],
    ['x = 1\nx = 2', 'line 2, column '],
  ])('%j gives its key and what is accepted', (text, message) => {
    expect(problem(text)).toContain(`config.toml: ${message}`);
    expect(problem(text)).not.toMatch(/\p{Cc}/u);
  });

  it('comes with the others, and never with all of a thousand', () => {
    expect(problem('driver = 1\nstrict = 1')).toMatch(/driver: .*; strict: /);
    const many = problem(Array.from({ length: 1000 }, (_, i) => `zzzzzzzzzz${i} = 1`).join('\n'));
    expect(many).toContain('and 995 more');
  });

  it('is always bad-config, whatever the text', () => {
    const word = fc.constantFrom(
      'driver',
      '=',
      '"auto"',
      '\n',
      '[',
      ']',
      'bridges',
      '.',
      'x',
      '1',
      '{',
      '}',
      '__proto__',
      '\0',
      "'''",
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: word }), fc.string({ unit: 'binary' })), (text) => {
        expect(problem(text)).toBeTypeOf('string');
      }),
    );
  });
});

describe('the first version’s configuration', () => {
  const SEED = `
bridge_name = "vmbr9"
interfaces_path = "/etc/network/interfaces"
include_prefixes = ["veth-", "tap", "veth"]
debounce_ms = 250
managed_block_tag = "ovs-port-agent"
naming_template = "veth-{container}-eth{index}"
enable_rename = false
container_name_cmd = "/usr/local/bin/container-name-from-netns {ifname}"
ledger_path = "/srv/ledger.jsonl"
`;

  it('is accepted as written', () => {
    const parsed = parseConfig(SEED, 'config.toml');
    expect(parsed.config).toMatchObject({
      default_bridge: 'vmbr9',
      debounce_ms: 250,
      ledger: { path: '/srv/ledger.jsonl' },
      bridges: { vmbr9: bridge },
    });
  });

  it('has a warning for each key without effect, with the reason', () => {
    const { warnings } = parseConfig(SEED, 'config.toml');
    expect(warnings.map((warning) => warning.split(' ')[0])).toEqual([
      'interfaces_path',
      'include_prefixes',
      'managed_block_tag',
      'naming_template',
      'enable_rename',
      'container_name_cmd',
    ]);
    for (const warning of warnings) expect(warning).toMatch(/ has no effect: .{20}/);
  });

  it.each([
    ['bridge_name = "a"\ndefault_bridge = "b"', 'bridge_name: contradicts default_bridge'],
    ['ledger_path = "/a"\nledger.path = "/b"', 'ledger_path: contradicts path in [ledger]'],
    ['bridge_name = 3', 'bridge_name: must be a bridge name'],
    ['bridge_name = "a/b"', 'default_bridge: a bridge name must not contain "/"'],
    ['ledger_path = 3', 'ledger_path: must be an absolute path'],
    ['ledger_path = "/a"\nledger = 3', 'ledger: must be a table'],
    ['enable_rename = "no"', 'enable_rename: must be true or false'],
    ['include_prefixes = "veth"', 'include_prefixes: must be a list of texts'],
  ])('is refused when it is wrong or contradicts: %j', (text, message) => {
    expect(problem(text)).toContain(message);
  });

  it('may say the same as the new keys', () => {
    expect(problem('bridge_name = "a"\ndefault_bridge = "a"\nledger_path = "/a"\nledger.path = "/a"')).toBe(
      'no problem',
    );
  });
});

describe('the file', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'config-'));
  });

  afterEach(() => rm(directory, { recursive: true }));

  it('may be absent', async () => {
    const path = join(directory, 'config.toml');
    expect(await loadConfig(path)).toMatchObject({
      found: false,
      path,
      warnings: [],
      config: defaultConfig(),
    });
  });

  it('may be a link', async () => {
    await writeFile(join(directory, 'real.toml'), 'strict = true');
    await symlink('real.toml', join(directory, 'config.toml'));
    expect(await loadConfig(join(directory, 'config.toml'))).toMatchObject({
      found: true,
      config: { strict: true },
    });
  });

  it.each([
    ['a directory', (path: string) => mkdir(path)],
    ['too large', (path: string) => writeFile(path, '#'.repeat(300_000))],
    ['no TOML', (path: string) => writeFile(path, '<xml>')],
  ])('that is %s is bad-config in one line that says what to do', async (_, make) => {
    const path = join(directory, 'config.toml');
    await make(path);
    const error = await loadConfig(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'bad-config' });
    expect((error as AgentError).toLine()).toContain(path);
    expect((error as AgentError).toLine()).toContain('ovs-port-agent config check');
    expect((error as AgentError).toLine()).not.toContain('\n');
  });
});
