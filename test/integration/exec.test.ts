// Programs that say more than anybody wants to know.

import { expect, it } from 'vitest';
import { exec } from '../../src/core/exec.ts';

it('gives up on a program whose output has no end, as what a container makes up may', async () => {
  await expect(exec('head', ['-c', '20M', '/dev/zero'])).rejects.toMatchObject({ code: 'exec-failed' });
});
