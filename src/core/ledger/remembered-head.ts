// The head that was last written, kept beside the ledger and not in it: only that shows that a ledger was taken away or cut.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../lib/atomic-file.ts';
import type { Head } from './head.ts';
import type { Loss } from './loss.ts';
import type { Ledger } from './writer.ts';

/** Name of the file in the agent's state directory. */
export const HEAD_FILE = 'ledger-head.json';

const headFields = { height: z.number().int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) };
const fileSchema = z.object({
  path: z.string(),
  ...headFields,
  loss: z
    .object({
      ...headFields,
      found: z.number().int().min(0),
      setAside: z.string().optional(),
      at: z.string(),
    })
    .optional(),
});

export type RememberedHead = Head & { loss?: Loss };

/** Blocks that are not in it yet are found in the ledger; so it need not be written with each of them. */
const DELAY_MS = 500;

/** What is remembered of the ledger at `path`; undefined when nothing is, or what is there cannot be read. */
export async function readRememberedHead(file: string, path: string): Promise<RememberedHead | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { path: whose, height, hash, loss } = fileSchema.parse(JSON.parse(text));
    return whose === path ? { height, hash, ...(loss && { loss }) } : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the head down soon after each block; `close` writes the last one. `loss` stays in the file. */
export function rememberHead(
  ledger: Pick<Ledger, 'head' | 'subscribe'>,
  parts: { file: string; path: string; loss: () => Loss | undefined; onError: (error: unknown) => void },
): { close(): Promise<void> } {
  const { file, path, loss, onError } = parts;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  const write = () => {
    timer = undefined;
    const head = ledger.head();
    if (head.height === 0) return;
    const lost = loss();
    const text = `${JSON.stringify({ path, ...head, ...(lost && { loss: lost }) })}\n`;
    writing = writing.then(() => writeFileAtomically(file, text)).catch(onError);
  };
  const soon = () => {
    timer ??= setTimeout(write, DELAY_MS).unref();
  };
  const unsubscribe = ledger.subscribe(soon);
  soon();
  return {
    async close() {
      unsubscribe();
      clearTimeout(timer);
      write();
      await writing;
    },
  };
}
