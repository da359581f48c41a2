// The methods that answer blocks: by height, by category, by hash, and in pages. A bus message is limited, so each answer is.

import { z } from 'zod';
import { categoriesNamed, knownCategoryNames } from '../../core/ledger/category-names.ts';
import { type FlatBlock, type Ledger, renderFlat } from '../../core/ledger/index.ts';
import { queryBlocks } from '../../core/ledger/query/query.ts';
import { wantCategories, wantHash } from '../../core/ledger/query/wants.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { keyedQueue } from '../../core/lib/keyed-queue.ts';
import { text } from '../arguments.ts';
import { jsonMethod, type Method } from '../method.ts';

export interface BlockQueryParts {
  ledger: Pick<Ledger, 'head'>;
  path: string;
}

/** Most blocks that one answer may have, and most bytes of its text; a bus message has 32 MiB at most. */
const BLOCKS_MAX = 10_000;
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** Most blocks of a page, and how many heights one page looks through. */
const PAGE_MAX = 1000;
const PAGE_HEIGHTS = 200_000;
const NOT_FOUND = 'Block not found';

const height = z.coerce.number().int().nonnegative();
const blocksAnswer = async () => (await import('../answers/ledger.ts')).blocksSchema;

export function blockQueries({ ledger, path }: BlockQueryParts): Method[] {
  // Whoever asks for all of a ledger many times at once waits for himself, and guests do not.
  const queue = keyedQueue(1);
  const inTurn = <T>(work: () => Promise<T>) => queue.run('', work);

  return [
    jsonMethod({
      name: 'get_blocks_by_height',
      in: [
        { name: 'start', type: 't' },
        { name: 'end', type: 't' },
      ],
      schema: z
        .tuple([height, height])
        .refine(([start, end]) => start <= end, 'start must not be after end')
        .refine(([start, end]) => end - start < BLOCKS_MAX, `at most ${BLOCKS_MAX} blocks at a time`),
      answer: blocksAnswer,
      run: ([from, to]) =>
        inTurn(async () => {
          const { blocks, next } = await collect(path, { from, to }, BLOCKS_MAX);
          if (next !== undefined)
            throw tooBig(`${from} to ${to}`, `of ${from} to ${next - 1}, then from ${next} on`);
          return blocks;
        }),
    }),
    jsonMethod({
      name: 'get_blocks_by_category',
      in: [text('category')],
      schema: z.tuple([z.string()]).superRefine(([name], context) => demandName(name, context)),
      answer: blocksAnswer,
      run: ([name]) =>
        inTurn(async () => {
          const { blocks, next } = await collect(
            path,
            { categories: categoriesNamed(name) ?? [] },
            BLOCKS_MAX,
          );
          if (next !== undefined) throw tooBig(name, `in pages: get_blocks_page ${name} 1 ${PAGE_MAX}`);
          return blocks;
        }),
    }),
    jsonMethod({
      name: 'get_blocks_page',
      in: [text('category'), { name: 'from', type: 't' }, { name: 'limit', type: 'u' }],
      schema: z
        .tuple([
          z.string(),
          height,
          z.number().int().min(1).max(PAGE_MAX, `at most ${PAGE_MAX} blocks in a page`),
        ])
        .superRefine(([name], context) => void (name !== '' && demandName(name, context))),
      answer: async () => (await import('../answers/ledger.ts')).blocksPageSchema,
      run: ([name, from, limit]) =>
        inTurn(async () => {
          const categories = name === '' ? undefined : categoriesNamed(name);
          const first = Math.max(1, from);
          const last = first + PAGE_HEIGHTS - 1;
          const head = ledger.head().height;
          const found = await collect(path, { from: first, to: last, categories }, limit);
          const next = found.next ?? last + 1;
          return { blocks: found.blocks, next: next <= head ? next : null, head };
        }),
    }),
    byHash(path, inTurn),
  ];
}

/** The only answer that is not always JSON; clients of the older interface know its other text. */
function byHash(path: string, inTurn: <T>(work: () => Promise<T>) => Promise<T>): Method {
  return {
    name: 'get_block_by_hash',
    in: [text('hash')],
    out: [text('json')],
    isJson: true,
    schema: z.tuple([
      z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'a hash has 64 hexadecimal digits')
        .transform((hash) => hash.toLowerCase()),
    ]),
    answer: async () => (await import('../answers/ledger.ts')).blockSchema,
    run: (args: never) =>
      inTurn(async () => {
        const [hash] = args as [string];
        for await (const block of queryBlocks(path, { wants: [wantHash(hash)] }))
          if (block.hash === hash) return [JSON.stringify(renderFlat(block), null, 2)];
        return [NOT_FOUND];
      }),
  };
}

interface Wanted {
  from?: number;
  to?: number;
  categories?: readonly string[] | undefined;
}

/** At most `limit` blocks, and no more than an answer may hold; `next`: the height from which there may be others. */
async function collect(
  path: string,
  { from = 1, to = Number.POSITIVE_INFINITY, categories }: Wanted,
  limit: number,
): Promise<{ blocks: FlatBlock[]; next?: number }> {
  const blocks: FlatBlock[] = [];
  let bytes = 0;
  const wants = categories ? [wantCategories(categories)] : [];
  for await (const block of queryBlocks(path, { from, to, wants })) {
    const flat = renderFlat(block);
    bytes += Buffer.byteLength(JSON.stringify(flat, null, 2));
    // One block alone always fits, or nobody could ask for those behind it.
    if (blocks.length >= limit || (bytes > ANSWER_BYTES_MAX && blocks.length > 0))
      return { blocks, next: block.height };
    blocks.push(flat);
  }
  return { blocks };
}

function demandName(name: string, context: z.RefinementCtx): void {
  if (categoriesNamed(name) !== undefined) return;
  const message = `there is no category ${JSON.stringify(name.slice(0, 64))}; there are ${knownCategoryNames()}`;
  context.addIssue({ code: 'custom', path: [0], message });
}

function tooBig(what: string, instead: string): AgentError {
  return new AgentError(
    'answer-too-big',
    `The blocks of ${what} do not fit into one answer. Ask for those ${instead}`,
  );
}
