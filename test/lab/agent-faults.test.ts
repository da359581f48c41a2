// The agent is away, hangs, dies at the worst moment, or has no disk: guests start, and everything comes right later.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AgentHost, type Block, LEDGER, NO_TRACES, SNIPPET, STATE, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable } from './pings.ts';
import { causesOf, expectWholeStories } from './stories.ts';

/** What the issue promises: no guest waits longer for us, whatever is broken. */
/** The hooks of one start wait 6 s at most here; the rest is what two busy cores take to start one. */
const START_DEADLINE_MS = 20_000;
const HOOK_DEADLINE_S = 2;

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('agent-faults', `hook_deadline = ${HOOK_DEADLINE_S}`);
  await host.sh(`
    lxc-guest create web --ip 10.0.0.50/24
    qm create 101 --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.101/24 --net0 virtio,bridge=ovsbr0`);
});

afterAll(() => host?.down());

/** Each test starts on a quiet host with a healthy agent. */
beforeEach(async () => {
  await host.sh(`
    docker rm -f $(docker ps -aq) 2>/dev/null || true
    lxc-guest stop web 2>/dev/null || true
    qm stop 101 2>/dev/null || true`);
  await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES));
});

const portsSeen = async () => (await host.traces()).ports.map(({ port, usable }) => [port, usable]);
const spooled = async (): Promise<{ id: string; phase: string }[]> =>
  JSON.parse(await host.sh(`cd ${STATE}/spool; cat /dev/null $(ls) | jq -s .`));

async function milliseconds(script: string): Promise<number> {
  const began = performance.now();
  await host.sh(script);
  return performance.now() - began;
}

/** The heights that the ledger grew by during `work`. */
async function newBlocks(work: () => Promise<unknown>): Promise<Block[]> {
  const before = (await host.ledger()).length;
  await work();
  return (await host.ledger()).slice(before);
}

const idsOf = (blocks: readonly Block[]) => blocks.flatMap(({ metadata }) => metadata.event_id ?? []);

async function expectVerified(): Promise<void> {
  const { exitCode, stdout } = await host.cli('ledger', 'verify');
  expect([exitCode, stdout.split(':')[0]]).toEqual([0, 'OK']);
}

describe('an agent that is killed between intent and outcome', () => {
  /** NetworkManager stands still, so an attach cannot end; the kill comes when its intent is on disk. */
  async function killDuring(start: string): Promise<Block[]> {
    return newBlocks(async () => {
      const { height } = (await host.ledger()).at(-1) as Block;
      await host.sh('kill -STOP $(pidof NetworkManager)');
      const guest = host.sh(start);
      await eventually(host.ledger, (blocks) =>
        expect(blocks.slice(height).map(({ action }) => action)).toContain('port_attach'),
      );
      await host.sh(
        'kill -KILL $(systemctl show -P MainPID ovs-port-agent); kill -CONT $(pidof NetworkManager)',
      );
      await guest;
      await eventually(host.ledger, (blocks) =>
        expect(blocks.findLast(({ action }) => action.endsWith('_interrupted'))?.height).toBeGreaterThan(
          height,
        ),
      );
      await eventually(spooled, (events) => expect(events).toEqual([]));
    });
  }

  it.each([
    ['an LXC container', 'lxc-guest start web'],
    ['a Docker container', 'docker run -d --name netmaker-one --network none opa-test'],
  ])('leaves %s with the right port, one event, and a settled intent', async (_, start) => {
    const blocks = await killDuring(start);
    await eventually(portsSeen, (ports) => expect(ports).toEqual([[expect.any(String), true]]));
    const interrupted = blocks.find(({ action }) => action === 'port_attach_interrupted');
    expect(interrupted?.data).toMatchObject({ present_now: true });
    expect(causesOf(await host.ledger(), interrupted).map(({ action }) => action)).toEqual([
      'port_attach_interrupted',
      'port_attach',
      expect.stringMatching(/^guest_/),
    ]);
    expect(new Set(idsOf(blocks)).size).toBe(idsOf(blocks).length);
    await eventually(host.ledger, expectWholeStories);
    await expectVerified();
  });

  it('leaves a VM connected, whose NIC it was taking over from Proxmox', async () => {
    /** One start of the VM with a kill as soon as the intent is seen; whether it came before the outcome. */
    const startAndKill = async () => {
      const blocks = await newBlocks(async () => {
        const killer = host.sh(`
          agent=$(systemctl show -P MainPID ovs-port-agent)
          seen=$(stat -c %s ${LEDGER})
          until tail -c +$seen ${LEDGER} | grep -q '"action":"port_adopt"'; do :; done
          kill -KILL $agent`);
        await host.sh('sleep 0.2; qm start 101');
        await killer;
        await eventually(host.traces, ({ ports, bindings }) => {
          expect(ports).toMatchObject([
            { port: 'vi101', interface: 'tap101i0', usable: true, owner: { vmid: '101' } },
          ]);
          expect(bindings).toEqual(['vi101.json']);
        });
        await eventually(spooled, (events) => expect(events).toEqual([]));
      });
      return blocks.some(({ action }) => action === 'port_adopt_interrupted');
    };
    let landed = await startAndKill();
    for (let attempt = 1; attempt < 4 && !landed; attempt++) {
      await host.sh('qm stop 101');
      landed = await startAndKill();
    }
    expect(landed).toBe(true);
    await expectReachable(host, '10.0.0.101');
    await eventually(host.ledger, expectWholeStories);
    await expectVerified();
  });
});

