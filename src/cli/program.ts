// The command line as a whole: from arguments to an exit code.

import { Command, CommanderError, Option } from 'commander';
import { readStartError } from '../core/config/in-force.ts';
import { demandRoot, pathOf } from './as-root.ts';
import { missedForConfig } from './config-of-host.ts';
import { type Failure, failureOf, isUnanswered } from './failure.ts';
import { folded, type Manner, presented, wantsColor } from './present.ts';
import { printable } from './printable.ts';
import type { Screen } from './terminal.ts';
import { usageLine } from './usage.ts';
import type { AddVerb, Context } from './verb.ts';
import { addConfig } from './verbs/config.ts';
import { addCreateInterface } from './verbs/create-interface.ts';
import { addDoctor } from './verbs/doctor.ts';
import { addEvents } from './verbs/events.ts';
import { addExplain } from './verbs/explain.ts';
import { addIntrospect } from './verbs/introspect.ts';
import { addLedger } from './verbs/ledger.ts';
import { addList } from './verbs/list.ts';
import { addName } from './verbs/name.ts';
import { addNetmaker } from './verbs/netmaker.ts';
import { addProxmox } from './verbs/proxmox.ts';
import { addReconcile } from './verbs/reconcile.ts';
import { addRemoveInterface } from './verbs/remove-interface.ts';
import { addRun } from './verbs/run.ts';
import { addStatus } from './verbs/status.ts';

const VERBS: readonly AddVerb[] = [
  addRun,
  addStatus,
  addDoctor,
  addExplain,
  addList,
  addEvents,
  addReconcile,
  addName,
  addCreateInterface,
  addRemoveInterface,
  addIntrospect,
  addNetmaker,
  addProxmox,
  addLedger,
  addConfig,
];

const ABOUT = `Guests of this host get Open vSwitch ports called vi<VMID>, and a ledger says who, what and when.`;

const EXIT_CODES = `
Each verb has --help with examples, and --json for programs.
Exit codes: 0 fine; 1 what was asked for is not so; 2 bad usage or configuration; 3 the agent cannot be reached.`;

/** Verbs that may have more to show than a screen holds. */
const PAGED =
  /^(?:list|status|doctor|explain|events|introspect|netmaker (?:list|leases)|proxmox status|ledger|config show)\b/;

export interface ProgramParts extends Omit<Context, 'finish' | 'terminal'> {
  screen: Screen;
  env: Readonly<Record<string, string | undefined>>;
}

/** Runs one command line (without `node` and the program's name). Never throws. */
export async function runProgram(
  argv: readonly string[],
  version: string,
  parts: ProgramParts,
): Promise<number> {
  const { screen, env } = parts;
  let code = 0;
  let unasked = '';
  let manner: Manner = { width: screen.width, color: false };
  const context: Context = {
    ...parts,
    terminal: presented(screen, () => manner),
    finish: (end) => {
      code = end;
    },
  };
  const help = (text: string) => {
    screen.page();
    const width = Math.min(screen.width ?? 80, 100);
    for (const line of text.replace(/\n$/, '').split('\n'))
      for (const piece of folded(line, width)) screen.out(piece);
  };
  const program = commandTree(version, context);
  program.configureOutput({
    writeOut: help,
    writeErr: (text) => {
      unasked += text;
    },
    getOutHelpWidth: () => Math.min(screen.width ?? 80, 100),
  });
  program.hook('preAction', (_, verb) => {
    demandRoot(verb, parts.isRoot);
    const options = verb.optsWithGlobals();
    const isForPrograms = options.json === true || !['table', 'wide', undefined].includes(options.format);
    manner = {
      width: isForPrograms ? undefined : screen.width,
      color: !isForPrograms && wantsColor(options.color, screen.width !== undefined, env),
    };
    const follows = options.follow === true || options.watch !== undefined;
    if (PAGED.test(pathOf(verb)) && options.pager !== false && !follows) screen.page();
  });
  const words = withHelp(program, argv);
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) {
      const failure = await explained(thrown, parts);
      screen.err(failure.line);
      return failure.exitCode;
    }
    // A group without a verb: commander meant its help for stderr.
    if (thrown.code === 'commander.help') help(unasked.trimEnd());
    if (thrown.exitCode === 0 || thrown.code === 'commander.help') return 0;
    screen.err(usageLine(thrown.message, verbOf(program, words)));
    return 2;
  }
}

/** All verbs with their options, as the completions and the manual must have them. */
export function commandTree(version: string, context: Context): Command {
  const program = new Command('ovs-port-agent')
    .description(ABOUT)
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [verb...]', 'print the help of a verb')
    .addOption(
      new Option('--color <when>', 'colours for what is wrong')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('--no-pager', 'do not show long output through $PAGER')
    .addHelpText('after', EXIT_CODES)
    .exitOverride();
  for (const add of VERBS) add(program, context);
  return program;
}

/** `help proxmox enroll` is `proxmox enroll --help`; a word that is no verb is left to be refused with the nearest one. */
function withHelp(program: Command, argv: readonly string[]): string[] {
  if (argv[0] !== 'help') return [...argv];
  let at = program;
  const path: string[] = [];
  for (const word of argv.slice(1)) {
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) {
      if (word.startsWith('-')) break;
      return at.commands.length > 0 ? [...path, word] : [...path, '--help'];
    }
    path.push(word);
    at = next;
  }
  return [...path, '--help'];
}

/** The verb, or group and verb, that the arguments begin with. */
function verbOf(program: Command, argv: readonly string[]): string | undefined {
  let at = program;
  const path: string[] = [];
  for (const word of argv) {
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    path.push(word);
    at = next;
  }
  return path.length === 0 ? undefined : path.join(' ');
}

/** An agent that is missed because of its configuration, or because its start fails: that is what to mend. */
async function explained(
  thrown: unknown,
  { configProblem, runtimeDir, isRoot }: Pick<Context, 'configProblem' | 'runtimeDir' | 'isRoot'>,
): Promise<Failure> {
  const failure = failureOf(thrown, isRoot());
  if (!isUnanswered(thrown)) return failure;
  const problem = await configProblem();
  if (problem !== undefined) return { ...failure, line: printable(missedForConfig(problem)) };
  const reason = await readStartError(runtimeDir);
  if (reason === undefined) return failure;
  return { ...failure, line: printable(`The agent does not run, its last start failed: ${reason}`) };
}
