// The methods about the ledger's checkpoints: one now, and another key.

import type { Checkpoints } from '../../core/ledger/checkpoint/checkpoints.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { none } from '../arguments.ts';
import { jsonMethod, type Method } from '../method.ts';

export function evidenceMethods({
  checkpoints,
}: {
  checkpoints: Pick<Checkpoints, 'sign' | 'rotateKey' | 'origin'>;
}): Method[] {
  return [
    jsonMethod({
      name: 'sign_checkpoint',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/evidence.ts')).checkpointSchema,
      run: async () => {
        const signed = await checkpoints.sign();
        if (signed === undefined)
          throw new AgentError('ledger-checkpoint-missing', 'There is no block that could be signed.');
        const { size, root, note } = signed;
        return { origin: checkpoints.origin() ?? '', size, root: root.toString('hex'), note };
      },
    }),
    jsonMethod({
      name: 'rotate_ledger_key',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/evidence.ts')).rotationSchema,
      run: () => checkpoints.rotateKey(),
    }),
  ];
}