describe('a guest that starts', () => {
  const start = 'lxc-guest start web; qm start 101';
  /** From LXC's one hook and Proxmox's two. */
  const phases = ['start-host', 'pre-start', 'post-start'];

  /** Starts the guests in a broken world; `mend` makes it whole. Every event must arrive, and arrive once. */
  async function expectCaughtUp(breakIt: string, mend: string): Promise<void> {
    await host.sh(breakIt);
    let kept: Awaited<ReturnType<typeof spooled>>;
    try {
      expect(await milliseconds(start)).toBeLessThan(START_DEADLINE_MS);
      kept = await spooled();
    } finally {
      await host.sh(mend);
    }
    expect(kept.map(({ phase }) => phase)).toEqual(phases);
    await eventually(portsSeen, (ports) =>
      expect(ports).toEqual([
        [expect.stringMatching(/^vi1000/), true],
        ['vi101', true],
      ]),
    );
    await eventually(spooled, (events) => expect(events).toEqual([]));
    const ids = idsOf(await host.ledger());
    expect(kept.map(({ id }) => ids.filter((known) => known === id).length)).toEqual([1, 1, 1]);
    await expectVerified();
  }

  it('while the agent is stopped has its port when the agent is back, and its events once', async () => {
    await expectCaughtUp('systemctl stop ovs-port-agent', 'systemctl start ovs-port-agent');
  });

  it('while the agent is masked has its port later, too', async () => {
    await expectCaughtUp(
      'systemctl stop ovs-port-agent; systemctl mask --runtime ovs-port-agent',
      'systemctl unmask --runtime ovs-port-agent; systemctl start ovs-port-agent',
    );
  });

  it('while the bus does not answer has its port as soon as the hook has left its event', async () => {
    await expectCaughtUp(
      'mv /run/dbus/system_bus_socket /run/dbus/away; systemctl stop ovs-port-agent',
      'mv /run/dbus/away /run/dbus/system_bus_socket; systemctl start ovs-port-agent',
    );
  });

  it('while the agent hangs waits for no longer than hook_deadline per hook, and its events count once', async () => {
    const agent = await host.sh('systemctl show -P MainPID ovs-port-agent');
    await host.sh(`kill -STOP ${agent}`);
    const container = await milliseconds('lxc-guest start web');
    const vm = await milliseconds('qm start 101');
    expect(container + vm).toBeGreaterThan(3 * HOOK_DEADLINE_S * 1000);
    expect(Math.max(container, vm)).toBeLessThan(START_DEADLINE_MS);
    const kept = await spooled();
    expect(kept.map(({ phase }) => phase)).toEqual(phases);
    await host.sh(`kill -CONT ${agent}`);
    await eventually(spooled, (events) => expect(events).toEqual([]));
    expect(await portsSeen()).toEqual([
      [expect.stringMatching(/^vi1000/), true],
      ['vi101', true],
    ]);
    const ids = idsOf(await host.ledger());
    expect(kept.map(({ id }) => ids.filter((known) => known === id).length)).toEqual([1, 1, 1]);
  });
});

