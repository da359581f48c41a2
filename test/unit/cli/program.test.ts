import { describe, expect, it } from 'vitest';
import { BusError } from '../../../src/core/bus/bus.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { cli, today } from './fake.ts';

const VERBS = [
  'run',
  'status',
  'doctor',
  'explain',
  'list',
  'events',
  'reconcile',
  'name',
  'create-interface',
  'remove-interface',
  'introspect',
  'netmaker list',
  'proxmox enroll',
  'proxmox unenroll',
  'proxmox status',
  'proxmox interfaces show',
  'proxmox interfaces apply',
  'proxmox interfaces remove',
  'netmaker attest',
  'netmaker leases',
  'netmaker withdraw',
  'ledger verify',
  'ledger show',
  'ledger tail',
  'ledger stats',
  'config check',
  'config show',
  'config reload',
];

describe('the command line', () => {
  it('alone prints its help', async () => {
    const { code, out, err } = await cli([]);
    expect([code, err]).toEqual([0, []]);
    expect(out[0]).toMatch(/^Usage: ovs-port-agent/);
  });

  it('prints its version', async () => {
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: ['1.2.3'] });
  });

  it.each(VERBS)('%s has help with examples, and --json', async (verb) => {
    const { code, out } = await cli([...verb.split(' '), '--help']);
    const text = out.join('\n');
    expect(code).toBe(0);
    expect(text).toContain(`ovs-port-agent ${verb}`);
    expect(text).toContain('Examples:');
    expect(text).toContain('--json');
  });

  it('guesses the verb that was meant', async () => {
    expect(await cli(['lst'])).toMatchObject({
      code: 2,
      out: [],
      err: ["Unknown command 'lst' (Did you mean list?). See: ovs-port-agent --help"],
    });
    expect((await cli(['ledger', 'verfy'])).err).toEqual([
      "Unknown command 'verfy' (Did you mean verify?). See: ovs-port-agent ledger --help",
    ]);
  });

  it.each([
    [['list', '--wide'], /^Unknown option '--wide'/],
    [['list', 'more'], /^Too many arguments/],
    [['name', 'web'], /^Missing required argument 'index'/],
    [['create-interface', 'veth1', 'web', '0'], /not "0"/],
    [['create-interface', 'veth1', 'web', '4294967296'], /not "4294967296"/],
    [['create-interface', 'veth1', 'web', 'a\nb'], /not "a\\nb"/],
    [['remove-interface', '../x'], /^An interface name/],
    [['ledger', 'show', '9..3'], /^Heights are/],
    [['events', '-n', 'all'], /^A count is/],
  ])('refuses %j with one line and exit code 2, and asks nobody', async (argv, message) => {
    const { code, out, err, calls } = await cli(argv);
    expect([code, out, calls]).toEqual([2, [], []]);
    expect(err).toHaveLength(1);
    expect(err[0]).toMatch(message);
    expect(err[0]).not.toContain('\n');
  });
});

