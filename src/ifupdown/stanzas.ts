// The stanzas of an interfaces file as its readers see them: Proxmox's own, ifupdown and ifupdown2.

import type { Line } from './lines.ts';

/** White space of a byte text. Not `\s`: that takes the byte 0xA0, half of a letter in UTF-8, for a space. */
const S = '[ \\t\\r\\f\\v]';

const IFACE = new RegExp(`^${S}*iface${S}+([^ \\t\\r\\f\\v]+)(.*)$`, 's');
const METHOD = new RegExp(`^(?:${S}+(inet6?)${S}+([^ \\t\\r\\f\\v]+))?${S}*$`);
const AUTO = new RegExp(`^${S}*(?:auto|allow-[^ \\t\\r\\f\\v]*)${S}+(.*)$`, 's');
const OPTION = new RegExp(`^${S}*([^ \\t\\r\\f\\v]+)${S}+(.*[^ \\t\\r\\f\\v])${S}*$`, 's');
const COMMENT = new RegExp(`^${S}*#`);
const BLANK = new RegExp(`^${S}*$`);
/** What ends a stanza for Proxmox (PVE::Network::Interfaces, `__read_etc_network_interfaces`), besides a blank line. */
const PROXMOX_KEYWORD = new RegExp(`^${S}*(?:(?:iface|mapping|auto|source|source-directory)${S}|allow-)`);
/** What ends one for ifupdown (interfaces(5)) or ifupdown2 (networkInterfaces.network_elems). */
const KEYWORD = new RegExp(
  `^${S}*(?:(?:iface|vlan|mapping|auto|source|source-directory|rename|template|no-auto-down|no-scripts)(?:${S}|$)|allow-)`,
);

export interface Stanza {
  readonly name: string;
  readonly family?: 'inet' | 'inet6';
  readonly method?: string;
  /** False: Proxmox does not take the first line for the start of a stanza. */
  readonly understood: boolean;
  readonly header: Line;
  /** The lines that Proxmox counts as the stanza's: options and comments up to a blank line or a keyword. */
  readonly body: readonly Line[];
  /** The lines after those that ifupdown counts as the stanza's, too: for it a blank line ends nothing. */
  readonly beyond: readonly Line[];
}

export interface Option {
  /** With `-` for `_`, as ifupdown2 reads it. */
  readonly key: string;
  readonly value: string;
}

export const isBlank = (line: Line) => BLANK.test(line.text);
export const isComment = (line: Line) => COMMENT.test(line.text);

/** The option that a line sets, or undefined when it is none. */
export function optionOf(line: Line): Option | undefined {
  const [, key, value] = OPTION.exec(line.text) ?? [];
  if (key === undefined || value === undefined || COMMENT.test(line.text)) return undefined;
  return { key: key.replaceAll('_', '-'), value };
}

/** All options of a stanza, as the reader that sees most of them does. */
export function optionsOf({ body, beyond }: Stanza): Option[] {
  return [...body, ...beyond].flatMap((line) => optionOf(line) ?? []);
}

export function isOvsBridge(stanza: Stanza): boolean {
  return optionsOf(stanza).some(({ key, value }) => key === 'ovs-type' && value === 'OVSBridge');
}

/** The names in all `auto` and `allow-…` lines: what is brought up by itself. */
export function automaticNames(lines: readonly Line[]): Set<string> {
  return new Set(lines.flatMap(({ text }) => AUTO.exec(text)?.[1]?.split(new RegExp(`${S}+`)) ?? []));
}

export function parseStanzas(lines: readonly Line[]): Stanza[] {
  const stanzas: Stanza[] = [];
  for (let at = 0; at < lines.length; ) {
    const header = lines[at++];
    const [, name, rest = ''] = IFACE.exec(header?.text ?? '') ?? [];
    if (header === undefined || name === undefined) continue;
    const method = METHOD.exec(rest);
    const body: Line[] = [];
    const beyond: Line[] = [];
    while (method !== null && at < lines.length && inBody(lines[at] as Line)) body.push(lines[at++] as Line);
    while (at < lines.length && !KEYWORD.test(lines[at]?.text ?? '')) beyond.push(lines[at++] as Line);
    stanzas.push({
      name,
      ...(method?.[1] === undefined ? {} : { family: method[1] as 'inet' | 'inet6' }),
      ...(method?.[2] === undefined ? {} : { method: method[2] }),
      understood: method !== null,
      header,
      body,
      beyond,
    });
  }
  return stanzas;
}

const inBody = (line: Line) =>
  COMMENT.test(line.text) || (!PROXMOX_KEYWORD.test(line.text) && OPTION.test(line.text));
