// Our service on the system bus: answers calls from the method table, under both spellings of each name.

import type { z } from 'zod';
import { AGENT_ERROR, AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import type { Bus, Caller as BusCaller, IncomingCall } from '../core/bus/bus.ts';
import type { Caller } from '../core/events/caller.ts';
import { type AgentError, asAgentError } from '../core/lib/errors.ts';
import { introspectionXml } from './introspection-xml.ts';
import type { Method } from './method.ts';
import { pascalCase } from './spelling.ts';

const INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable';
const PEER = 'org.freedesktop.DBus.Peer';
const INVALID_ARGS = 'org.freedesktop.DBus.Error.InvalidArgs';
const UNKNOWN_METHOD = 'org.freedesktop.DBus.Error.UnknownMethod';

/** Serves the methods; the well-known name is requested by the caller, once the agent is ready. */
export function serveMethods(bus: Bus, methods: readonly Method[], machineId: string): void {
  const table = new Map<string, Method>();
  for (const entry of methods) {
    table.set(entry.name, entry);
    table.set(pascalCase(entry.name), entry);
  }
  const xml = introspectionXml(methods);
  bus.serve((call) => {
    if (call.interface === INTROSPECTABLE && call.member === 'Introspect') {
      call.reply('s', [call.path === AGENT_PATH ? xml : childXml(call.path)]);
    } else if (call.interface === PEER && call.member === 'Ping') call.reply('', []);
    else if (call.interface === PEER && call.member === 'GetMachineId') call.reply('s', [machineId]);
    else if (call.path !== AGENT_PATH || (call.interface !== AGENT_NAME && call.interface !== ''))
      return false;
    else void answer(table.get(call.member), call);
    return true;
  });
}

async function answer(entry: Method | undefined, call: IncomingCall): Promise<void> {
  if (entry === undefined) {
    call.fail(UNKNOWN_METHOD, `There is no method ${call.member} on ${AGENT_NAME}`);
    return;
  }
  // Nobody is there to be told.
  if (!call.caller.trusted && entry.unattended !== true) return;
  const signature = entry.in.map((argument) => argument.type).join('');
  if (call.signature !== signature) {
    const want =
      entry.in.map((argument) => `${argument.name} (${argument.type})`).join(', ') || 'no arguments';
    call.fail(INVALID_ARGS, `${call.member} takes ${want}; it was called with signature "${call.signature}"`);
    return;
  }
  const given = argumentsOf(call);
  if (typeof given === 'string') {
    call.fail(INVALID_ARGS, `${call.member}: ${given}; nothing was changed`);
    return;
  }
  const args = entry.schema.safeParse(given);
  if (!args.success) {
    call.fail(INVALID_ARGS, `${call.member}: ${problemText(entry, args.error)}; nothing was changed`);
    return;
  }
  try {
    const reply = await entry.run(args.data as never, callerOf(call.caller));
    call.reply(entry.out.map((argument) => argument.type).join(''), reply);
  } catch (thrown) {
    const error = asAgentError(thrown, 'bad-event', `${call.member} failed`);
    call.fail(errorName(error), error.toLine());
  }
}

function problemText(entry: Method, error: z.ZodError): string {
  const texts = error.issues.map((issue) => {
    const argument = entry.in[Number(issue.path[0])]?.name;
    return argument === undefined ? issue.message : `${argument}: ${issue.message}`;
  });
  return [...new Set(texts)].join('; ');
}

/** `port-unknown` becomes `dev.ovs.PortAgent1.Error.PortUnknown`. */
function errorName(error: AgentError): string {
  return `${AGENT_ERROR}.${pascalCase(error.code.replaceAll('-', '_'))}`;
}

/** The arguments, or what is wrong with them. */
function argumentsOf(call: IncomingCall): unknown[] | string {
  try {
    return call.arguments();
  } catch (error) {
    return String(error);
  }
}

const callerOf = ({ uid, pid }: BusCaller): Caller => ({
  user: uid === 0 ? 'root' : `uid:${uid ?? 'unknown'}`,
  pid: pid ?? 0,
});

/** For a path on the way to ours: the next element, so that tools can walk down. */
function childXml(path: string): string {
  const prefix = path === '/' ? '/' : `${path}/`;
  const child = AGENT_PATH.startsWith(prefix) ? AGENT_PATH.slice(prefix.length).split('/')[0] : undefined;
  return child === undefined ? '<node/>' : `<node><node name="${child}"/></node>`;
}
