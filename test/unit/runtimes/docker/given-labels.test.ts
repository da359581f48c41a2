// Labels of an image are not the user's.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countsWhole, givenLabels } from '../../../../src/runtimes/docker/given-labels.ts';

const BRIDGE = 'dev.ovs.portagent.bridge';
const compose = (part: string) => `com.docker.compose.${part}`;

it('what an image brings is never among the given labels, what was given over it is', () => {
  const image = { [BRIDGE]: 'ovsbr0', maintainer: 'm' };
  expect(givenLabels(image, image)).toEqual({});
  expect(givenLabels({ ...image, [BRIDGE]: 'ovsbr1' }, image)).toEqual({ [BRIDGE]: 'ovsbr1' });
});

it('a label given with the very value of the image counts as the image', () => {
  expect(givenLabels({ [BRIDGE]: 'ovsbr0', own: '1' }, { [BRIDGE]: 'ovsbr0' })).toEqual({ own: '1' });
});

it('a name that every object has is a label like any other', () => {
  expect(givenLabels({ constructor: 'x', toString: 'y' }, {})).toEqual({ constructor: 'x', toString: 'y' });
  expect(givenLabels({ constructor: 'x' }, { constructor: 'x' })).toEqual({});
});

it('a service of Compose is known by its container number, also when Compose has built its image', () => {
  const image = { [compose('project')]: 'netmaker', [compose('service')]: 'db' };
  const container = { ...image, [compose('container-number')]: '1' };
  expect(givenLabels(container, image)).toEqual(container);
  expect(givenLabels(container, container)).toEqual({});
});

it('with any labels: given are those of the container that are not as the image has them, and no others', () => {
  const labels = fc.dictionary(fc.string({ maxLength: 4 }), fc.string({ maxLength: 2 }));
  fc.assert(
    fc.property(labels, labels, (image, given) => {
      const found = givenLabels({ ...image, ...given }, image);
      for (const [key, value] of Object.entries(found)) expect(given[key]).toBe(value);
      for (const [key, value] of Object.entries(given)) {
        if (image[key] !== value) expect(found[key]).toBe(value);
      }
    }),
  );
});

it('an image whose labels count is named without tag and digest, and never by its id', () => {
  expect(countsWhole('registry.example/mine/web:2', ['registry.example/mine/*'])).toBe(true);
  expect(countsWhole('docker.io/gravitl/netclient', ['gravitl/*'])).toBe(true);
  expect(countsWhole('evil/web', ['mine/*'])).toBe(false);
  expect(countsWhole(`sha256:${'a'.repeat(64)}`, ['*'])).toBe(false);
});
