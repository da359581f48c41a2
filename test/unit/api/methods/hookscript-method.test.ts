// Promises about the ledger's block of an enrolment: it says who, and takes nothing that is no note.

import { describe, expect, it } from 'vitest';
import { noteHookscript } from '../../../../src/api/methods/hookscript.ts';
import type { Entry } from '../../../../src/core/ledger/draft.ts';

const caller = { user: 'root', pid: 4711 };
const note = { vmid: 201, kind: 'lxc', result: 'enrolled', name: 'db', former: 'local:snippets/mine' };

async function record(json: string): Promise<{ answer: unknown; entries: Entry[] }> {
  const entries: Entry[] = [];
  const append = async (entry: Entry) => {
    entries.push(entry);
    return { height: 42 } as never;
  };
  const answer = await noteHookscript({ append })
    .run([json] as never, caller)
    .catch((error: unknown) => error);
  return { answer, entries };
}

describe('an enrolment', () => {
  it('is a block with the guest, what it had before, and who did it', async () => {
    const { answer, entries } = await record(JSON.stringify(note));
    expect(answer).toEqual([42n]);
    expect(entries).toEqual([
      {
        category: 'lifecycle',
        action: 'hookscript_enrolled',
        data: { vmid: 201, kind: 'lxc', name: 'db', former: 'local:snippets/mine' },
        ...caller,
      },
    ]);
  });

  it.each([
    'null',
    '{',
    JSON.stringify({ ...note, vmid: 0 }),
    JSON.stringify({ ...note, name: 'a\nb' }),
    JSON.stringify({ ...note, former: '/bin/sh' }),
    JSON.stringify({ ...note, result: 'failed' }),
    JSON.stringify({ ...note, more: 1 }),
  ])('is not recorded from %s', async (json) => {
    const { answer, entries } = await record(json);
    expect(entries).toEqual([]);
    expect(answer).toMatchObject({ code: 'bad-argument' });
  });
});
