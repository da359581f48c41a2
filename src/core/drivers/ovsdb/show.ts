// A bridge as `ovs-vsctl show` draws it, made from the rows; pure.

import type { OvsBridge, OvsInterface, OvsPort } from './bridge-tree.ts';

/** Lines of text, four spaces a level; names that are no plain words are quoted, so nothing can forge a line. */
export function showBridge(bridge: OvsBridge): string {
  const lines = [`Bridge ${word(bridge.name)}`];
  if (bridge.datapathType !== 'system') lines.push(indent(`datapath_type: ${bridge.datapathType}`));
  for (const port of bridge.ports) lines.push(...portLines(port).map(indent));
  return lines.join('\n');
}

function portLines(port: OvsPort): string[] {
  const lines = [`Port ${word(port.name)}`];
  if (port.tag !== undefined) lines.push(indent(`tag: ${port.tag}`));
  if (port.trunks.length > 0) lines.push(indent(`trunks: [${port.trunks.join(', ')}]`));
  for (const link of port.interfaces) lines.push(...interfaceLines(link).map(indent));
  return lines;
}

function interfaceLines({ name, type, error }: OvsInterface): string[] {
  return [
    `Interface ${word(name)}`,
    ...(type === '' ? [] : [indent(`type: ${word(type)}`)]),
    ...(error === undefined ? [] : [indent(`error: ${JSON.stringify(error)}`)]),
  ];
}

const indent = (line: string) => `    ${line}`;

/** OVS's own rule (lib/ovsdb-data.c:string_needs_quotes), near enough. */
function word(text: string): string {
  const isPlain = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text) && text !== 'true' && text !== 'false';
  return isPlain ? text : JSON.stringify(text);
}
