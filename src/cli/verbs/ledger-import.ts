// `ledger import`: looks at a ledger that the older program wrote, and has the agent take it over.

import { constants } from 'node:fs';
import { copyFile, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { importSchema } from '../../api/answers/ledger.ts';
import { importedData } from '../../core/ledger/imported/actions.ts';
import { type Examined, examineSeedLedger } from '../../core/ledger/imported/examine.ts';
import { importedDir, incomingPath } from '../../core/ledger/imported/places.ts';
import { ledgerPaths, makeDir, withFile } from '../../core/ledger/paths.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { openNamed } from '../named-file.ts';
import { safeJson } from '../printable.ts';
import { importLines } from '../render/imported.ts';
import { type AddVerb, type Context, ending, examples } from '../verb.ts';

type Options = { check?: boolean; json?: boolean };

/** It is kept for ever beside the ledger. */
const BYTES_MAX = 4 * 1024 ** 3;

/** Milliseconds: the agent goes through all of it, and through its own ledger. */
const DEADLINE_MS = 600_000;

export const addLedgerImport: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('import')
    .description('take over a ledger that the older program wrote, and say what of it holds')
    .argument('<file>', 'the ledger of the older program')
    .option('--check', 'only say what holds; nothing is taken over, and no agent is needed')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger import --check old-ledger.jsonl', 'ledger import old-ledger.jsonl', 'ledger imported'])}

Each line is hashed by the older program's own rule. The file is kept as it is, read-only, in ledger.d/imported; a block of
this ledger names its SHA-256 and what holds. The same file is recorded once.
Exit code: 0 taken over, or all of it holds (--check); 1 not.`,
    )
    .action(
      ending(context, async (name: string, { check, json }: Options) => {
        const file = resolve(await demandLedger(name));
        const found = await examined(file);
        const print = (result: object, lines: string[]) => {
          for (const line of json ? [safeJson(result, 2)] : lines) terminal.out(line);
        };
        const data = importedData(found, found.verdict, { file, path: '' });
        if (check) {
          const { path: _path, epoch: _epoch, ...result } = data;
          print(result, importLines(data));
          return found.verdict === 'broken' ? 1 : 0;
        }
        if (!context.isRoot()) throw new CliError('Only root can hand a ledger over. Run this as root', 3);
        const taken = await handOver(context, file, found.sha256);
        const what = taken.already ? 'It had been taken over before' : 'Taken over';
        print(taken, [...importLines(data), `${what}: block #${taken.height}, ${taken.path}`]);
        return 0;
      }),
    );
};

type Known = Examined & { verdict: Exclude<Examined['verdict'], 'none'> };

async function examined(file: string): Promise<Known> {
  const handle = await openNamed(file, BYTES_MAX);
  const first = Buffer.alloc(10);
  try {
    const found = await examineSeedLedger(handle);
    if (found.verdict !== 'none') return found as Known;
    await handle.read(first, 0, first.length, 0);
  } finally {
    await handle.close();
  }
  const isOurs = first.toString() === '{"block":{';
  const why = isOurs
    ? 'it is one of ovs-port-agent itself: ledger verify FILE'
    : 'it has no line as that wrote it';
  throw new CliError(`${file} is no ledger of the older program: ${why}.`, 1);
}

/** The agent sees no home directories, so the copy goes to where its own ledger is. */
async function handOver({ callAgent, readConfig }: Context, file: string, sha256: string) {
  const { side } = ledgerPaths((await readConfig()).ledger.path);
  const incoming = incomingPath(side, sha256);
  const draft = `${incoming}.${process.pid}`;
  try {
    try {
      await makeDir(importedDir(side));
      await copyFile(file, draft, constants.COPYFILE_EXCL);
      await withFile(draft, 'r', (copy) => copy.sync());
      await rename(draft, incoming);
    } catch (cause) {
      throw new AgentError('output-failed', `${file} cannot be copied to ${importedDir(side)}`, { cause });
    }
    const reply = await callAgent({
      member: 'ImportLedger',
      signature: 'ss',
      body: [sha256, file],
      deadlineMs: DEADLINE_MS,
    });
    const answer = importSchema.safeParse(jsonAnswer('ImportLedger', reply));
    if (!answer.success) throw notUnderstood('ImportLedger');
    return answer.data;
  } finally {
    await Promise.all([draft, incoming].map((path) => rm(path, { force: true })));
  }
}
