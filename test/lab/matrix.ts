// One cell of the fault matrix: guests start or end while something fails, and then all is right.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentHost, Block } from './agent-host.ts';
import { eventually } from './eventually.ts';
import type { Suite } from './host.ts';
import { ALL, type Cell, isWanted, nameOf, SHORT } from './matrix-cells.ts';
import { inject, ownDisk } from './matrix-faults.ts';
import { type MeshHost, upMeshHost } from './netmaker-host.ts';
import { toldOnFailure } from './told-on-failure.ts';

/** `make matrix` wants all of it and by the clock; other tests run beside the short one. */
const isWhole = process.env.MATRIX === 'all';
const RIGHT_WITHIN_MS = isWhole ? 10_000 : 30_000;
const FREEZE_MS = isWhole ? 30_000 : 5_000;

const LXC = { stays: ['stays', '10.0.0.50'], comes: ['comes', '10.0.0.51'] } as const;
const DOCKER = { stays: 'netclient-stays', comes: 'netclient-comes' } as const;

/** The host's own address there: whoever makes the bridge anew gives it back. */
const BRIDGE = `
[bridges.ovsbr0]
addresses = ["10.0.0.1/24"]
`;

export function describeMatrix(suite: Suite): void {
  const only = process.env.MATRIX_CELLS?.split(';');
  const cells = (isWhole ? ALL : SHORT).filter(
    (cell) =>
      (only === undefined || only.some((wanted) => isWanted(cell, wanted))) &&
      (suite === 'forky' || cell.victim !== 'NetworkManager'),
  );

  describe(`on ${suite}`, () => {
    let host: MeshHost;
    beforeAll(async () => {
      host = await upMeshHost(`matrix-${suite}`, { suite, netmaker: BRIDGE });
      for (const [name, address] of Object.values(LXC))
        await host.sh(`lxc-guest create ${name} --link ovsbr0 --ip ${address}/24`);
      await host.sh(`lxc-guest start ${LXC.stays[0]}`);
      for (const name of Object.values(DOCKER)) await host.sh(`docker create --name ${name} opa-test`);
      await host.sh(`docker start ${DOCKER.stays}`);
      if (cells.some(({ victim }) => victim === 'disk')) await ownDisk(host);
    });
    afterAll(() => host?.down());
    toldOnFailure(() => host);

    it.each(cells.map((cell) => [nameOf(cell), cell] as const))(
      '%s: all is right soon after',
      async (_, cell) => {
        await prepare(host, cell);
        const before = await host.ledger();
        const told = await run(host, cell);
        const { afterMs, wrongBefore } = await expectRight(host, RIGHT_WITHIN_MS);
        const what = wrongBefore === undefined ? '' : `; before: ${wrongBefore}`;
        process.stderr.write(
          `${suite}: ${nameOf(cell)}: right after ${(afterMs / 1000).toFixed(1)} s${what}\n`,
        );
        if (told.refused.length > 0)
          process.stderr.write(`${suite}: ${nameOf(cell)}: refused: ${told.refused}\n`);
        expect(told.refused, 'starts that were refused').toEqual([]);
        await expectKept(host, before);
      },
    );
  });
}

/** The guests that stay run, those that come do not, or do when they are to go. */
async function prepare(host: MeshHost, { moment }: Cell): Promise<void> {
  const isThere = moment === 'detaching';
  const script = `
    docker start ${DOCKER.stays} >/dev/null
    ${isThere ? 'docker start' : 'docker stop -t 1'} ${DOCKER.comes} >/dev/null
    ${isThere ? `lxc-info -n ${LXC.comes[0]} -s -H | grep -q RUNNING || lxc-guest start ${LXC.comes[0]}` : `lxc-guest stop ${LXC.comes[0]} 2>/dev/null || true`}`;
  // Docker that was killed in the cell before refuses a first start.
  await eventually(
    () => host.sh(script),
    () => undefined,
  );
  // The cell before is none of this one's business.
  await expectRight(host, 60_000);
}

