// Containers that lie, pause, end at once, vanish while nobody looks, or carry a slip of the pen: on a real Docker.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NO_TRACES } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { type MeshHost, upMeshHost } from './netmaker-host.ts';

const P = 'dev.ovs.portagent';
let host: MeshHost;

beforeAll(async () => {
  host = await upMeshHost('docker-containers', { suite: 'trixie' });
  await host.sh(`
    docker import --change 'ENV PATH=/bin' \
      --change 'LABEL ${P}.bridge=ovsbr0 ${P}.address=10.0.0.99/24 exitCode=77 oldName="a b" name=forged image=forged' \
      --change 'CMD ["sh", "-c", "trap exit TERM; sleep 2147483647 & wait"]' /opt/lab/docker/busybox.tar forger`);
});

afterAll(() => host?.down());

afterEach(async () => {
  await host.sh('docker rm -f $(docker ps -aq) 2>/dev/null || true');
  await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES), 90_000);
  expect((await host.cli('ledger', 'verify')).exitCode).toBe(0);
});

const portsSeen = async () => (await host.traces()).ports.map(({ port, bridge }) => [port, bridge]);
/** What the ledger says of the lives of containers with that name. */
const livesOf = async (name: string) =>
  (await host.ledger()).filter(({ action, data }) => action.startsWith('guest_') && data.name === name);
const settled = async (name: string) => {
  await host.sh(`docker run --name settled-${name} --label ${P}.bridge=ovsbr1 -d opa-test`);
  await eventually(portsSeen, (ports) => expect(ports.length).toBeGreaterThan(0));
};

describe('a bridge with frames of another size', () => {
  it.each([1400, 9000])('of %i bytes gives containers cards of that size, and keeps its own', async (mtu) => {
    const bridge = () => host.sh('cat /sys/class/net/ovsbr1/mtu');
    await settled('first');
    await host.sh('docker rm -f settled-first');
    await host.sh(`ovs-vsctl set Interface ovsbr1 mtu_request=${mtu}`);
    try {
      await eventually(bridge, (seen) => expect(seen).toBe(String(mtu)));
      await host.sh(`docker run -d --name sized --label ${P}.bridge=ovsbr1 opa-test`);
      await eventually(portsSeen, (ports) => expect(ports).toHaveLength(1));
      const [[port] = ['']] = await portsSeen();
      const inner = await host.sh('docker exec sized cat /sys/class/net/ovs0/mtu');
      expect([inner, await host.sh(`cat /sys/class/net/${port}/mtu`), await bridge()]).toEqual(
        Array.from({ length: 3 }, () => String(mtu)),
      );
    } finally {
      await host.sh(
        'ovs-vsctl clear Interface ovsbr1 mtu_request; ovs-vsctl set Interface ovsbr1 mtu_request=1500',
      );
    }
  });
});

describe('an image with labels of ours', () => {
  it('attaches nobody who was not told to, and the start of a stranger is in no ledger', async () => {
    await host.sh('docker run -d --name plain forger');
    await settled('plain');
    expect((await portsSeen()).map(([, bridge]) => bridge)).toEqual(['ovsbr1']);
    expect(await livesOf('plain')).toEqual([]);
  });

  it('gives a container that was told to neither its bridge nor its address', async () => {
    await host.sh(`docker run -d --name told --label ${P}.bridge=ovsbr1 forger`);
    await eventually(portsSeen, (ports) => expect(ports.map(([, bridge]) => bridge)).toEqual(['ovsbr1']));
    const { stdout } = await host.inside('told', 'ip', '-4', 'address', 'show', 'dev', 'ovs0');
    expect(stdout).not.toContain('inet');
  });

  it('hides no event, and forges nothing of what the ledger says', async () => {
    await host.sh(`docker run -d --name told --label ${P}.bridge=ovsbr1 forger`);
    await eventually(portsSeen, (ports) => expect(ports).toHaveLength(1));
    await host.sh('docker rename told renamed; docker kill renamed; docker rm renamed');
    const lives = await eventually(
      () => livesOf('renamed'),
      (blocks) => expect(blocks.map(({ action }) => action)).toContain('guest_destroy'),
    );
    expect(lives.map(({ action }) => action)).toEqual(['guest_rename', 'guest_die', 'guest_destroy']);
    for (const { data } of [...lives, ...(await livesOf('told'))]) {
      expect(data).toMatchObject({ image: 'forger' });
      expect(data).not.toHaveProperty('exit_code');
      expect(data).not.toHaveProperty('former_name');
    }
    await host.sh(
      `docker run --name honest --label ${P}.bridge=ovsbr1 opa-test sh -c 'sleep 2; exit 3' || true`,
    );
    await eventually(
      () => livesOf('honest'),
      (blocks) => expect(blocks.at(-1)).toMatchObject({ action: 'guest_die', data: { exit_code: 3 } }),
    );
  });
});

