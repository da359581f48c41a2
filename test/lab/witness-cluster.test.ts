// Two nodes whose agents witness each other through the file system that both see; one is set back to an older disk, and caught.
import { mkdtemp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AgentHost, STATE, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';

/** Two looks and two publications of each node, on a busy machine. */
const SOON_MS = 120_000;
const CONFIG = '[ledger]\ncheckpoint_interval = 1\n[witness]\ncluster = true\n';

let shared: string;
let nodes: AgentHost[] = [];

interface Report {
  ledger: { origin: string; size: number };
  witnesses: { name: string; origin: string; size: number | null; problem: { kind: string } | null }[];
}

const node = (at: number): AgentHost => {
  const found = nodes[at];
  if (found === undefined) throw new Error(`no node ${at}`);
  return found;
};
const report = async (host: AgentHost) =>
  JSON.parse((await host.cli('ledger', 'witness', 'status', '--json')).stdout) as Report;
/** Until the other node has cosigned all there is, and at least so many blocks. */
const cosigned = (host: AgentHost, least: number) =>
  eventually(
    () => report(host),
    ({ ledger, witnesses: [one] }) => {
      expect(one).toMatchObject({ origin: ledger.origin, size: ledger.size, problem: null });
      expect(ledger.size).toBeGreaterThanOrEqual(least);
    },
    SOON_MS,
  );

beforeAll(async () => {
  shared = await mkdtemp('/var/tmp/ovs-port-agent-cluster-');
  const binds = { '/etc/pve/ovs-port-agent': shared };
  const up = (name: string) => upAgentHost(name, '', 'trixie', CONFIG, { binds });
  nodes = [await up('cluster-a'), await up('cluster-b')];
}, 600_000);

afterAll(async () => {
  await Promise.all(nodes.map((host) => host.down()));
  if (shared !== undefined) await rm(shared, { recursive: true, force: true });
});

it("cosign each other's ledgers, and a policy that asks for the other is met", async () => {
  await cosigned(node(0), 1);
  const { witnesses } = await cosigned(node(1), 1);
  expect(witnesses.map(({ name }) => name)).toEqual([`${node(0).name}/ovs-port-agent/cluster`]);
  await node(0).sh(`printf 'log %s\\nwitness b %s\\nquorum b\\n' "$(ovs-port-agent ledger key)" \
    "$(jq -r .key /etc/pve/ovs-port-agent/ledger/${node(1).name}.cosigned)" >/root/policy`);
  const verified = await node(0).cli('ledger', 'verify', '--policy', '/root/policy', '--json');
  expect([verified.exitCode, JSON.parse(verified.stdout)]).toMatchObject([0, { verdict: 'ok' }]);
});

it('waits where the cluster has no quorum, and does not fail', async () => {
  await node(1).sh('mount -o remount,ro,bind /etc/pve/ovs-port-agent');
  await node(1).sh(`echo >>${STATE}/ledger.d/witness/cluster/out/${node(1).name}.proofs`);
  await node(1).sh('systemctl start ovs-port-agent-cluster');
  expect(await node(1).sh('systemctl show --property=Result --value ovs-port-agent-cluster')).toBe('success');
  expect(await node(1).sh('journalctl -u ovs-port-agent-cluster -o cat')).toContain('[proxmox-read-only]');
  await node(1).sh('mount -o remount,rw,bind /etc/pve/ovs-port-agent');
});

it('catch the one whose disk was set back: it says so itself, and so does the other', async () => {
  await node(0).stopAgent();
  await node(0).sh(`cp -a ${STATE} /root/before`);
  // What is restored later lacks these blocks.
  for (let turn = 0; turn < 2; turn += 1) {
    await node(0).startAgent();
    await node(0).stopAgent();
  }
  await node(0).startAgent();
  const before = await cosigned(node(0), (await node(0).ledger()).length);
  await node(0).stopAgent();
  await node(0).sh(`rm -rf ${STATE}; cp -a /root/before ${STATE}`);
  await node(0).startAgent();

  const begun = await eventually(
    async () => (await node(0).ledger()).filter(({ action }) => action === 'ledger_epoch_begun').at(-1),
    (block) => expect(block?.data).toMatchObject({ why: 'witness-ahead', witness: node(1).name }),
    SOON_MS,
  );
  expect(begun?.data.parent).toMatchObject({ origin: before.ledger.origin });
  const status = await node(0).cli('status');
  expect(status.stdout).toContain('this host was restored from an older state');
  expect(status.exitCode).toBe(1);
  await eventually(
    () => node(1).sh('journalctl -u ovs-port-agent -o cat'),
    (text) => expect(text).toMatch(new RegExp(`the ledger of the node ${node(0).name}: .*set back`)),
    SOON_MS,
  );
  // Under its new name it is cosigned again.
  const after = await cosigned(node(0), 1);
  expect(after.ledger.origin).toBe(`${before.ledger.origin}/e2`);
});
