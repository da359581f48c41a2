// What the D-Bus service and the watch over Docker refuse: names, numbers and events that nobody should send, and property of others.

import { beforeAll, describe, expect, it } from 'vitest';
import type { AgentHost } from './agent-host.ts';
import { expectRefused, refusal, type State, stateNow } from './dbus-calls.ts';
import { eventually } from './eventually.ts';

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

/** A host with the device spare0, and a guest whose port must stay as it is. */
export function hostileInput(at: () => AgentHost): void {
  describe('hostile input', () => {
    let before: State;
    beforeAll(async () => {
      before = await stateNow(at());
    });

    const expectRefused = async (message: RegExp, ...call: [string, string, ...string[]]) =>
      expect(await refusal(at(), ...call)).toMatch(message);

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
      expect(await stateNow(at())).toEqual(before);
    });
  });
}

/** The same host, with the guest web (vi1000000), the device spare1 and the VM 101, shop, that is off. */
export function propertyOfOthers(at: () => AgentHost): void {
  describe("another guest's property", () => {
    it('is not taken: its VMID', async () => {
      await expectRefused(
        at(),
        /vi1000000 belongs to web/,
        'create_container_interface',
        'ssu',
        'spare0',
        'thief',
        '1000000',
      );
    });

    it('is not taken: its device', async () => {
      const link = (await at().traces()).ports[0]?.interface ?? '';
      await expectRefused(
        at(),
        /is port vi1000000 already/,
        'create_container_interface',
        'ssu',
        link,
        'thief',
        '555',
      );
      await expectRefused(at(), /is port vi1000000 already|exists already/, 'add_port', 's', link);
    });

    it.each(['thief', 'shop'])(
      'is not taken: the VMID of a Proxmox guest that is off, by %s',
      async (name) => {
        const message = /VMID 101 belongs to Proxmox guest shop/;
        await expectRefused(at(), message, 'create_container_interface', 'ssu', 'spare0', name, '101');
      },
    );

    it('is not taken: a port that is none of ours', async () => {
      await at().sh('ovs-vsctl add-port ovsbr0 spare1');
      await expectRefused(at(), /There is no port spare1 of ours/, 'del_port', 's', 'spare1');
      await expectRefused(at(), /There is no port ovsbr0 of ours/, 'del_port', 's', 'ovsbr0');
      await at().sh('ovs-vsctl del-port spare1');
    });

    it('is not taken by an event that names a process of the host itself', async () => {
      const before = await at().traces();
      const event = {
        id: 'host-process',
        at: new Date().toISOString(),
        source: 'lxc',
        phase: 'start-host',
        name: 'box',
      };
      const answer = await at().call('lifecycle_event', 's', JSON.stringify({ ...event, pid: 1 }));
      expect(JSON.parse(String(answer))).toMatchObject({ ports: [] });
      expect(await at().traces()).toEqual(before);
    });

    it.each([
      ['ovsbr0', /carries the host's address 10.0.0.1/],
      ['lo', /is the loop-back device/],
      ['docker0', /is a bridge/],
      ['ovs-netdev', /is Open vSwitch's own/],
    ])("is not made a guest's: the host's own device %s", async (link, message) => {
      const before = await at().traces();
      expect(await refusal(at(), 'add_port', 's', link)).toMatch(message);
      expect(await at().traces()).toEqual(before);
      await at().sh('ip -br addr show ovsbr0 | grep 10.0.0.1/24');
    });
  });
}

/** The same host. */
export function hopelessContainers(at: () => AgentHost): void {
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
      const before = await stateNow(at());
      await at().exec(['docker', 'rm', '-f', 'plain']);
      await at().sh('docker run -d --name plain --network none opa-test');
      const network = options.includes('--network') ? [] : ['--network', 'none'];
      const run = await at().exec([
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
        async () => (await at().ledger()).slice(before.height),
        (found) =>
          expect(
            found.map(({ data }) => JSON.stringify(data.reasons ?? data.reason ?? data.error)),
          ).toContainEqual(expect.stringMatching(reason)),
      );
      expect(blocks.map(({ action }) => action)).not.toContain('port_attached');
      const { ports, profiles, links } = await at().traces();
      expect({ ports, profiles, links }).toEqual({
        ports: before.ports,
        profiles: before.profiles,
        links: before.links,
      });
      expect(await at().sh(`docker inspect -f '{{.State.Running}}' netmaker-odd`)).toBe('true');
      await at().sh('docker rm -f netmaker-odd plain');
    });
  });
}
