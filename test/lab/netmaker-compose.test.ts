// Containers as Netmaker's own compose file has them: which of them become public servers, and why the others do not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerReport } from '../../src/netmaker/report.ts';
import { eventually } from './eventually.ts';
import { ask, type MeshHost, REMOTE, upMeshHost } from './netmaker-host.ts';

/** container_name, image and what else counts, of gravitl/netmaker:compose/ (docker-compose.yml and .pro.yml). */
const SERVICES = [
  ['netmaker', 'gravitl/netmaker:v1.5.1', ''],
  ['netmaker-ui', 'gravitl/netmaker-ui:v1.5.1', ''],
  ['caddy', 'caddy:2.8.4', '-p 80:80 -p 443:443'],
  ['coredns', 'coredns/coredns', ''],
  ['mq', 'eclipse-mosquitto:2.0.15-openssl', ''],
  ['netmaker-exporter', 'gravitl/netmaker-exporter:v1.5.1', ''],
  ['prometheus', 'gravitl/netmaker-prometheus:latest', ''],
  [
    'netclient',
    'gravitl/netclient:v1.5.1',
    '--network host --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_MODULE',
  ],
] as const;

let host: MeshHost;
let seen: ContainerReport[];

beforeAll(async () => {
  host = await upMeshHost('compose', { suite: 'trixie' });
  await host.service('there', 'remote', 'peer-address serve 7000');
  await host.sh('docker network create root_default');
  for (const [name, image, options] of SERVICES) {
    const labels = `--label com.docker.compose.project=root --label com.docker.compose.service=${name}`;
    const network = options.includes('--network') ? '' : '--network root_default';
    await host.sh(`
      docker tag opa-test ${image}
      docker run -d --name ${name} ${labels} --restart always ${network} ${options} ${image}`);
  }
  // What Compose makes of a service without container_name, in a folder of that name.
  await host.sh(`
    docker run -d --name netmaker-mq-1 --label com.docker.compose.project=netmaker \
      --label com.docker.compose.service=mq opa-test`);
  seen = await eventually(
    async () => JSON.parse((await host.cli('netmaker', 'list', '--json')).stdout) as ContainerReport[],
    (list) => {
      expect(list.find(({ container }) => container === 'netmaker')).toMatchObject({ decision: 'attached' });
      expect(list.find(({ container }) => container === 'netclient')).toMatchObject({ decision: 'skipped' });
    },
  );
});

afterAll(() => host?.down());

describe("Netmaker's own compose file", () => {
  const reportOf = (name: string) => seen.find(({ container }) => container === name);

  it('gives the server an address of its own, and nobody else', async () => {
    expect(seen.filter(({ decision }) => decision === 'attached')).toMatchObject([
      { container: 'netmaker', role: 'server', reason: 'image gravitl/netmaker', addresses: ['203.0.113.2'] },
    ]);
    expect((await host.traces()).ports).toHaveLength(1);
    const { stdout } = await host.inside('netmaker', ...ask('tcp', REMOTE, 7000));
    expect(stdout).toBe('203.0.113.2');
  });

  it('says of a netclient in the network of the host that it has none of its own', async () => {
    expect(reportOf('netclient')).toMatchObject({
      role: 'client',
      reason: expect.stringContaining('network mode host'),
      port: null,
      addresses: [],
    });
  });

  it.each([
    ['netmaker-ui', 'ui'],
    ['netmaker-exporter', 'exporter'],
    ['netmaker-mq-1', 'mq'],
  ])('says of %s that it is a denied part', (name, part) => {
    expect(reportOf(name)).toMatchObject({
      decision: 'skipped',
      role: null,
      reason: expect.stringContaining(`"${part}"`),
    });
  });

  it.each(['caddy', 'coredns', 'mq', 'prometheus'])('has nothing to do with %s', (name) => {
    expect(reportOf(name)?.decision ?? 'not-netmaker').toBe('not-netmaker');
  });

  it('keeps all of them reachable by name through the network that Compose made', async () => {
    await eventually(
      () => host.sh('docker exec netmaker ping -c1 -W2 mq && docker exec caddy ping -c1 -W2 netmaker'),
      (answers) => expect(answers).toContain(' 0% packet loss'),
    );
  });

  it('has the reason for each decision in the ledger', async () => {
    const reasons = (await host.ledger()).map(
      ({ data }) => `${data.guest ?? data.name} ${JSON.stringify(data)}`,
    );
    const says = (name: string, reason: string) =>
      reasons.filter((text) => text.includes(`"${name}"`) && text.includes(reason)).length;
    expect(says('netmaker', 'server: image gravitl/netmaker')).toBeGreaterThan(0);
    expect(says('netclient', 'network mode host')).toBeGreaterThan(0);
    expect(says('netmaker-ui', 'netmaker.deny')).toBeGreaterThan(0);
  });
});
