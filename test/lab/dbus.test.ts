// The D-Bus service: what it offers, to whom, and that hostile input changes nothing and is told what was wrong.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, BUS_NAME, BUS_PATH, type Traces, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('dbus');
  // A guest whose port must stay as it is through all of this, a VM that is off, and a device nobody uses.
  await host.sh(`
    lxc-guest create web; lxc-guest start web
    qm create 101 --name shop --net0 virtio,bridge=ovsbr0
    ip link add spare0 type veth peer name spare1 && ip link set spare0 up && ip link set spare1 up`);
  await eventually(host.traces, ({ ports }) => expect(ports).toHaveLength(1));
});

afterAll(() => host?.down());

const METHODS = [
  ['Ping', 'ping', ''],
  ['ListPorts', 'list_ports', ''],
  ['AddPort', 'add_port', 's'],
  ['DelPort', 'del_port', 's'],
  ['CreateContainerInterface', 'create_container_interface', 'ssu'],
  ['RemoveContainerInterface', 'remove_container_interface', 's'],
  ['GetBlockchainStats', 'get_blockchain_stats', ''],
  ['GetBlocksByHeight', 'get_blocks_by_height', 'tt'],
  ['VerifyBlockchainIntegrity', 'verify_blockchain_integrity', ''],
  ['LifecycleEvent', 'lifecycle_event', 's'],
  ['ListNetmakerContainers', 'list_netmaker_containers', ''],
  ['GetNetmakerStatus', 'get_netmaker_status', ''],
  ['ListNetmakerLeases', 'list_netmaker_leases', ''],
  ['AttestNetmaker', 'attest_netmaker', 's'],
  ['WithdrawNetmaker', 'withdraw_netmaker', ''],
] as const;

interface State extends Traces {
  height: number;
}

async function stateNow(): Promise<State> {
  return { ...(await host.traces()), height: (await host.ledger()).length };
}

const refusal = (member: string, signature: string, ...args: string[]) =>
  host.call(member, signature, '--', ...args).then(
    () => 'it was not refused',
    (error: Error) => error.message,
  );

/** The call fails with a text that matches, and the host is as it was, down to the ledger. */
async function expectRefused(message: RegExp, ...call: [string, string, ...string[]]): Promise<void> {
  const before = await stateNow();
  expect(await refusal(...call)).toMatch(message);
  expect(await stateNow()).toEqual(before);
}

