// Promises about detection: which containers are Netmaker's, in which role, and what people are told.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectNetmaker } from '../../../../src/netmaker/detection/detect.ts';
import { imageRepository } from '../../../../src/netmaker/detection/image-repository.ts';
import { type DetectionSettings, patternsOf } from '../../../../src/netmaker/detection/patterns.ts';

const P = 'dev.ovs.portagent.';

function detect(
  name: string,
  image = 'busybox',
  labels: Record<string, string> = {},
  settings: Partial<DetectionSettings> = {},
  dockerNames: string[] = [],
) {
  const patterns = patternsOf({ images: [], names: [], deny: [], ...settings }, dockerNames);
  return detectNetmaker({ name, image, labels }, patterns);
}

function compose(project: string, service: string, number = '1') {
  return {
    'com.docker.compose.project': project,
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': number,
  };
}

describe("Netmaker's own compose file", () => {
  // gravitl/netmaker:compose/docker-compose.yml and docker-compose.pro.yml: container_name and image.
  it.each([
    ['netmaker', 'gravitl/netmaker:v1.5.1', 'server'],
    ['netclient', 'gravitl/netclient:v1.5.1', 'client'],
    ['netmaker-ui', 'gravitl/netmaker-ui:v1.5.1', 'considered'],
    ['netmaker-exporter', 'gravitl/netmaker-exporter:v1.5.1', 'considered'],
    ['caddy', 'caddy:2.8.4', 'other'],
    ['mq', 'eclipse-mosquitto:2.0.15-openssl', 'other'],
    ['mq', 'emqx/emqx:5.8.2', 'other'],
    ['prometheus', 'gravitl/netmaker-prometheus:latest', 'other'],
    ['grafana', 'gravitl/netmaker-grafana:latest', 'other'],
    ['coredns', 'coredns/coredns', 'other'],
    ['turn', 'gravitl/turnserver:v1.0.0', 'other'],
  ])('%s of %s is: %s', (name, image, what) => {
    const found = detect(name, image, compose('netmaker', name));
    if (what === 'server' || what === 'client') expect(found).toMatchObject({ netmaker: true, role: what });
    else expect(found).toMatchObject({ netmaker: false, considered: what === 'considered' });
  });

  it('under the project name netmaker and default names has the same nodes', () => {
    for (const separator of ['-', '_']) {
      const of = (service: string) =>
        detect(`netmaker${separator}${service}${separator}1`, 'busybox', compose('netmaker', service));
      expect(of('netmaker')).toMatchObject({ netmaker: true, role: 'server' });
      expect(of('netclient')).toMatchObject({
        netmaker: true,
        role: 'client',
        reason: 'Compose service netclient matches netclient*',
      });
      for (const service of ['mq', 'caddy', 'web', 'proxy']) {
        expect(of(service)).toMatchObject({ netmaker: false, considered: false });
      }
      expect(of('netmaker-ui')).toMatchObject({
        netmaker: false,
        considered: true,
        reason: 'Compose service netmaker-ui has the part "ui", which netmaker.deny lists',
      });
    }
  });

  it('is read by its service with a project called after a denied part, and in a run of one command', () => {
    expect(detect('db-netclient-3', 'busybox', compose('db', 'netclient', '3')).netmaker).toBe(true);
    expect(detect('netmaker-web-run-0123abcd', 'busybox', compose('netmaker', 'web')).netmaker).toBe(false);
  });

  it('that names a container itself has that name looked at', () => {
    expect(detect('netmaker-7', 'busybox', compose('shop', 'web'))).toMatchObject({
      netmaker: true,
      reason: 'name matches netmaker-*',
    });
  });
});

