// Judges from outside: Sigsum's witness cosigns our log and refuses a forged one; Sigsum's log has our witness cosign it, and
// Sigsum's verifier believes that.
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type Host, upHost } from './host.ts';

let host: Host;

/** What the log in memory came to, see `witness-process.ts`. */
interface Grown {
  size: number;
  cosigned: number;
  refused: Record<string, number>;
  behind: unknown;
  same: unknown;
  larger: unknown;
}

const FORKED = { problem: { kind: 'forked', text: expect.any(String) } };
const STATE = '/var/lib/ovs-port-agent-witness';

beforeAll(async () => {
  const entry = new URL('witness-process.ts', import.meta.url).pathname;
  const { outputFiles } = await build({
    ...{ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', target: 'node18' },
    ...{ outfile: 'log.cjs', write: false, logLevel: 'error' },
  });
  host = await upHost('forky', 'witness');
  await host.exec(['sh', '-c', 'cat >/tmp/log.cjs'], { input: outputFiles[0]?.contents ?? '' });
  await host.sh('pve-init');
  await host.installDeb(inject('deb'));
  await host.sh(
    'cd /tmp; for key in theirs slog sub; do sigsum-key generate -o $key; done; node log.cjs key log',
  );
}, 300_000);

afterAll(() => host?.down());

const grow = async (url: string, key: string, rounds: number): Promise<Grown> =>
  JSON.parse(await host.sh(`cd /tmp; node log.cjs grow log ${url} ${key} ${rounds}`)) as Grown;

it("Sigsum's tools read our keys, and name them as we do", async () => {
  const vkey = await host.sh('cd /tmp; sigsum-key to-vkey -k log.pub');
  const hex = await host.sh('cd /tmp; sigsum-key to-hex -k log.pub');
  expect(vkey).toMatch(/^sigsum\.org\/v1\/tree\/[0-9a-f]{64}\+[0-9a-f]{8}\+/);
  await host.sh(`cd /tmp; echo '${vkey}' | sigsum-key from-vkey | sigsum-key to-hex | grep -x ${hex}`);
  expect(await host.sh('cut -d+ -f3 /tmp/log')).toBe(vkey.split('+')[0]);
});

it("Sigsum's witness cosigns our log through 1000 checkpoints, and refuses what is forged", async () => {
  await host.sh(`cd /tmp; systemd-run --quiet --unit=theirs --working-directory=/tmp \
    sigsum-witness -k theirs --log-key log.pub --state-file state 127.0.0.1:7777`);
  await eventually(
    () => host.sh('curl -s -o /dev/null http://127.0.0.1:7777/'),
    () => undefined,
  );
  const grown = await grow(
    'http://127.0.0.1:7777',
    await host.sh('sigsum-key to-hex -k /tmp/theirs.pub'),
    1000,
  );
  expect(grown).toEqual({
    ...{ size: 3000, cosigned: 1000 },
    refused: { stranger: 403, old: 409, proof: 422, above: 400 },
    ...{ behind: { ahead: 3000 }, same: FORKED, larger: FORKED },
  });
});

it("Sigsum's witness cosigns the agent's own ledger, and catches it when its disk was set back", async () => {
  const state = '/var/lib/ovs-port-agent';
  const ledger = async () => JSON.parse(await host.sh('ovs-port-agent ledger witness status --json || true'));
  const cosigned = () =>
    eventually(ledger, ({ ledger: { size, origin }, witnesses: [one] }) =>
      expect(one).toMatchObject({ size, origin, problem: null }),
    );
  await host.sh(`cat >/etc/ovs-port-agent/config.toml <<END
[ledger]
origin = "sigsum.org/v1/tree/{key}"
checkpoint_interval = 1
[[ledger.witnesses]]
key = "$(sigsum-key to-hex -k /tmp/theirs.pub)"
url = "http://127.0.0.1:7778/"
END
    systemctl restart ovs-port-agent`);
  await eventually(
    () =>
      host.sh(
        'ovs-port-agent ledger key --format openssh >/tmp/agent.pub; sigsum-key to-vkey -k /tmp/agent.pub',
      ),
    (vkey) => expect(vkey).toContain('sigsum.org/v1/tree/'),
  );
  await host.sh(`cd /tmp; systemd-run --quiet --unit=theirs2 --working-directory=/tmp \
    sigsum-witness -k theirs --log-key agent.pub --state-file state2 127.0.0.1:7778`);
  await cosigned();
  await host.sh(`systemctl stop ovs-port-agent; cp -a ${state} /root/before
    systemctl start ovs-port-agent; systemctl restart ovs-port-agent`);
  await cosigned();
  await host.sh(
    `systemctl stop ovs-port-agent; rm -rf ${state}; cp -a /root/before ${state}; systemctl start ovs-port-agent`,
  );
  await eventually(
    () =>
      host.sh(
        `jq -c 'select(.block.action == "ledger_epoch_begun") | .block.data.why' ${state}/ledger.jsonl`,
      ),
    (why) => expect(why.split('\n').at(-1)).toBe('"witness-ahead"'),
  );
});

describe('our witness', () => {
  let key: string;

  it('is off: nothing starts it, and without an address it does not stay', async () => {
    expect((await host.exec(['systemctl', 'is-enabled', 'ovs-port-agent-witness'])).stdout).toBe('disabled');
    await host.exec(['systemctl', 'start', 'ovs-port-agent-witness']);
    await eventually(
      () => host.sh('systemctl show --property=Result,ExecMainStatus --value ovs-port-agent-witness'),
      (text) => expect(text.split('\n').sort()).toEqual(['2', 'exit-code']),
    );
    expect(await host.sh(`ls ${STATE}`)).toBe('');
  });

  it('runs as nobody of the host, with what it has seen for itself alone', async () => {
    await host.sh(`cat >>/etc/ovs-port-agent/config.toml <<END
[witness]
name = "sigsum.org/v1/witness/{key}"
listen = "127.0.0.1:7380"
logs = ["$(sigsum-key to-hex -k /tmp/slog.pub)", "$(sigsum-key to-vkey -k /tmp/log.pub)"]
END
ovs-port-agent config check; systemctl enable --now --quiet ovs-port-agent-witness`);
    const line = await eventually(
      () => host.sh('journalctl -u ovs-port-agent-witness -o cat | grep "^witness of 2 ledgers" | tail -n 1'),
      (text) => expect(text).toContain(' key '),
    );
    key = line.split(' key ')[1] ?? '';
    expect(key).toMatch(/^sigsum\.org\/v1\/witness\/[0-9a-f]{64}\+/);
    const pid = await host.sh('systemctl show --property=MainPID --value ovs-port-agent-witness');
    const status = await host.sh(`grep -E '^(Uid|CapEff|CapPrm|NoNewPrivs)' /proc/${pid}/status`);
    expect(status).toMatch(/^Uid:\t6[0-9]{4}\t/m);
    expect(status).toContain('CapEff:\t0000000000000000');
    expect(await host.sh(`stat -L -c %a ${STATE}; stat -c %a ${STATE}/key`)).toBe('700\n400');
  });

  it("says of our forged log what Sigsum's says", async () => {
    const hex = await host.sh(`echo '${key}' | sigsum-key from-vkey | sigsum-key to-hex`);
    expect(await grow('http://127.0.0.1:7380', hex, 50)).toEqual({
      ...{ size: 150, cosigned: 50 },
      refused: { stranger: 403, old: 409, proof: 422, above: 400 },
      ...{ behind: { ahead: 150 }, same: FORKED, larger: FORKED },
    });
    const told = await host.sh('journalctl -u ovs-port-agent-witness -o cat');
    expect(told).toContain('another root was seen of this size (size 150');
  });

  // Debian's build of the log matches no path without that setting of Go's.
  it("cosigns Sigsum's log, and Sigsum's verifier believes the proof with that cosignature alone", async () => {
    const hex = await host.sh(`echo '${key}' | sigsum-key from-vkey | sigsum-key to-hex`);
    await host.sh(`cd /tmp; echo startup=empty >sth.startup; cat >policy <<END
log $(sigsum-key to-hex -k slog.pub) http://127.0.0.1:6965
witness ours ${hex} http://127.0.0.1:7380
quorum ours
END
systemd-run --quiet --unit=slog --setenv=GODEBUG=httpmuxgo121=0 --working-directory=/tmp sigsum-log-primary \
  --backend ephemeral --key-file slog --policy-file policy --interval 1s --sth-file /tmp/sth \
  --external-endpoint 127.0.0.1:6965 --internal-endpoint 127.0.0.1:6967`);
    await eventually(
      () => host.sh('curl -sf http://127.0.0.1:6965/get-tree-head'),
      (head) => expect(head).toContain('cosignature='),
    );
    await host.sh('cd /tmp; echo one >leaf; timeout 100 sigsum-submit -p policy -k sub -o proof leaf', {
      timeout: 120_000,
    });
    expect(
      await host.sh('cd /tmp; sigsum-verify -p policy -k sub.pub proof <leaf; grep -c ^cosignature= proof'),
    ).toBe('1');
    const other = await host.exec([
      'sh',
      '-c',
      'cd /tmp; echo two | sigsum-verify -p policy -k sub.pub proof',
    ]);
    expect(other.exitCode).not.toBe(0);
    await host.sh(
      'cd /tmp; sigsum-key generate -o none; sed "s/^witness ours [0-9a-f]*/witness ours $(sigsum-key to-hex -k none.pub)/" policy >stricter',
    );
    const stricter = await host.exec([
      'sh',
      '-c',
      'cd /tmp; sigsum-verify -p stricter -k sub.pub proof <leaf',
    ]);
    expect(stricter.exitCode).not.toBe(0);
  });

  it('keeps what it has seen when it is killed, and cosigns nothing when that is damaged', async () => {
    const seen = () => host.sh(`jq -r .size ${STATE}/seen/*.json | sort -n | tail -n 1`);
    expect(await seen()).toBe('150');
    await host.sh('systemctl kill --signal=KILL ovs-port-agent-witness');
    const ask = () =>
      host.sh(
        'printf "old 0\\n\\n" | cat - /tmp/note | curl -s -o /tmp/answer -w "%{http_code}" --data-binary @- http://127.0.0.1:7380/add-checkpoint; cat /tmp/answer',
      );
    await host.sh(
      `for file in ${STATE}/seen/*.json; do [ "$(jq .size $file)" != 150 ] || jq -rj .note $file; done >/tmp/note`,
    );
    expect(await eventually(ask, (answer) => expect(answer).toMatch(/^409/))).toBe('409150');
    await host.sh(`for file in ${STATE}/seen/*.json; do echo '{}' >$file; done`);
    expect(await ask()).toMatch(/^503/);
    await host.exec(['systemctl', 'restart', 'ovs-port-agent-witness']);
    await eventually(
      () => host.sh('journalctl -u ovs-port-agent-witness -o cat -n 20'),
      (text) =>
        expect(text).toMatch(
          /cannot be used: it is not what was written \[witness-state-unusable\][^\n]*\n.*Main process exited/,
        ),
    );
  });
});