describe('verbs that ask the agent', () => {
  const ports = JSON.stringify([
    {
      port: 'vi101',
      guest: 'web\u001b[2J',
      vmid: 101,
      nic: 0,
      runtime: 'lxc',
      bridge: 'ovsbr0',
      driver: 'ovsdb',
      since: today(9, 0, 0),
    },
  ]);

  it('list ports as a table', async () => {
    const { code, out } = await cli(['list'], { agent: { DescribeGuests: ports } });
    expect(code).toBe(0);
    expect(out).toEqual([
      'PORT   GUEST       VMID  RUNTIME  BRIDGE  DRIVER  SINCE',
      'vi101  web\\x1b[2J  101   lxc      ovsbr0  ovsdb   09:00:00',
    ]);
  });

  it('list ports for programs, nothing lost', async () => {
    const { out } = await cli(['list', '--json'], { agent: { DescribeGuests: ports } });
    expect(JSON.parse(out.join('\n'))).toMatchObject(JSON.parse(ports));
  });

  it('end with 1 when something waits', async () => {
    const waiting = [{ port: 'vi101', code: 'link-missing', reason: 'tap101i0 is gone' }];
    const GetStatus = JSON.stringify({ ready: true, waiting });
    expect((await cli(['status'], { agent: { GetStatus } })).code).toBe(1);
    expect((await cli(['status', '--json'], { agent: { GetStatus } })).code).toBe(1);
  });

  it('end with 3 when nobody is there', async () => {
    const cause = new BusError('org.freedesktop.DBus.Error.NameHasNoOwner', 'no owner');
    const GetStatus = new AgentError('bus-call-failed', 'failed', { cause });
    const { code, err } = await cli(['status'], { agent: { GetStatus } });
    expect([code, err.length]).toEqual([3, 1]);
    expect(err[0]).toContain('[agent-unreachable]');
  });

  it('say so when the answer is from another version', async () => {
    for (const answer of ['{}', 'not JSON', undefined]) {
      const { code, err } = await cli(['list'], { agent: { DescribeGuests: answer } });
      expect([code, err.length]).toEqual([1, 1]);
      expect(err[0]).toContain('another version');
    }
  });

  it('hand over what was asked for, and say which port was made and where', async () => {
    const made = {
      port: 'vi4711',
      bridge: 'vmbr0',
      interface: 'vethAB12CD',
      vmid: 4711,
      nic: 0,
      container: 'web',
    };
    const agent = { AttachInterface: JSON.stringify(made) };
    const words = ['create-interface', 'vethAB12CD', 'web', '4711'];
    const { code, out, calls } = await cli(
      [...words, '--bridge', 'vmbr0', '--tag', '5', '--trunks', '20,30-32', '--mtu', '1400'],
      { agent },
    );
    expect([code, out]).toEqual([0, ['vi4711 is on vmbr0 (vethAB12CD)']]);
    const options = JSON.stringify({ bridge: 'vmbr0', tag: 5, trunks: [20, 30, 31, 32], mtu: 1400 });
    expect(calls[0]).toMatchObject({
      member: 'AttachInterface',
      signature: 'ssus',
      body: ['vethAB12CD', 'web', 4711, options],
    });
    expect(JSON.parse((await cli([...words, '--json'], { agent })).out.join('\n'))).toEqual(made);
    for (const wrong of [
      ['--tag', '4095'],
      ['--trunks', '30-20'],
      ['--mtu', '9'],
      ['--bridge', 'a/b'],
    ]) {
      expect(await cli([...words, ...wrong], { agent })).toMatchObject({ code: 2, calls: [] });
    }
  });

  it('take a port off by name or device, and name the port', async () => {
    const gone = {
      port: 'vi4711',
      bridge: 'ovsbr0',
      interface: 'vethAB12CD',
      vmid: 4711,
      nic: 0,
      container: 'web',
    };
    const agent = { DetachInterface: JSON.stringify(gone) };
    const { code, out, calls } = await cli(['remove-interface', 'vethAB12CD'], { agent });
    expect([code, out]).toEqual([0, ['vi4711 is off ovsbr0 (vethAB12CD)']]);
    expect(calls[0]).toMatchObject({ member: 'DetachInterface', signature: 's', body: ['vethAB12CD'] });
    const json = await cli(['remove-interface', 'vethAB12CD', '--json'], { agent });
    expect(JSON.parse(json.out.join('\n'))).toMatchObject({ port: 'vi4711' });
  });

  it('reconcile, and end with 1 when a port is not as it should be', async () => {
    const report = { port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0' };
    const good = JSON.stringify([{ ...report, state: 'unchanged' }]);
    const bad = JSON.stringify([{ ...report, state: 'failed', reason: 'no device' }]);
    const GetStatus = JSON.stringify({ ready: true, waiting: [] });
    expect(await cli(['reconcile'], { agent: { Reconcile: good, GetStatus } })).toMatchObject({
      code: 0,
      out: ['1 port: nothing to change'],
    });
    expect((await cli(['reconcile'], { agent: { Reconcile: bad, GetStatus } })).code).toBe(1);
  });

  it('reconcile, and tell what no step can mend', async () => {
    const health = [
      {
        subject: 'bridge',
        name: 'vmbr0',
        fault: 'bridge-missing',
        text: 'it does not exist',
        remedy: 'Make it',
      },
    ];
    const GetStatus = JSON.stringify({ ready: true, waiting: [], health });
    const { code, out } = await cli(['reconcile'], { agent: { Reconcile: '[]', GetStatus } });
    expect([code, out.slice(1)]).toEqual([1, ['Wrong: vmbr0: it does not exist', '  Make it']]);
    const status = await cli(['status'], { agent: { GetStatus } });
    expect([status.code, status.out.slice(-2)]).toEqual([
      1,
      ['Wrong: vmbr0: it does not exist', '  Make it'],
    ]);
  });

  it('do not take an agent that cannot work for one that has nothing to do', async () => {
    const GetStatus = JSON.stringify({ ready: false, obstacle: 'Open vSwitch does not answer', waiting: [] });
    const { code, err } = await cli(['reconcile'], { agent: { Reconcile: '[]', GetStatus } });
    expect(code).toBe(3);
    expect(err[0]).toContain('Open vSwitch does not answer');
  });
});

describe('run', () => {
  it('says so when the agent is not installed beside it', async () => {
    const { code, err } = await cli(['run']);
    expect(code).toBe(1);
    expect(err[0]).toMatch(/^The agent is not at \/nowhere\/agent\.cjs/);
  });
});
