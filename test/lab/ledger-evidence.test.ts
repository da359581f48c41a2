// A host's ledger as evidence: what an auditor gets of it holds without the host, and a host that was restored or cloned says so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';

let host: AgentHost;
const STATE = '/var/lib/ovs-port-agent';
const UNIT = 'ovs-port-agent.service';

beforeAll(async () => {
  host = await upAgentHost('ledger-evidence', '', 'trixie');
});
afterAll(() => host?.down());

const verdict = async (...args: string[]) => {
  const { exitCode, stdout } = await host.cli('ledger', 'verify', '--json', ...args);
  return {
    exitCode,
    ...(JSON.parse(stdout) as { verdict: string; newest_checkpoint: { size: number } | null }),
  };
};
const attach = (vmid: number) =>
  host.sh(`ip link add veth${vmid} type veth peer name peer${vmid}
    ovs-port-agent create-interface veth${vmid} tool ${vmid}`);
const status = async () =>
  JSON.parse((await host.cli('status', '--json')).stdout) as {
    health: { fault: string; text: string }[];
    ledger: { height: number; checkpoint: { size: number; origin: string; key: string; epoch: number } };
  };
const restart = () => host.sh(`systemctl restart ${UNIT}`);
const epochIs = (epoch: number) =>
  eventually(status, ({ ledger }) => expect(ledger.checkpoint.epoch).toBe(epoch));

