import { expect, it } from 'vitest';
import { knownBridges } from '../../../../src/netmaker/gateway/docker-bridges.ts';

it('are those that Docker named last, while it does not answer', async () => {
  const answers = [['docker0', 'br-0123456789ab'], undefined, ['docker0']];
  const bridges = knownBridges(async () => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error('Docker is not there');
    return answer;
  });
  expect(await bridges()).toEqual(['docker0', 'br-0123456789ab']);
  expect(await bridges()).toEqual(['docker0', 'br-0123456789ab']);
  expect(await bridges()).toEqual(['docker0']);
});