describe('the service', () => {
  it('lists every method under both spellings, and its signals, in XML that others can read', async () => {
    const introspected = JSON.parse(
      await host.sh(`busctl --json=short introspect ${BUS_NAME} ${BUS_PATH} ${BUS_NAME} --xml-interface >/tmp/xml
        python3 -c '
import json, xml.etree.ElementTree as tree
face = next(f for f in tree.parse("/tmp/xml").getroot().iter("interface") if f.get("name") == "${BUS_NAME}")
methods = {m.get("name"): "".join(a.get("type") for a in m.iter("arg") if a.get("direction") == "in") for m in face.iter("method")}
print(json.dumps({"methods": methods, "signals": [s.get("name") for s in face.iter("signal")]}))'`),
    ) as { methods: Record<string, string>; signals: string[] };
    for (const [pascal, snake, signature] of METHODS) {
      expect([pascal, introspected.methods[pascal]]).toEqual([pascal, signature]);
      expect([snake, introspected.methods[snake]]).toEqual([snake, signature]);
    }
    expect(introspected.signals.sort()).toEqual([
      'BlockAppended',
      'NetmakerChanged',
      'PortAdded',
      'PortRemoved',
    ]);
  });

  it.each(['ping', 'Ping'])('answers %s', async (name) => {
    expect(await host.call(name)).toBe('pong');
  });

  it.each([0, 1])('answers every question under both spellings (%#)', async (spelling) => {
    const [listPorts, stats, blocks, verify] = [1, 6, 7, 8].map((at) => METHODS[at]?.[spelling] ?? '');
    expect(await host.call(String(listPorts))).toEqual(['vi1000000']);
    expect(JSON.parse(String(await host.call(String(stats))))).toBeTypeOf('object');
    const found = JSON.parse(String(await host.call(String(blocks), 'tt', '1', '2')));
    expect(found).toMatchObject([{ height: 1, action: 'agent_started' }, { height: 2 }]);
    expect(await host.call(String(verify))).toBe('Blockchain integrity: VALID');
  });

  it.each([0, 1])('answers about Netmaker on a host that has none of it (%#)', async (spelling) => {
    const [list, status, leases, attest] = [10, 11, 12, 13].map((at) => METHODS[at]?.[spelling] ?? '');
    const read = async (...call: [string, ...string[]]) => JSON.parse(String(await host.call(...call)));
    expect(await read(String(list))).toEqual([]);
    expect(await read(String(leases))).toEqual([]);
    expect(await read(String(attest), 's', '')).toEqual([]);
    expect(await read(String(status))).toMatchObject({
      enabled: true,
      mode: 'routed',
      leases: 0,
      gateway: { published: [], problem: null, refused: null },
    });
    expect(await refusal(String(attest), 's', 'nobody')).toMatch(/No Netmaker container of that name/);
  });

  it('has the bus refuse every method to those who are not root', async () => {
    const script = METHODS.flatMap(([pascal, snake, signature]) =>
      [pascal, snake].map((name) => {
        const args = signature.replace(/./g, (type) => (type === 's' ? ' x' : ' 100'));
        const call = `busctl call ${BUS_NAME} ${BUS_PATH} ${BUS_NAME} ${name} ${signature} ${args}`;
        return `setpriv --reuid=65534 --regid=65534 --clear-groups ${call} 2>&1 || true`;
      }),
    );
    const as = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
    script.push(`${as} busctl introspect ${BUS_NAME} ${BUS_PATH} 2>&1 || true`);
    script.push(`${as} busctl call ${BUS_NAME} / org.freedesktop.DBus.Peer Ping 2>&1 || true`);
    const answers = (await host.sh(script.join('\n'))).split('\n');
    expect(answers).toHaveLength(2 * METHODS.length + 2);
    expect(answers.filter((answer) => !/access denied|rejected|not permitted/i.test(answer))).toEqual([]);
  });
});

describe('a device that is asked to be a port', () => {
  /** Signals of the agent while `work` runs. */
  async function signalsDuring(
    work: () => Promise<unknown>,
  ): Promise<{ member: string; payload: unknown[] }[]> {
    const monitor = `busctl --json=short monitor --match="type='signal',sender='${BUS_NAME}'"`;
    await host.sh(
      `systemd-run --quiet --collect --unit=monitor -p StandardOutput=truncate:/tmp/signals sh -c ${JSON.stringify(monitor)}`,
    );
    await eventually(
      () => host.sh('busctl list --unique --no-legend | grep -c " busctl " || true'),
      (count) => expect(Number(count)).toBeGreaterThan(0),
    );
    await work();
    await host.sh('sleep 0.3; systemctl stop monitor');
    const lines = (await host.sh('cat /tmp/signals')).split('\n').filter(Boolean);
    return lines
      .map((line) => JSON.parse(line) as { member: string; interface: string; payload: { data: unknown[] } })
      .filter((signal) => signal.interface === BUS_NAME)
      .map(({ member, payload }) => ({ member, payload: payload.data }));
  }

  it('becomes one, is told of by signals, and is let go again: create and remove', async () => {
    const signals = await signalsDuring(async () => {
      await host.call('create_container_interface', 'ssu', 'spare0', 'lab-box', '300');
      const { ports } = await host.traces();
      expect(ports.find(({ port }) => port === 'vi300')).toMatchObject({
        interface: 'spare0',
        bridge: 'ovsbr0',
        usable: true,
        owner: { vmid: '300', guest: 'lab-box', runtime: 'manual' },
      });
      await host.call('remove_container_interface', 's', 'vi300');
    });
    expect((await host.traces()).ports.map(({ port }) => port)).toEqual(['vi1000000']);
    const members = signals.map(({ member }) => member);
    expect(members.filter((member) => member.startsWith('Port'))).toEqual(['PortAdded', 'PortRemoved']);
    expect(signals.find(({ member }) => member === 'PortAdded')?.payload[0]).toBe('vi300');
    const blocks = signals
      .filter(({ member }) => member === 'BlockAppended')
      .map(({ payload }) => payload[3]);
    expect(blocks).toEqual([
      'guest_attach',
      'port_attach',
      'port_attached',
      'guest_detach',
      'port_detach',
      'port_detached',
    ]);
  });

  it('gets a number when its name tells none: add and del', async () => {
    await host.call('add_port', 's', 'spare0');
    const ports = (await host.call('list_ports')) as string[];
    const port = ports.find((name) => name !== 'vi1000000') ?? '';
    expect(port).toMatch(/^vi1000\d{3}$/);
    expect((await host.traces()).ports).toHaveLength(2);
    await host.call('del_port', 's', port);
    expect((await host.traces()).ports).toHaveLength(1);
    await host.sh('ip link show spare0');
  });

  it('is one port when the same event comes twice', async () => {
    const before = (await host.ledger()).length;
    const event = {
      id: 'the-same-event',
      at: '2026-11-23T08:30:32Z',
      source: 'lxc',
      phase: 'net-up',
      name: '301',
      interface: 'spare0',
    };
    const first = JSON.parse(String(await host.call('lifecycle_event', 's', JSON.stringify(event))));
    const second = JSON.parse(String(await host.call('LifecycleEvent', 's', JSON.stringify(event))));
    expect(first).toMatchObject({ ok: true, ports: [{ port: 'vi301', state: 'attached' }] });
    expect(second).toMatchObject({ ok: true, height: null, ports: [] });
    expect((await host.traces()).ports.map(({ port }) => port)).toEqual(['vi1000000', 'vi301']);
    const actions = (await host.ledger()).slice(before).map(({ action }) => action);
    expect(actions).toEqual(['guest_net_up', 'port_attach', 'port_attached']);
    await host.call('del_port', 's', 'vi301');
  });
});