describe('the ledger of a host', () => {
  it('is signed from the first block on, with a key that only root can read', async () => {
    await eventually(verdict, (found) => expect(found).toMatchObject({ exitCode: 0, verdict: 'ok' }));
    expect((await host.sh(`stat -c %a ${STATE}/ledger.d/key`)).trim()).toBe('400');
    const { ledger } = await status();
    expect((await host.cli('ledger', 'key')).stdout.trim()).toBe(ledger.checkpoint.key);
    expect((await host.cli('ledger', 'key', '--format', 'openssh')).stdout).toMatch(/^ssh-ed25519 AAAA\S+ /);
  });

  it('proves a block to somebody who has the key and nothing else, also after the key was changed', async () => {
    await attach(5001);
    await host.sh('ovs-port-agent ledger checkpoint >/root/early.checkpoint');
    const { height } = (await host.ledger()).findLast(({ action }) => action === 'port_attached') ?? {
      height: 0,
    };
    await host.sh(`ovs-port-agent ledger key >/root/key
      ovs-port-agent ledger prove ${height} --out /root/block.tlog-proof`);
    const check = 'cd / && ovs-port-agent ledger check-proof /root/block.tlog-proof --key "$(cat /root/key)"';
    expect(await host.sh(check)).toMatch(/^PROVEN: block .*\n\{"action":"port_attached"/);
    const other = await host.exec([
      'sh',
      '-c',
      `sed 's/^index .*/index 0/' /root/block.tlog-proof >/root/bad; ${check.replace('block.tlog-proof', 'bad')}`,
    ]);
    expect([other.exitCode, other.stdout.slice(0, 10)]).toEqual([1, 'NOT PROVEN']);
    await host.sh('ovs-port-agent ledger rotate-key');
    await attach(5002);
    await host.sh('ovs-port-agent ledger checkpoint >/root/late.checkpoint');
    expect(
      await verdict('--known-head', '/root/early.checkpoint', '--known-head', '/root/late.checkpoint'),
    ).toMatchObject({ exitCode: 0 });
    expect(await verdict('--from', '/root/early.checkpoint')).toMatchObject({ exitCode: 0 });
    expect(await host.sh(check)).toMatch(/^PROVEN/);
  });

  it('is sealed and packed when its file is full, and a segment that is taken away is told of until it is back', async () => {
    const record = `busctl call dev.ovs.PortAgent1 /dev/ovs/PortAgent1 dev.ovs.PortAgent1 add_blockchain_data sss settings x`;
    await host.sh(`printf '[ledger]\\nsegment_mib = 1\\n' >>/etc/ovs-port-agent/config.toml; systemctl restart ${UNIT}
      big=$(head -c 32000 /dev/zero | tr '\\0' x)
      for i in $(seq 68); do until ${record} "{\\"n\\":$i,\\"x\\":\\"$big\\"}"; do sleep 1; done; done >/dev/null 2>&1`);
    // Sixty at once is what one user may record. The newest segment stays as it is.
    const segments = () => host.sh(`ls ${STATE}/ledger.d/segments`);
    await eventually(segments, (found) => expect(found).toMatch(/^0{19}1\.jsonl\.gz\n\d{20}\.jsonl$/));
    expect(await verdict()).toMatchObject({ exitCode: 0, verdict: 'ok' });
    await host.sh(`mv ${STATE}/ledger.d/segments/*1.jsonl.gz /root/`);
    const told = async () => (await status()).health.filter(({ fault }) => fault === 'ledger-segment');
    await eventually(told, ([fault]) => expect(fault?.text).toContain('it was removed'));
    expect(await verdict()).toMatchObject({ exitCode: 20, verdict: 'broken' });
    // Nobody who starts the agent again gets a green light.
    await restart();
    const broken = async () => (await status()).health.filter(({ fault }) => fault.startsWith('ledger-'));
    await eventually(broken, (found) => expect(found).toMatchObject([{ fault: 'ledger-broken' }]));
    await host.sh(`mv /root/*1.jsonl.gz ${STATE}/ledger.d/segments/; systemctl restart ${UNIT}`);
    await eventually(broken, (found) => expect(found).toEqual([]));
    expect(await verdict()).toMatchObject({ exitCode: 0, verdict: 'ok' });
  });

  it('is signed to its last block when the agent stops', async () => {
    await host.sh(`systemctl stop ${UNIT}`);
    const { height } = (await host.ledger()).at(-1) ?? { height: 0 };
    expect((await verdict()).newest_checkpoint).toMatchObject({ size: height });
  });

  it('goes on in a new epoch when its file was put back, and says so everywhere', async () => {
    await host.sh(`cp ${STATE}/ledger.jsonl /root/before.jsonl; systemctl start ${UNIT}`);
    await attach(5003);
    await host.sh(
      `systemctl stop ${UNIT}; cp /root/before.jsonl ${STATE}/ledger.jsonl; systemctl start ${UNIT}`,
    );
    await epochIs(2);
    const told = (await status()).health.filter(({ fault }) => fault.startsWith('ledger-'));
    expect(told.map(({ fault }) => fault)).toEqual(['ledger-epoch']);
    expect(told[0]?.text).toMatch(/does not hold block \d+, the last one known: it ended at block \d+ at/);
    const wrong = JSON.parse((await host.cli('doctor', '--json')).stdout).filter(
      ({ state }: { state: string }) => state === 'fail' || state === 'warn',
    );
    const ofLedger = wrong
      .map(({ text }: { text: string }) => text)
      .filter((text: string) => /ledger/.test(text));
    expect(ofLedger).toEqual([expect.stringContaining('restored from an older state')]);
    expect(await host.sh(`journalctl -q -u ${UNIT} -o cat`)).toContain('restored from an older state');
    const begun = (await host.ledger()).findLast(({ action }) => action === 'ledger_epoch_begun');
    expect(begun?.data).toMatchObject({ epoch: 2, why: 'rolled-back' });
    expect(await verdict()).toMatchObject({ exitCode: 23, verdict: 'gap' });
    // What was kept before that time still fits; what was kept since does not, and nobody can say otherwise.
    expect(await verdict('--known-head', '/root/late.checkpoint')).toMatchObject({ exitCode: 23 });
  });

  it('that was put back whole is found by whoever kept a checkpoint', async () => {
    await host.sh(
      `systemctl stop ${UNIT}; rm -rf /root/disk; cp -a ${STATE} /root/disk; systemctl start ${UNIT}`,
    );
    await attach(5004);
    await host.sh(`ovs-port-agent ledger checkpoint >/root/lost.checkpoint
      systemctl stop ${UNIT}; rm -rf ${STATE}/ledger* && cp -a /root/disk/ledger* ${STATE}/; systemctl start ${UNIT}`);
    await eventually(
      () => verdict('--known-head', '/root/lost.checkpoint'),
      (found) => expect(found).toMatchObject({ exitCode: 22, verdict: 'diverged' }),
    );
  });

  it('of a host that was cloned has a key and a name of its own', async () => {
    const before = (await status()).ledger.checkpoint;
    await host.sh(`systemctl stop ${UNIT}
      tr 0-9a-f 1-9a-f0 </etc/machine-id >/root/machine-id && cat /root/machine-id >/etc/machine-id; systemctl start ${UNIT}`);
    await epochIs(before.epoch + 1);
    const { checkpoint } = (await status()).ledger;
    expect(checkpoint.key).not.toBe(before.key);
    expect(checkpoint.origin).not.toBe(before.origin);
    expect((await status()).health.map(({ text }) => text).join()).toContain('was cloned');
    await restart();
    await epochIs(before.epoch + 1);
  });

  it('is checked for certain: a line that is written anew, a key that is another', async () => {
    await host.sh(`systemctl stop ${UNIT}; rm -rf /root/copy; cp -a ${STATE} /root/copy`);
    // As the documentation gives it to an auditor: enough to judge, and no secret.
    const page = await host.sh('cat /src/docs/ledger.md');
    const [pack = 'false'] = /^ {4}tar -C [^\n]*\\\n[^\n]*/m.exec(page) ?? [];
    await host.sh(`cd /root; ${pack}; rm -rf given; mkdir given; tar -C given -xzf ledger-of-pve1.tar.gz`);
    expect(await host.sh('grep -rl PRIVATE /root/given || true')).toBe('');
    expect(await host.sh(`grep -l PRIVATE ${STATE}/ledger.d/key`)).not.toBe('');
    const whole = await verdict('/root/copy/ledger.jsonl');
    expect(await verdict('/root/given/ledger.jsonl')).toEqual({ ...whole, path: '/root/given/ledger.jsonl' });
    const on = async (change: string) => {
      await host.sh(`rm -rf /root/try; cp -a /root/copy /root/try; cd /root/try; ${change}`);
      return verdict('/root/try/ledger.jsonl');
    };
    expect(await on('sed -i "3s/root/toor/" ledger.jsonl')).toMatchObject({ exitCode: 20 });
    expect(await on("sed -i '$d' ledger.jsonl")).toMatchObject({ exitCode: 22 });
    expect(await on('truncate -s -5 ledger.jsonl; rm ledger.d/checkpoints.jsonl')).toMatchObject({
      exitCode: 11,
    });
    expect(await on('rm ledger.d/checkpoints.jsonl')).toMatchObject({ exitCode: 10 });
    await host.sh(`systemctl start ${UNIT}`);
  });
});
