// `ledger import`: looks at a ledger that the older program wrote, and has the agent take it over.

import { constants } from 'node:fs';
import { copyFile, type FileHandle, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { importSchema } from '../../api/answers/ledger.ts';
import { importedData } from '../../core/ledger/imported/actions.ts';
import { type Examined, examineSeedLedger } from '../../core/ledger/imported/examine.ts';
import { importedDir, incomingPath } from '../../core/ledger/imported/places.ts';
import { ledgerPaths, makeDir, withFile } from '../../core/ledger/paths.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { importLines } from '../render/imported.ts';
import { type AddVerb, type Context, ending, examples } from '../verb.ts';

type Options = { check?: boolean; json?: boolean };

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
        const found = await withFile(file, 'r', (handle) => examined(file, handle));
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

async function examined(file: string, handle: FileHandle): Promise<Known> {
  const found = await examineSeedLedger(handle);
  if (found.verdict !== 'none') return found as Known;
  const first = Buffer.alloc(10);
  const { bytesRead } = await handle.read(first, 0, first.length, 0);
  const isOurs = first.subarray(0, bytesRead).toString() === '{"block":{';
  const why = isOurs
    ? 'it is one of ovs-port-agent itself: ledger verify FILE'
    : 'it has no line as that wrote it';
  throw new CliError(`${file} is no ledger of the older program: ${why}.`, 1);
}

/** The agent sees no home directories, so the copy goes to where its own ledger is. */
async function handOver({ callAgent, readConfig }: Context, file: string, sha256: string) {
  const { side } = ledgerPaths((await readConfig()).ledger.path);
  await makeDir(importedDir(side));
  const incoming = incomingPath(side, sha256);
  const draft = `${incoming}.${process.pid}`;
  try {
    await copyFile(file, draft, constants.COPYFILE_EXCL);
    await withFile(draft, 'r', (copy) => copy.sync());
    await rename(draft, incoming);
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