it('a container that is paused keeps its port, its rules and its address', async () => {
  await host.start('netclient-paused');
  const before = await portsSeen();
  const { length } = await host.ledger();
  await host.sh('docker pause netclient-paused; ovs-port-agent reconcile');
  expect([await portsSeen(), (await host.ledger()).length]).toEqual([before, length]);
  await host.sh('docker unpause netclient-paused; ovs-port-agent reconcile');
  expect([await portsSeen(), (await host.report('netclient-paused')).decision]).toEqual([before, 'attached']);
});

it('forty containers of Netmaker that end at once leave nothing behind', async () => {
  const image = 'gravitl/netclient:v1.5.1';
  for (let round = 0; round < 4; round++) {
    await host.sh(`
      for n in $(seq 10); do docker run --rm ${image} sh -c "sleep 0.$n" & done
      wait`);
  }
  await eventually(host.traces, (seen) => expect(seen).toEqual(NO_TRACES), 60_000);
});

it('the number of a container that was removed while the agent was away is free', async () => {
  const labels = `--label ${P}.bridge=ovsbr1 --label ${P}.vmid=4711`;
  await host.sh(`docker run -d --name old ${labels} opa-test`);
  await eventually(portsSeen, (ports) => expect(ports).toEqual([['vi4711', 'ovsbr1']]));
  await host.stopAgent();
  await host.sh(`docker rm -f old; rm /var/lib/ovs-port-agent/docker-cursor`);
  await host.startAgent();
  await host.sh(`docker run -d --name new ${labels} opa-test`);
  await eventually(portsSeen, (ports) => expect(ports).toEqual([['vi4711', 'ovsbr1']]));
  expect(
    (await host.ledger()).filter(({ action }) => action === 'vmids_released').at(-1)?.data,
  ).toMatchObject({
    guests: [{ runtime: 'docker', name: 'old', vmid: 4711 }],
  });
});

it('a container whose name is longer than any other guest has its port', async () => {
  const name = `n${'a'.repeat(299)}`;
  await host.sh(`docker run -d --hostname h --name ${name} --label ${P}.bridge=ovsbr1 opa-test`);
  await eventually(portsSeen, (ports) => expect(ports).toHaveLength(1));
});

it('a slip in a label, and an address that is taken, are told wherever one looks', async () => {
  await host.sh(`
    docker run -d --name typo --label ${P}.brigde=ovsbr1 opa-test
    docker run -d --name first --label ${P}.bridge=ovsbr1 --label ${P}.address=10.0.0.60/24 opa-test`);
  await eventually(portsSeen, (ports) => expect(ports).toHaveLength(1));
  await host.sh(
    `docker run -d --name second --label ${P}.bridge=ovsbr1 --label ${P}.address=10.0.0.60/24 opa-test`,
  );
  for (const verb of ['status', 'doctor']) {
    await eventually(
      () => host.cli(verb),
      ({ stdout }) => {
        expect(stdout).toContain(`did you mean ${P}.bridge?`);
        expect(stdout).toContain('10.0.0.60 on ovsbr1 is the address of first already');
      },
    );
  }
  const { stdout, stderr } = await host.cli('explain', 'typo');
  expect(`${stdout}${stderr}`).toContain('did you mean');
  await host.sh('docker rm -f first');
  await eventually(portsSeen, (ports) => expect(ports).toHaveLength(1));
});

it('an address of a network of its own is no lease of a pool, and what was taken back waits', async () => {
  await host.start('netmaker-server', `--label ${P}.address=10.0.1.50/24`);
  await host.start('netclient-b');
  await host.sh('systemctl restart ovs-port-agent');
  const leased = async () => (await host.cli('netmaker', 'leases')).stdout;
  await eventually(leased, (text) => expect(text).toContain('netclient-b'));
  expect(await leased()).not.toContain('10.0.1.50');
  expect(await host.addresses('netmaker-server')).toEqual(['10.0.1.50']);
  await host.sh('ovs-port-agent netmaker withdraw');
  const { stdout } = await host.cli('status');
  expect(stdout).toContain('all public addresses are taken back');
  expect(stdout).toMatch(/container netclient-b.*public addresses are taken back/);
  expect(stdout).not.toContain('Nothing waits');
  await host.sh('systemctl restart ovs-port-agent');
  await eventually(
    () => host.report('netclient-b'),
    ({ decision }) => expect(decision).toBe('attached'),
  );
});

it('name servers of Docker’s configuration are reached as before, also where its files are out of sight', async () => {
  const DNS = '198.51.100.53';
  await host.sh(`
    mkdir -p /etc/docker /home/docker
    printf '{"dns":["${DNS}"],"data-root":"/home/docker"}' >/etc/docker/daemon.json
    systemctl restart docker; docker-image; docker tag opa-test gravitl/netclient:v1.5.1; docker network create lan`);
  await host.start('netclient-lan', '--network lan');
  await host.start('netclient-bridge');
  for (const name of ['netclient-lan', 'netclient-bridge']) {
    const { stdout } = await host.inside(name, 'ip', '-4', 'route', 'get', DNS);
    expect(stdout, name).toMatch(/via \S+ dev eth0/);
  }
});
