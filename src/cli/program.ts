// The command line as a whole: from arguments to an exit code.

import { Command, CommanderError } from 'commander';
import { missedForConfig } from './config-of-host.ts';
import { type Failure, failureOf, isUnanswered } from './failure.ts';
import { printable } from './printable.ts';
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

/** Runs one command line (without `node` and the program's name). Never throws. */
export async function runProgram(
  argv: readonly string[],
  version: string,
  parts: Omit<Context, 'finish'>,
): Promise<number> {
  const { terminal } = parts;
  let code = 0;
  let unasked = '';
  const program = new Command('ovs-port-agent')
    .description(ABOUT)
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [verb]', 'print the help of a verb')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.replace(/\n$/, '')),
      writeErr: (text) => {
        unasked += text;
      },
    });
  const context: Context = {
    ...parts,
    finish: (end) => {
      code = end;
    },
  };
  for (const add of VERBS) add(program, context);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) {
      const failure = await explained(thrown, parts);
      terminal.err(failure.line);
      return failure.exitCode;
    }
    // A group without a verb: commander meant its help for stderr.
    if (thrown.code === 'commander.help') terminal.out(unasked.trimEnd());
    if (thrown.exitCode === 0 || thrown.code === 'commander.help') return 0;
    const verb = program.commands.find((command) => command.name() === argv[0])?.name();
    terminal.err(usageLine(thrown.message, verb));
    return 2;
  }
}

/** An agent that is missed because of its configuration: that is what to mend. */
async function explained(
  thrown: unknown,
  { configProblem }: Pick<Context, 'configProblem'>,
): Promise<Failure> {
  const failure = failureOf(thrown);
  const problem = isUnanswered(thrown) ? await configProblem() : undefined;
  return problem === undefined ? failure : { ...failure, line: printable(missedForConfig(problem)) };
}

/** `error: unknown command 'lst'\n(Did you mean list?)` as one line that also says what to do. */
function usageLine(message: string, verb: string | undefined): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  const help = ['ovs-port-agent', ...(verb === undefined ? [] : [verb]), '--help'].join(' ');
  return printable(`${text.charAt(0).toUpperCase()}${text.slice(1)}. See: ${help}`);
}