const LONG = 'x'.repeat(300);
/** What no network device may be called, with a word of the answer. */
const BAD_NAMES: [string, RegExp][] = [
  ['', /must not be empty/],
  ['a/b', /must not contain "\/"/],
  ['../../etc', /must not contain "\/"/],
  ['..', /must not be "\.\."/],
  ['two words', /must not contain spaces/],
  ['two\nlines', /must not contain spaces or line breaks/],
  [LONG, /at most 15 characters, .* has 300/],
  ['sixteen-letters-', /at most 15 characters/],
  ['näme', /printable ASCII/],
  ['bell\u0007', /printable ASCII/],
  ['-rf', /must not start with "-"/],
  ['a:b', /must not contain ":"/],
  ['all', /the kernel reserves it/],
];

describe('hostile input', () => {
  let before: State;
  beforeAll(async () => {
    before = await stateNow();
  });

  const expectRefused = async (message: RegExp, ...call: [string, string, ...string[]]) =>
    expect(await refusal(...call)).toMatch(message);

  it.each(BAD_NAMES)('as a device name is refused, and it is said why: %j', async (name, message) => {
    await expectRefused(message, 'add_port', 's', name);
    await expectRefused(message, 'create_container_interface', 'ssu', name, 'box', '300');
    await expectRefused(message, 'DelPort', 's', name);
  });

  it.each([
    ['', /must not be empty/],
    ['a/b', /must not contain "\/"/],
    ['..', /must not be "\.\."/],
    ['two words', /spaces or control characters/],
    ['two\nlines', /spaces or control characters/],
    ['esc\u001b[2J', /spaces or control characters/],
    ['right\u202eleft', /spaces or control characters/],
    [LONG, /at most 255 characters, this one has 300/],
  ])('as a guest name is refused, and it is said why: %j', async (name, message) => {
    await expectRefused(message, 'create_container_interface', 'ssu', 'spare0', name, '300');
  });

  it.each(['0', '1', '99', '1000000000', '4294967295'])('as a VMID is refused: %s', async (vmid) => {
    await expectRefused(
      /a VMID is a whole number from 100 to 999999999/,
      'CreateContainerInterface',
      'ssu',
      'spare0',
      'box',
      vmid,
    );
  });

  it.each([
    ['create_container_interface', 'sst', ['spare0', 'box', '4294967296']],
    ['create_container_interface', 'ss', ['spare0', 'box']],
    ['create_container_interface', 'ssi', ['spare0', 'box', '-1']],
    ['add_port', 'as', ['1', 'spare0']],
    ['get_blocks_by_height', 'xx', ['-1', '-1']],
    ['ping', 's', ['x']],
  ])('of another type is refused: %s %s', async (member, signature, args) => {
    await expectRefused(/takes .*; it was called with signature/, member, signature, ...args);
  });

  it('as a range of blocks is refused', async () => {
    await expectRefused(/start must not be after end/, 'get_blocks_by_height', 'tt', '5', '1');
    await expectRefused(/at most 10000 blocks/, 'get_blocks_by_height', 'tt', '1', '18446744073709551615');
  });

  it('as a method that is not there is refused', async () => {
    await expectRefused(/There is no method constructor/, 'constructor', '');
    await expectRefused(/There is no method __proto__/, '__proto__', '');
  });

  const event = {
    id: 'hostile-event',
    at: '2026-11-23T08:30:32Z',
    source: 'lxc',
    phase: 'net-up',
    name: 'box',
    interface: 'spare0',
  };
  it.each([
    ['no JSON', 'guest started'],
    ['an empty text', ''],
    ['a list', '[]'],
    ['a number', '7'],
    ['a source that is not there', { ...event, source: 'vmware' }],
    ["a source that is the agent's own", { ...event, source: 'manual', phase: 'attach', vmid: 1_000_000 }],
    [
      "Docker's, which the agent asks itself",
      { ...event, source: 'docker', phase: 'start', containerId: 'a'.repeat(64) },
    ],
    ['a phase that is not there', { ...event, phase: 'explode' }],
    ['a key too many', { ...event, command: 'rm -rf /' }],
    ['an id with a newline', { ...event, id: 'line-one\nline-two' }],
    ['a time that is none', { ...event, at: 'yesterday' }],
    ['a name that leaves its folder', { ...event, name: '../../root' }],
    ['a device that leaves its folder', { ...event, interface: '../lo' }],
    ['a process number that is none', { ...event, phase: 'start-host', pid: -1 }],
    ['a configuration file beside any root', { ...event, configFile: 'etc/passwd' }],
    ['a VMID as text', { id: event.id, at: event.at, source: 'proxmox', phase: 'pre-start', vmid: '101' }],
    ['a prototype', '{"__proto__":{"source":"lxc"},"id":"hostile-event"}'],
    ['seventy thousand characters', { ...event, name: 'x'.repeat(70_000) }],
  ])('as an event is refused: %s', async (_, json) => {
    const text = typeof json === 'string' ? json : JSON.stringify(json);
    await expectRefused(/event/i, 'lifecycle_event', 's', text);
  });

  it('has changed nothing: no row, no profile, no device, no file, no block', async () => {
    expect(await stateNow()).toEqual(before);
  });
});