describe('a label', () => {
  it.each([
    ['server', 'server'],
    ['client', 'client'],
    ['true', 'client'],
  ])('netmaker=%s makes any container one, before every denied part', (value, role) => {
    for (const name of ['web', 'netmaker-ui', 'mq']) {
      const reason = `label ${P}netmaker=${value}`;
      expect(detect(name, 'caddy', { [`${P}netmaker`]: value })).toEqual({ netmaker: true, role, reason });
    }
  });

  it('netmaker=true leaves the role to image and name', () => {
    const labels = { [`${P}netmaker`]: 'true' };
    expect(detect('x', 'gravitl/netmaker', labels)).toMatchObject({ role: 'server' });
    expect(detect('netmaker-server-2', 'x', labels)).toMatchObject({ role: 'server' });
  });

  it('netmaker=false takes any container out', () => {
    expect(detect('netmaker', 'gravitl/netmaker', { [`${P}netmaker`]: 'false' })).toEqual({
      netmaker: false,
      considered: true,
      reason: `label ${P}netmaker=false`,
    });
  });

  it('with a mistake in it makes no node', () => {
    expect(detect('netmaker', 'gravitl/netmaker', { [`${P}netmaker`]: 'Server\n' })).toMatchObject({
      netmaker: false,
      considered: true,
      reason: expect.stringContaining('must be server, client, true or false, not "Server\\n"'),
    });
  });
});

describe('an image', () => {
  it.each([
    ['gravitl/netmaker', 'server'],
    ['gravitl/netclient', 'client'],
    ['docker.io/gravitl/netclient:v1.5.1', 'client'],
    ['index.docker.io/gravitl/netmaker:latest', 'server'],
    [`gravitl/netclient@sha256:${'a'.repeat(64)}`, 'client'],
    [`docker.io/gravitl/netclient:v1@sha256:${'a'.repeat(64)}`, 'client'],
  ])('%s is a %s whatever the name', (image, role) => {
    expect(detect('zealous_hopper', image)).toMatchObject({ netmaker: true, role });
  });

  it.each([
    'netclient',
    'other/netclient',
    'gravitl/netclient-go',
    'gravitl/netclient/sub',
    'ghcr.io/gravitl/netclient',
    'localhost/gravitl/netclient',
    'docker.io.evil.example/gravitl/netclient',
    'evil/docker.io/gravitl/netclient',
    'Gravitl/netclient',
    'gravitl/netclient:',
    'gravitl/netclient:a b',
    'gravitl/netclient@sha256:1',
    `sha256:${'a'.repeat(64)}`,
    '',
  ])('%j is none', (image) => {
    expect(detect('zealous_hopper', image)).toMatchObject({ netmaker: false, considered: false });
  });

  it('of another member of the compose file is denied under a fitting name', () => {
    expect(detect('netmaker-broker', 'emqx/emqx:5.8.2')).toMatchObject({
      netmaker: false,
      considered: true,
      reason: 'image emqx/emqx has the part "emqx", which netmaker.deny lists',
    });
    expect(detect('netmaker-store', 'postgres:16')).toMatchObject({ netmaker: false, considered: true });
  });

  it.each([
    ['busybox', 'busybox'],
    ['docker.io/library/busybox:1', 'busybox'],
    ['registry.example:5000/a/b:v1', 'registry.example:5000/a/b'],
    ['localhost:5000/b', 'localhost:5000/b'],
    ['[2001:db8::1]:5000/b', '[2001:db8::1]:5000/b'],
    ['a__b/c-_d', undefined],
    ['a/../b', undefined],
    ['a//b', undefined],
    ['a@b@c', undefined],
    ['a'.repeat(64), undefined],
  ])('%s has the repository %s', (reference, repository) => {
    expect(imageRepository(reference)).toBe(repository);
  });

  it('never makes an exception, and its repository has no tag, digest or control character', () => {
    const part = fc.constantFrom('gravitl', '/', ':', '@', 'docker.io', 'v1', '.', '_', '-', 'A', '\n', '[');
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: part }), fc.string()), (text) => {
        const repository = imageRepository(text);
        if (repository !== undefined) {
          expect(repository).toMatch(/^[!-~]+$/);
          expect(imageRepository(repository)).toBe(repository);
        }
      }),
    );
  });
});

