// What a change of Proxmox's interfaces file looks like on a terminal; pure.

import type { FileOutcome } from '../../ifupdown/apply.ts';
import type { Change, ChangeKind, DiffLine, Refusal } from '../../ifupdown/edit.ts';
import { printable } from '../printable.ts';

const CONTEXT = 3;

const WORDS: Record<ChangeKind, string> = {
  'stanza-added': 'a stanza, so that the web interface lists it',
  'stanza-changed': 'the stanza anew, as the configuration has it now',
  'stanza-removed': 'our stanza goes',
  'stanza-left': 'the stanza stays, since it was changed by hand; only our mark goes',
  'ports-protected': 'an option that keeps ports of guests plugged when the configuration is applied',
  'protection-removed': 'our option goes',
};

/** Per file what changes, with the lines around it: `-` goes, `+` comes. */
export function diffLines({ path, changed, diff }: FileOutcome): string[] {
  if (!changed) return [`${printable(path)}: nothing to change`];
  const near = diff.map((_, at) =>
    diff.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ sign }) => sign !== ' '),
  );
  const lines = diff.flatMap((line, at) => {
    if (!near[at]) return [];
    return [...(at > 0 && !near[at - 1] ? ['  …'] : []), diffLine(line)];
  });
  return [`${printable(path)}:`, ...lines];
}

const diffLine = ({ sign, text }: DiffLine) =>
  `${sign} ${printable(fromBytes(text)).replaceAll('\\x09', '\t')}`.trimEnd();

export const changeLine = ({ bridge, kind }: Change) => `  ${printable(bridge)}: ${WORDS[kind]}`;

export const refusalLine = ({ bridge, reason }: Refusal) =>
  `NOT DONE for ${printable(bridge)}: ${printable(reason)}.`;

/** The file's text has one character per byte; what it says is most likely UTF-8. */
export const fromBytes = (text: string) => Buffer.from(text, 'latin1').toString('utf8');
