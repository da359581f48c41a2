// The D-Bus method by which the command line hands over a ledger that the older program wrote.

import { z } from 'zod';
import { takeOver } from '../../core/ledger/imported/take-over.ts';
import type { Ledger } from '../../core/ledger/index.ts';
import { keyedQueue } from '../../core/lib/keyed-queue.ts';
import { text } from '../arguments.ts';
import { jsonMethod, type Method } from '../method.ts';

export function importLedger({ ledger, path }: { ledger: Pick<Ledger, 'append'>; path: string }): Method {
  const queue = keyedQueue(1);
  return jsonMethod({
    name: 'import_ledger',
    changes: 'itself',
    in: [text('sha256'), text('file')],
    outName: 'result',
    schema: z.tuple([
      z.string().regex(/^[0-9a-f]{64}$/, 'a digest has 64 hexadecimal digits'),
      z.string().min(1).max(4096, 'a path has at most 4096 characters'),
    ]),
    answer: async () => (await import('../answers/ledger.ts')).importSchema,
    run: ([sha256, file], { user, pid }) =>
      queue.run('', () => takeOver(ledger, path, { sha256, file, user, pid })),
  });
}