describe('Docker containers while the agent is stopped', () => {
  it('are recorded when they came and went, and attached when they still run', async () => {
    const blocks = await newBlocks(async () => {
      await host.stopAgent();
      await host.sh(`
        docker run --rm --name netmaker-brief --network none opa-test true
        docker run -d --name netmaker-stays --network none opa-test`);
      await host.startAgent();
      await eventually(portsSeen, (ports) => expect(ports).toEqual([[expect.any(String), true]]));
      await eventually(host.ledger, (all) =>
        expect(all.filter(({ data }) => data.name === 'netmaker-stays')).toHaveLength(1),
      );
    });
    const events = blocks.filter(({ metadata }) => metadata.source === 'docker');
    const lifeOf = (name: string) =>
      events.filter(({ data }) => data.name === name).map(({ action }) => action);
    expect(lifeOf('netmaker-brief')).toEqual(['guest_start', 'guest_die', 'guest_destroy']);
    expect(lifeOf('netmaker-stays')).toEqual(['guest_start']);
    expect(idsOf(blocks).length).toBe(new Set(idsOf(blocks)).size);
  });
});

describe('the ledger', () => {
  it('with a torn last line is whole again: the rest is set aside and recorded', async () => {
    await host.stopAgent();
    await host.sh(`printf '{"block":{"action":"port_att' >>${LEDGER}`);
    const torn = await host.cli('ledger', 'verify');
    expect([torn.exitCode, torn.stdout]).toEqual([11, expect.stringContaining('unfinished line')]);
    await host.startAgent();
    const note = (await host.ledger()).findLast(({ action }) => action === 'ledger_torn_tail');
    expect(note?.data).toMatchObject({ bytes: 28 });
    expect(await host.sh(`cat ${STATE}/${note?.data.path}`)).toBe('{"block":{"action":"port_att');
    await expectVerified();
  });

  it('on a full disk stops no guest; the agent goes on when there is space again', async () => {
    await host.stopAgent();
    // The state directory on a file system of its own, as big as what is in it and a little more.
    await host.sh(`
      rm -rf /root/state ${STATE}/filler
      cp -a ${STATE} /root/state
      mount -t tmpfs -o size=4m,mode=711 tmpfs ${STATE}
      cp -a /root/state/. ${STATE}`);
    await host.startAgent();
    await host.sh(`dd if=/dev/zero of=${STATE}/filler bs=4k 2>/dev/null || true`);
    expect(await milliseconds('lxc-guest start web; qm start 101')).toBeLessThan(START_DEADLINE_MS);
    await host.sh('docker run -d --name netmaker-full --network none opa-test');
    const status = await host.cli('status');
    expect([status.exitCode, status.stdout]).toEqual([1, expect.stringContaining('no space left on device')]);

    // Who starts it anew while the disk is full loses nothing of what is to be told.
    const [before] = /cannot be written since \S+(?=:)/.exec(status.stdout) ?? ['?'];
    await host.sh('systemctl kill -s KILL ovs-port-agent');
    await host.sh(`rm ${STATE}/filler`);
    const three = [/^vi1000/, /^vi1000/, /^vi101$/].map((name) => [expect.stringMatching(name), true]);
    await eventually(portsSeen, (ports) => expect(ports).toEqual(three));
    // A look at the guests may still be under way that began on the full disk.
    await eventually(
      () => host.cli('status'),
      ({ exitCode, stdout }) => expect([exitCode, stdout]).toEqual([0, stdout]),
    );
    // What the ledger did not take is in it, from when to when and why.
    const gap = (await host.ledger()).findLast(({ action }) => action === 'ledger_gap');
    expect(gap?.data).toMatchObject({ error: expect.stringContaining('ENOSPC') });
    expect(gap?.data.failed).toBeGreaterThan(0);
    expect(`cannot be written since ${gap?.data.since}`).toBe(before);
    const told = async () => (await host.cli('status')).stdout;
    expect(await told()).toContain(`Note: the ledger ${LEDGER} lacks`);
    await host.sh('systemctl restart ovs-port-agent');
    await eventually(told, (text) => expect(text).toContain(`Note: the ledger ${LEDGER} lacks`));
    await expectVerified();
  });
});