describe("another guest's property", () => {
  it('is not taken: its VMID', async () => {
    await expectRefused(
      /vi1000000 belongs to web/,
      'create_container_interface',
      'ssu',
      'spare0',
      'thief',
      '1000000',
    );
  });

  it('is not taken: its device', async () => {
    const link = (await host.traces()).ports[0]?.interface ?? '';
    await expectRefused(
      /is port vi1000000 already/,
      'create_container_interface',
      'ssu',
      link,
      'thief',
      '555',
    );
    await expectRefused(/is port vi1000000 already|exists already/, 'add_port', 's', link);
  });

  it.each(['thief', 'shop'])('is not taken: the VMID of a Proxmox guest that is off, by %s', async (name) => {
    const message = /VMID 101 belongs to Proxmox guest shop/;
    await expectRefused(message, 'create_container_interface', 'ssu', 'spare0', name, '101');
  });

  it('is not taken: a port that is none of ours', async () => {
    await host.sh('ovs-vsctl add-port ovsbr0 spare1');
    await expectRefused(/There is no port spare1 of ours/, 'del_port', 's', 'spare1');
    await expectRefused(/There is no port ovsbr0 of ours/, 'del_port', 's', 'ovsbr0');
    await host.sh('ovs-vsctl del-port spare1');
  });

  it('is not taken by an event that names a process of the host itself', async () => {
    const before = await host.traces();
    const event = {
      id: 'host-process',
      at: new Date().toISOString(),
      source: 'lxc',
      phase: 'start-host',
      name: 'box',
    };
    const answer = await host.call('lifecycle_event', 's', JSON.stringify({ ...event, pid: 1 }));
    expect(JSON.parse(String(answer))).toMatchObject({ ports: [] });
    expect(await host.traces()).toEqual(before);
  });

  it.each([
    ['ovsbr0', /carries the host's address 10.0.0.1/],
    ['lo', /is the loop-back device/],
    ['docker0', /is a bridge/],
    ['ovs-netdev', /is Open vSwitch's own/],
  ])("is not made a guest's: the host's own device %s", async (link, message) => {
    const before = await host.traces();
    expect(await refusal('add_port', 's', link)).toMatch(message);
    expect(await host.traces()).toEqual(before);
    await host.sh('ip -br addr show ovsbr0 | grep 10.0.0.1/24');
  });
});

describe('a Docker container that cannot be attached', () => {
  const label = (name: string, value: string) => ['--label', `dev.ovs.portagent.${name}=${value}`];

  it.each([
    ['uses the network of the host', ['--network', 'host'], /network mode host/],
    ['uses the network of another', ['--network', 'container:plain'], /network mode container:/],
    ['has a bad address', label('address', '203.0.113.300/24'), /label dev.ovs.portagent.address/],
    [
      'has an address over two lines',
      label('address', '203.0.113.7/24\nup'),
      /label dev.ovs.portagent.address/,
    ],
    ['has a network as address', label('address', '203.0.113.0/24'), /label dev.ovs.portagent.address/],
    [
      'has a gateway elsewhere',
      [...label('address', '203.0.113.7/24'), ...label('gateway', '10.0.0.1')],
      /outside the subnet/,
    ],
    ['wants a bridge with no possible name', label('bridge', '../../x'), /label dev.ovs.portagent.bridge/],
    ['wants a bridge that is called like a port', label('bridge', 'vi100'), /must not look like a port/],
    ['has a VMID of text', label('vmid', 'abc'), /label dev.ovs.portagent.vmid/],
    ['has a misspelt label', label('adress', '203.0.113.7/24'), /did you mean dev.ovs.portagent.address/],
    ["wants another guest's VMID", label('vmid', '1000000'), /1000000/],
    ['wants the VMID of a VM', label('vmid', '101'), /101/],
    ['wants a bridge that nobody may make', label('bridge', 'nowhere0'), /there is no OVS bridge nowhere0/],
  ])('runs without a port, and the ledger says why: it %s', async (_, options, reason) => {
    const before = await stateNow();
    await host.exec(['docker', 'rm', '-f', 'plain']);
    await host.sh('docker run -d --name plain --network none opa-test');
    const network = options.includes('--network') ? [] : ['--network', 'none'];
    const run = await host.exec([
      'docker',
      'run',
      '-d',
      '--name',
      'netmaker-odd',
      ...network,
      ...options,
      'opa-test',
    ]);
    expect(run.exitCode).toBe(0);
    const blocks = await eventually(
      async () => (await host.ledger()).slice(before.height),
      (found) =>
        expect(
          found.map(({ data }) => JSON.stringify(data.reasons ?? data.reason ?? data.error)),
        ).toContainEqual(expect.stringMatching(reason)),
    );
    expect(blocks.map(({ action }) => action)).not.toContain('port_attached');
    const { ports, profiles, links } = await host.traces();
    expect({ ports, profiles, links }).toEqual({
      ports: before.ports,
      profiles: before.profiles,
      links: before.links,
    });
    expect(await host.sh(`docker inspect -f '{{.State.Running}}' netmaker-odd`)).toBe('true');
    await host.sh('docker rm -f netmaker-odd plain');
  });
});

describe('the ledger after all of this', () => {
  it('verifies, and nothing waits', async () => {
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
    await eventually(
      () => host.cli('status'),
      (status) => expect(status.stdout).toContain('Nothing waits.'),
    );
  });
});