/** Lets it happen at its moment; gives the starts that were refused although nothing of theirs had failed. */
async function run(host: MeshHost, cell: Cell): Promise<{ refused: string[] }> {
  const { victim, moment } = cell;
  const refused: string[] = [];
  // NetworkManager that goes takes its bridge along, makes it anew when it is back, and LXC wants it to be there all the while.
  const bridgeIndex = () => host.sh('cat /sys/class/net/ovsbr0/ifindex 2>/dev/null || true');
  // LXC's own ovs-vsctl asks a database that is away, and gives up.
  const since = await host.sh('date +%s');
  const isLxcsOwn = async () =>
    (await host.sh(`journalctl -t ovs-vsctl --since=@${since}`)).includes('database connection failed');
  const lxc = async (verb: 'start' | 'stop') => {
    const before = await bridgeIndex();
    const { exitCode, stderr } = await host.exec(['lxc-guest', verb, LXC.comes[0]], { timeout: 120_000 });
    const isSame = before !== '' && before === (await bridgeIndex());
    if (exitCode !== 0 && isSame && !(await isLxcsOwn())) refused.push(`lxc ${verb}: ${stderr}`);
  };
  const docker = async (verb: 'start' | 'stop') => {
    const words = verb === 'stop' ? ['stop', '-t', '1'] : ['start'];
    const { exitCode, stderr } = await host.exec(['timeout', '60', 'docker', ...words, DOCKER.comes]);
    // Whoever takes Docker away has no container started by it; nor has who takes the bus, where runc asks systemd for a scope.
    const isDockers = victim === 'dockerd' || victim === 'slow Docker';
    const isRuncs = victim === 'dbus-daemon' && stderr.includes('runc create failed');
    if (exitCode !== 0 && !isDockers && !isRuncs) refused.push(`docker ${verb}: ${stderr}`);
  };
  const verb = moment === 'detaching' ? 'stop' : 'start';
  const work = () => Promise.all([lxc(verb), docker(verb)]);

  if (moment === 'idle') {
    const fault = await inject(host, cell, FREEZE_MS);
    await Promise.all([work(), fault.mend()]);
    return { refused };
  }
  // Hooks are hit when they come.
  const early = victim === 'hook' ? await inject(host, cell, FREEZE_MS) : undefined;
  const asked =
    moment === 'reconciling'
      ? host.exec(['timeout', '90', 'ovs-port-agent', 'reconcile'])
      : Promise.resolve();
  const working = work();
  const fault = early ?? (await inject(host, cell, FREEZE_MS));
  // Those that are killed are hit as long as guests start or end; those that stand still are waited for by their guest.
  const isHitOn = victim === 'hook' && cell.fault === 'kill';
  await Promise.all([working, asked, isHitOn ? working.then(() => fault.mend()) : fault.mend()]);
  return { refused };
}

/**
 * Each guest that runs has its usable port and answers, nothing else is there, and nothing waits. Gives when the look began
 * that saw it so, and what was wrong in the one before.
 */
async function expectRight(
  host: MeshHost,
  withinMs: number,
): Promise<{ afterMs: number; wrongBefore?: string }> {
  const began = performance.now();
  let wrongBefore: string | undefined;
  const { afterMs } = await eventually(
    () => look(host, began),
    (seen) => {
      try {
        judge(seen);
      } catch (failure) {
        wrongBefore = String(failure).replaceAll(/\s+/g, ' ').slice(-300);
        throw failure;
      }
    },
    withinMs,
  );
  return { afterMs, ...(wrongBefore !== undefined && { wrongBefore }) };
}

async function look(host: MeshHost, began: number) {
  const afterMs = performance.now() - began;
  const running = await runningGuests(host);
  const [traces, status, answers] = await Promise.all([
    host.traces(),
    host.cli('status'),
    Promise.all(running.addresses.map(async (address) => [address, await answersPing(host, address)])),
  ]);
  return { running, traces, status, answers, afterMs };
}

function judge({ running, traces, status, answers }: Awaited<ReturnType<typeof look>>): void {
  const on = (bridge: string) => traces.ports.filter((port) => port.bridge === bridge && port.usable).length;
  expect({ lxc: on('ovsbr0'), docker: on('ovsbr1'), all: traces.ports.length }).toEqual({
    lxc: running.lxc,
    docker: running.docker,
    all: running.lxc + running.docker,
  });
  const told = status.stdout + status.stderr;
  expect(traces.bindings, told).toHaveLength(traces.ports.length);
  expect(
    answers.filter(([, answered]) => !answered),
    told,
  ).toEqual([]);
  expect(status.exitCode, told).toBe(0);
}

async function runningGuests(host: MeshHost) {
  const [lxc, docker] = await Promise.all([
    host.sh('lxc-ls -1 --running'),
    host.sh('docker ps --format "{{.Names}}"'),
  ]);
  const containers = lxc.split('\n').filter(Boolean);
  const names = docker.split('\n').filter(Boolean);
  const given = await Promise.all(names.map((name) => host.addresses(name).catch(() => [`none in ${name}`])));
  const own = Object.values(LXC).flatMap(([name, address]) => (containers.includes(name) ? [address] : []));
  return {
    lxc: containers.length,
    docker: names.length,
    addresses: [...own, ...given.map(([first = 'no address']) => first)],
  };
}

const answersPing = async (host: AgentHost, address: string) =>
  (await host.exec(['ping', '-c1', '-W1', address])).exitCode === 0;

/** No block that was there is lost or changed, and the chain holds. */
async function expectKept(host: AgentHost, before: readonly Block[]): Promise<void> {
  const after = await host.ledger();
  expect(after.slice(0, before.length)).toEqual(before);
  const { exitCode, stdout } = await host.cli('ledger', 'verify');
  expect([exitCode, stdout.split(':')[0]]).toEqual([0, 'OK']);
}
