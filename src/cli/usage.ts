// What was wrong with a command line, in one line that also says where to look; pure.

import { printable } from './printable.ts';

/** `message` is commander's: `error: unknown command 'lst'\n(Did you mean list?)`. */
export function usageLine(message: string, verb: string | undefined): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  const help = ['ovs-port-agent', ...(verb === undefined ? [] : [verb]), '--help'].join(' ');
  const problem = tooMany(text) ?? text.replace(/\.$/, '');
  return printable(`${problem.charAt(0).toUpperCase()}${problem.slice(1)}. See: ${help}`);
}

const NUMBERS = ['none', 'one', 'two', 'three'];

function tooMany(text: string): string | undefined {
  const [, verb, takes, given] =
    /^too many arguments for '(.+)'\. Expected (\d+) arguments? but got (\d+)/.exec(text) ?? [];
  if (verb === undefined) return undefined;
  return `too many arguments: ${verb} takes ${NUMBERS[Number(takes)] ?? takes}, ${given} ${given === '1' ? 'was' : 'were'} given`;
}
