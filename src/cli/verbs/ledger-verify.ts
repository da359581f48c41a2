// `ledger verify`: checks chain, checkpoints and what was kept elsewhere, in the files themselves; no agent is needed.

import { access, lstat, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnownHead } from '../../core/ledger/checkpoint/judge.ts';
import { verifyEvidence } from '../../core/ledger/checkpoint/verify-evidence.ts';
import { HEAD_FILE, type Head, readRememberedHead } from '../../core/ledger/index.ts';
import { parsePolicy } from '../../core/ledger/note/policy.ts';
import { ledgerPaths } from '../../core/ledger/paths.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import { parseHead, parseSeconds } from '../arguments.ts';
import { CliError, failureOf } from '../failure.ts';
import { readKnownHead } from '../known-head.ts';
import { demandLedger } from '../ledger-file.ts';
import { readNamed } from '../named-file.ts';
import { safeJson } from '../printable.ts';
import { verifyProgress } from '../progress.ts';
import { EXIT_CODES, verdictJson, verdictLines } from '../render/verdict.ts';
import { type AddVerb, type Context, ending, examples } from '../verb.ts';

interface Options {
  fast?: boolean;
  strict?: boolean;
  head?: Head;
  from?: string;
  knownHead?: string[];
  policy?: string;
  maxAge?: number;
  progress?: boolean;
  json?: boolean;
}

export const addLedgerVerify: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('verify')
    .description('check every block of the ledger, or of FILE, and its checkpoints')
    .argument('[file]', "a ledger file; by default this host's own")
    .option('--strict', 'also check the form of each line: this is what is done without --fast')
    .option('--fast', 'check hashes, links and checkpoints only, not the form of each line')
    .option('--head <height:hash>', 'also demand this block, remembered elsewhere', parseHead)
    .option('--from <file>', 'believe this checkpoint, kept elsewhere, and check only what came after it')
    .option(
      '--known-head <file>',
      'also demand this checkpoint or proof, kept elsewhere; more than once',
      collect,
    )
    .option('--policy <file>', 'who must have signed and cosigned the newest checkpoint (C2SP tlog-policy)')
    .option('--max-age <seconds>', 'how old the newest checkpoint may be', parseSeconds)
    .option('--progress', 'show progress on stderr at once, also when it is no terminal')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples([
        'ledger verify',
        'ledger verify --fast /mnt/backup/ledger.jsonl',
        'ledger verify --known-head /mnt/elsewhere/pve1.checkpoint',
        'ledger verify --policy /etc/ovs-port-agent/witnesses.policy',
      ])}

Blocks cut off the end show by checkpoints, and for certain by one that was kept off this host. Of this host's own ledger,
the last block that the agent remembers is demanded too.
Exit code: 0 ok; 10 unanchored: it holds, and no checkpoint, or not enough witnesses, say how long it must be;
11 torn-tail: an unfinished last line, no fault; 20 broken; 21 bad-signature; 22 diverged from a head;
23 gap: something is missing, and the ledger itself says so; 30 it cannot be read.`,
    )
    .action(
      ending(context, async (file: string | undefined, options: Options) => {
        const path = file ?? (await context.readConfig()).ledger.path;
        const known = await knownHeads(path, file === undefined, options, context);
        const from = options.from === undefined ? undefined : await readKnownHead(options.from);
        const policy =
          options.policy === undefined ? undefined : parsePolicy(await readNamed(options.policy));
        // What lies beside it, or a link, says that there was one: then it is evidence that is missing, and no slip of the pen.
        if (!(await wasThere(path))) await unreadable(demandLedger(path));
        const total = (await stat(path).catch(() => undefined))?.size ?? 0;
        const meter = verifyProgress(terminal, total, options.progress === true);
        const result = await unreadable(
          verifyEvidence(path, {
            mode: options.fast ? 'fast' : 'strict',
            onLine: meter.onLine,
            now: Date.now,
            known,
            ...(from && { from }),
            ...(policy && { policy }),
            ...(options.maxAge !== undefined && { maxAge: options.maxAge }),
          }),
        ).finally(meter.end);
        const lines = options.json ? [safeJson(verdictJson(path, result), 2)] : verdictLines(path, result);
        for (const line of lines) terminal.out(line);
        return EXIT_CODES[result.verdict];
      }),
    );
};

/** What cannot be read is a verdict of its own; who may not read it is told so as by every verb. */
const unreadable = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    const isOfFile = isAgentError(error, 'bad-argument') || isAgentError(error, 'ledger-evidence-unreadable');
    const failure = failureOf(error);
    throw isOfFile && failure.exitCode !== 3 ? new CliError(failure.line, 30) : error;
  });

const collect = (file: string, before: string[] = []) => [...before, file];

async function knownHeads(
  path: string,
  isOwn: boolean,
  options: Options,
  context: Context,
): Promise<KnownHead[]> {
  const { head, knownHead = [] } = options;
  // What the agent remembers of its own ledger; of another file nobody remembers anything.
  const own = isOwn ? await readRememberedHead(join(context.stateDir, HEAD_FILE), path) : undefined;
  if (own && head === undefined && !(await isThere(path)))
    throw new CliError(
      `The ledger ${path} is gone: block ${own.height}, the last one known, is in no file there.`,
      22,
    );
  const known = await Promise.all(knownHead.map(readKnownHead));
  const given = head ?? own;
  const from = head === undefined ? 'the agent' : '--head';
  return given === undefined ? known : [...known, { size: given.height, hash: given.hash, from }];
}

const wasThere = async (path: string) =>
  (await isThere(ledgerPaths(path).side, lstat)) ||
  (await readlink(path).catch(() => undefined)) !== undefined;

const isThere = (path: string, look: (path: string) => Promise<unknown> = access) =>
  look(path).then(
    () => true,
    () => false,
  );
