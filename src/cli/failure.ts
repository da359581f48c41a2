// From anything thrown to what the user gets: one line on stderr and an exit code.

import { AGENT_ERROR } from '../core/bus/agent-names.ts';
import { BusError } from '../core/bus/bus.ts';
import {
  AgentError,
  ERRORS,
  type ErrorCode,
  isAgentError,
  isErrno,
  isErrorCode,
} from '../core/lib/errors.ts';
import { printable } from './printable.ts';
import type { ExitCode } from './terminal.ts';

export interface Failure {
  line: string;
  exitCode: ExitCode;
}

/** A failure that has no code of the registry: its message is the whole line. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** One line, safe to print, whatever was thrown. `isRoot`: what is refused is not to be had by becoming root. */
export function failureOf(thrown: unknown, isRoot = false): Failure {
  const { line, exitCode } = unsafeFailure(thrown, isRoot);
  return { line: printable(line.trim().replace(/\s*[\r\n]+\s*/g, ' ')), exitCode };
}

function unsafeFailure(thrown: unknown, isRoot: boolean): Failure {
  if (thrown instanceof CliError) return { line: thrown.message, exitCode: thrown.exitCode };
  const root = rootCause(thrown);
  if (root instanceof BusError) return busFailure(root, thrown);
  if (!isRoot && isErrno(root, 'EACCES', 'EPERM')) {
    return { line: `${describe(thrown, root)}. Run this as root: sudo ovs-port-agent …`, exitCode: 3 };
  }
  if (isAgentError(thrown, 'output-failed'))
    return { line: thrown.toLine(), exitCode: ERRORS[thrown.code].exitCode };
  if (isErrno(root, 'EISDIR')) {
    return { line: `${root.path ?? 'What was named'} is a directory. Name a file.`, exitCode: 2 };
  }
  if (isErrno(root, 'ENOTDIR')) {
    return { line: `${root.path ?? 'What was named'} leads through a file. Name another one.`, exitCode: 2 };
  }
  if (thrown instanceof AgentError) return { line: thrown.toLine(), exitCode: ERRORS[thrown.code].exitCode };
  return { line: `Unexpected: ${thrown instanceof Error ? thrown.message : String(thrown)}`, exitCode: 1 };
}

const DBUS = 'org.freedesktop.DBus.Error.';
const DENIED = [`${DBUS}AccessDenied`, `${DBUS}AuthFailed`];
/** Nobody has the name, it could not be started, or it left before it answered. */
const ABSENT = [
  `${DBUS}ServiceUnknown`,
  `${DBUS}NameHasNoOwner`,
  `${DBUS}NoReply`,
  `${DBUS}Timeout`,
  `${DBUS}TimedOut`,
  `${DBUS}Disconnected`,
];

const isAbsent = ({ type }: BusError) =>
  ABSENT.includes(type) || type.startsWith(`${DBUS}Spawn.`) || type.includes('.systemd1.');

/** Whether a call to the agent ended without any answer: nobody has its name, no bus, too late. */
export function isUnanswered(thrown: unknown): boolean {
  const root = rootCause(thrown);
  if (root instanceof BusError) return isAbsent(root);
  return isAgentError(thrown, 'bus-unreachable') || isAgentError(thrown, 'deadline-exceeded');
}

/** Nobody has its name, or somebody had it and did not answer. */
const absenceText = ({ type }: BusError) =>
  /\.(?:ServiceUnknown|NameHasNoOwner)$/.test(type) ? 'The agent does not run' : 'The agent does not answer';

function busFailure(error: BusError, thrown: unknown): Failure {
  const { type } = error;
  if (type.startsWith(`${AGENT_ERROR}.`)) {
    // The text is an AgentError's whole line already.
    const code = codeOf(type.slice(AGENT_ERROR.length + 1));
    return { line: error.message, exitCode: code === undefined ? 1 : ERRORS[code].exitCode };
  }
  if (type === `${DBUS}InvalidArgs`) return { line: error.message, exitCode: 2 };
  if (DENIED.includes(type)) {
    return { line: 'The agent answers to root only. Run this as root: sudo ovs-port-agent …', exitCode: 3 };
  }
  if (isAbsent(error)) {
    const line = new AgentError('agent-unreachable', absenceText(error), { cause: error }).toLine();
    return { line, exitCode: 3 };
  }
  if (type === `${DBUS}UnknownMethod`) {
    const line = `${error.message}: the agent that runs is of another version. Restart it: systemctl restart ovs-port-agent.service`;
    return { line, exitCode: 1 };
  }
  return { line: thrown instanceof AgentError ? thrown.toLine() : error.message, exitCode: 1 };
}

/** `PortUnknown` is `port-unknown`. */
function codeOf(pascal: string): ErrorCode | undefined {
  const code = pascal.replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  return isErrorCode(code) ? code : undefined;
}

function rootCause(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Error ? rootCause(thrown.cause) : thrown;
}

function describe(thrown: unknown, root: Error): string {
  const message = thrown instanceof Error ? thrown.message.replace(/\.$/, '') : '';
  return thrown === root ? message : `${message} (${root.message})`;
}
