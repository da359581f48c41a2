// The D-Bus service: what it offers, to whom, and that hostile input changes nothing and is told what was wrong.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, BUS_NAME, BUS_PATH, upAgentHost } from './agent-host.ts';
import { refusal } from './dbus-calls.ts';
import { hopelessContainers, hostileInput, propertyOfOthers } from './dbus-refusals.ts';
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
  ['GetBlocksByCategory', 'get_blocks_by_category', 's'],
  ['GetBlocksPage', 'get_blocks_page', 'stu'],
  ['GetBlockByHash', 'get_block_by_hash', 's'],
  ['AddBlockchainData', 'add_blockchain_data', 'sss'],
] as const;

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

  it('runs the examples of the older interface as they are printed', async () => {
    const start = 'dbus-send --system --dest=dev.ovs.PortAgent1 --type=method_call';
    const at = '/dev/ovs/PortAgent1 dev.ovs.PortAgent1';
    const record = `${start} \\\n  ${at}.add_blockchain_data \\\n  string:settings string:modified string:'{"key": "value"}'`;
    await host.sh(record);
    const recorded = await eventually(
      () => host.ledger(),
      (blocks) => expect(blocks.at(-1)).toMatchObject({ action: 'modified', data: { key: 'value' } }),
    );
    expect(recorded.at(-1)).toMatchObject({
      category: 'config',
      producer: 'settings',
      metadata: { source: 'dbus' },
    });
    const answer = (line: string) => host.sh(line.replace('dbus-send', 'dbus-send --print-reply=literal'));
    expect(await answer(record)).toMatch(/Data added to blockchain with hash: [0-9a-f]{64}/);
    expect((await host.ledger()).at(-1)).toMatchObject({
      action: 'modified',
      user: 'root',
      pid: expect.any(Number),
    });
    const network = JSON.parse(
      await answer(`${start} \\\n  ${at}.get_blocks_by_category \\\n  string:network`),
    );
    expect(network.length).toBeGreaterThan(3);
    expect(new Set(network.map(({ producer }: { producer: string }) => producer))).toEqual(
      new Set(['network']),
    );
    expect(await answer(`${start} \\\n  ${at}.verify_blockchain_integrity`)).toMatch(/integrity: VALID/);
    expect(JSON.parse(await answer(`${start} \\\n  ${at}.get_blockchain_stats`))).toMatchObject({
      producers: { settings: 2 },
    });
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
    expect(await refusal(host, String(attest), 's', 'nobody')).toMatch(/No Netmaker container of that name/);
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
    expect(blocks.filter((action) => action !== 'call_made')).toEqual([
      'guest_attach',
      'port_attach',
      'port_attached',
      'guest_detach',
      'port_detach',
      'port_detached',
    ]);
    // Who called is recorded once the call has its answer, so the last one may still be on its way.
    expect(blocks).toContain('call_made');
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

hostileInput(() => host);
propertyOfOthers(() => host);
hopelessContainers(() => host);

describe('the ledger after all of this', () => {
  it('verifies, and nothing waits', async () => {
    expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
    await eventually(
      () => host.cli('status'),
      (status) => expect(status.stdout).toContain('Nothing waits.'),
    );
  });
});