describe('a name', () => {
  it.each([
    ['netmaker', 'server'],
    ['netmaker-server', 'server'],
    ['netmaker-server-2', 'server'],
    ['netmaker-1', 'client'],
    ['netmaker-client-7', 'client'],
    ['netmaker-dbus', 'client'],
    ['netclient', 'client'],
    ['netclient-berlin', 'client'],
    ['netclient_2', 'client'],
  ])('%s is a %s', (name, role) => {
    expect(detect(name)).toMatchObject({ netmaker: true, role });
  });

  it.each([
    ['netmaker-ui', 'ui'],
    ['netmaker-mq-1', 'mq'],
    ['netclient_db', 'db'],
    ['netmaker-turn_2', 'turn'],
  ])('%s is denied by its part %s', (name, part) => {
    expect(detect(name)).toEqual({
      netmaker: false,
      considered: true,
      reason: `name has the part "${part}", which netmaker.deny lists`,
    });
  });

  it.each(['web', 'my-netmaker', 'mynetclient', 'netmaker_x', 'caddy', ''])('%j is none', (name) => {
    expect(detect(name)).toMatchObject({ netmaker: false, considered: false });
  });
});

describe('the configuration', () => {
  it('adds images, names and denied parts', () => {
    expect(
      detect('x', 'registry.example/mesh/netclient:1', {}, { images: ['registry.example/mesh/netclient'] }),
    ).toEqual({
      netmaker: true,
      role: 'client',
      reason: 'image registry.example/mesh/netclient',
    });
    expect(detect('x', 'own/netmaker', {}, { images: ['docker.io/own/*'] })).toMatchObject({
      role: 'server',
    });
    expect(detect('mesh-1', 'busybox', {}, { names: ['mesh-*'] })).toMatchObject({ netmaker: true });
    expect(detect('netclient-side-car', 'busybox', {}, { deny: ['side-car'] })).toMatchObject({
      netmaker: false,
      considered: true,
    });
    expect(detect('netclient-test7', 'busybox', {}, { deny: ['*-test?'] })).toMatchObject({
      considered: true,
    });
  });

  it('takes built-in ones out', () => {
    expect(detect('x', 'gravitl/netclient', {}, { images: ['!docker.io/gravitl/netclient'] }).netmaker).toBe(
      false,
    );
    expect(detect('netclient', 'x', {}, { names: ['!netclient*'] }).netmaker).toBe(false);
    expect(detect('netmaker-db', 'x', {}, { deny: ['!db'] }).netmaker).toBe(true);
  });

  it('counts the names of [docker] as well, unless they are taken out', () => {
    expect(detect('mesh-1', 'x', {}, {}, ['mesh-*']).netmaker).toBe(true);
    expect(detect('netmaker-1', 'x', {}, {}, ['mesh-*']).netmaker).toBe(true);
    expect(detect('netmaker-1', 'x', {}, { names: ['!netmaker-*'] }, ['netmaker-*']).netmaker).toBe(false);
  });
});

it('a label false, or a denied part without a label, never ends as a node', () => {
  const name = fc.constantFrom('netmaker', 'netclient', 'netmaker-x', 'web');
  const part = fc.constantFrom('', '-ui', '_mq', '-db-2');
  const label = fc.constantFrom(undefined, 'true', 'false', 'server', '');
  fc.assert(
    fc.property(name, part, label, fc.string(), (stem, tail, value, image) => {
      const found = detect(stem + tail, image, value === undefined ? {} : { [`${P}netmaker`]: value });
      if (value === 'false' || value === '' || (value === undefined && tail !== '')) {
        expect(found.netmaker).toBe(false);
      }
      expect(found.reason).toMatch(/^[ -~]{1,300}$/);
    }),
  );
});
