// The introspection XML of our object; pure.

import { AGENT_NAME } from '../core/bus/agent-names.ts';
import type { Method } from './method.ts';
import { pascalCase } from './spelling.ts';

/** Signals, with the arguments they carry. */
export const SIGNALS = {
  PortAdded: [
    { name: 'port', type: 's' },
    { name: 'details', type: 's' },
  ],
  PortRemoved: [
    { name: 'port', type: 's' },
    { name: 'details', type: 's' },
  ],
  NetmakerChanged: [
    { name: 'container', type: 's' },
    { name: 'what', type: 's' },
  ],
  BlockAppended: [
    { name: 'height', type: 't' },
    { name: 'hash', type: 's' },
    { name: 'category', type: 's' },
    { name: 'action', type: 's' },
  ],
} as const;

const HEAD =
  '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN" ' +
  '"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">';

export function introspectionXml(methods: readonly Method[]): string {
  const args = (list: readonly { name: string; type: string }[], direction?: string) =>
    list
      .map(({ name, type }) => {
        const where = direction === undefined ? '' : ` direction="${direction}"`;
        return `<arg name="${name}" type="${type}"${where}/>`;
      })
      .join('');
  const body = methods.flatMap((entry) =>
    [pascalCase(entry.name), entry.name]
      .filter((name, index, names) => names.indexOf(name) === index)
      .map((name) => `<method name="${name}">${args(entry.in, 'in')}${args(entry.out, 'out')}</method>`),
  );
  const signals = Object.entries(SIGNALS).map(
    ([name, list]) => `<signal name="${name}">${args(list)}</signal>`,
  );
  return [
    HEAD,
    '<node>',
    `<interface name="${AGENT_NAME}">`,
    ...body,
    ...signals,
    '</interface>',
    '<interface name="org.freedesktop.DBus.Introspectable"><method name="Introspect"><arg name="xml" type="s" direction="out"/></method></interface>',
    '<interface name="org.freedesktop.DBus.Peer"><method name="Ping"/><method name="GetMachineId"><arg name="id" type="s" direction="out"/></method></interface>',
    '</node>',
  ].join('\n');
}
