// What in an interfaces file is ours: how it looks, how it is found again, how it goes.

import type { Draft } from './draft.ts';
import { EXEMPTION_KEY, EXEMPTION_VALUE } from './ifreload-exemption.ts';
import type { Line } from './lines.ts';
import {
  automaticNames,
  isBlank,
  isComment,
  optionOf,
  optionsOf,
  parseStanzas,
  type Stanza,
} from './stanzas.ts';

/**
 * The last line of a stanza that we made. Inside the stanza, because Proxmox's writer drops every comment that is
 * outside one; the web interface shows it as the bridge's comment.
 */
export const MARK = '#ovs-port-agent: made from /etc/ovs-port-agent/config.toml, see ovs-port-agent(8)';

export const isMark = (line: Line) => line.text.replace(/^[ \t]*|[ \t]*$/g, '') === MARK;

export function isExemptionOfOurs(line: Line): boolean {
  const option = optionOf(line);
  return option?.key === EXEMPTION_KEY && option.value === EXEMPTION_VALUE;
}

export const isOurs = (line: Line) => isMark(line) || isExemptionOfOurs(line);

/** The stanzas of a bridge, each as its lines. `addresses`: at most the first of each family, all that Proxmox knows. */
export function stanzasFor(name: string, addresses: readonly string[]): string[][] {
  const inet = addresses.find((address) => !address.includes(':'));
  const inet6 = addresses.find((address) => address.includes(':'));
  // No "auto": ifupdown2 takes down, with all ports, a bridge that it once brought up and then misses in the file.
  const first = [
    `iface ${name} inet ${inet === undefined ? 'manual' : 'static'}`,
    ...(inet === undefined ? [] : [`\taddress ${inet}`]),
    '\tovs_type OVSBridge',
    `\t${EXEMPTION_KEY} ${EXEMPTION_VALUE}`,
    MARK,
  ];
  return inet6 === undefined ? [first] : [first, [`iface ${name} inet6 static`, `\taddress ${inet6}`]];
}

/** The bridges whose stanza is ours, by name: Proxmox keeps the mark of several stanzas in the first only. */
export function ownStanzas(lines: readonly Line[]): Map<string, Stanza[]> {
  const stanzas = parseStanzas(lines);
  const names = new Set(stanzas.filter(({ body }) => body.some(isMark)).map(({ name }) => name));
  return new Map([...names].map((name) => [name, stanzas.filter((stanza) => stanza.name === name)]));
}

/**
 * Why a stanza that we made is the user's by now, or undefined. With "auto" it is ifupdown2's as well: to take it out
 * would take the bridge down at the next reload.
 */
export function takenOver(stanzas: readonly Stanza[], lines: readonly Line[]): string | undefined {
  const name = stanzas[0]?.name ?? '';
  if (automaticNames(lines).has(name)) return 'it is started at boot';
  for (const stanza of stanzas) {
    if (stanza.method !== 'manual' && stanza.method !== 'static') return `its method is ${stanza.method}`;
    if (stanza.beyond.some((line) => !isBlank(line) && !isComment(line) && !isOurs(line)))
      return 'it has more lines';
    for (const line of stanza.body) {
      const option = optionOf(line);
      const made = ['address', 'ovs-type'].includes(option?.key ?? '') || isExemptionOfOurs(line);
      if (option !== undefined && !made) return `it has "${option.key}"`;
    }
  }
  return undefined;
}

/** Whether the stanzas say what they should, in whatever order Proxmox's writer has put it. */
export function saysTheSame(stanzas: readonly Stanza[], desired: readonly string[][]): boolean {
  const parsed = parseStanzas(desired.flat().map((text) => ({ text, eol: '\n' })));
  const gist = (all: readonly Stanza[]) =>
    all.map((stanza) => [
      stanza.family,
      stanza.method,
      ...optionsOf(stanza)
        .filter(({ key }) => key !== EXEMPTION_KEY)
        .map(({ key, value }) => `${key} ${value}`)
        .sort(),
    ]);
  return JSON.stringify(gist(stanzas)) === JSON.stringify(gist(parsed));
}

/** Takes out the stanzas that we made for a bridge; from one that the user took over only the mark and our option. */
export function removeOwn(draft: Draft, stanzas: readonly Stanza[]): void {
  const kept = takenOver(stanzas, draft.lines) !== undefined;
  for (const { header, body, beyond } of stanzas) {
    // Behind a blank line it would mark the stanza before this one next.
    for (const line of beyond.filter(isOurs)) draft.remove(line);
    const foreign = body.filter((line) => isComment(line) && !isMark(line));
    if (kept) for (const line of body.filter(isOurs)) draft.remove(line);
    else if (foreign.length === 0) draft.removeBlock([header, ...body]);
    else for (const line of [header, ...body]) if (!foreign.includes(line)) draft.remove(line);
  }
}
