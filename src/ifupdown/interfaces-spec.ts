// What the interfaces file should say on this host: from the configuration, OVSDB and the files around it.

import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { BridgesSection } from '../core/drivers/config-section.ts';
import { matchesGlob } from '../core/lib/glob.ts';
import { NM_UUID_KEY, type ObservedBridge } from '../core/plan/observed.ts';
import { type Edited, edit, type InterfacesSpec } from './edit.ts';
import { readInterfaces } from './file.ts';
import { splitLines } from './lines.ts';
import { optionsOf, parseStanzas, type Stanza } from './stanzas.ts';

const MAX_SOURCED = 200;

/** Pure: which bridges to show, and which NetworkManager owns. */
export function bridgesSpec(
  config: BridgesSection,
  observed: ReadonlyMap<string, ObservedBridge>,
): Pick<InterfacesSpec, 'bridges' | 'networkManager'> {
  return {
    bridges: Object.entries(config.bridges)
      .filter(([, { create }]) => create)
      .map(([name, { addresses }]) => ({ name, addresses, present: observed.has(name) })),
    networkManager: new Set(
      [...observed.values()].flatMap(({ name, externalIds }) =>
        externalIds[NM_UUID_KEY] === undefined ? [] : [name],
      ),
    ),
  };
}

/**
 * Why a stanza that ifupdown2 has brought up must not change now, or undefined. With `ifreload_down_changed` the next
 * reload takes such a bridge down and makes it anew, without the guests (ifupdownmain.py, `_reload_default`). Debian
 * and Proxmox ship it as 0; where the file does not say, it is 1.
 */
export async function frozenBy(directory: string): Promise<string | undefined> {
  const path = join(directory, 'ifupdown2/ifupdown2.conf');
  const text = (await readInterfaces(path))?.text;
  if (text === undefined) return undefined;
  const value = [...text.matchAll(/^[ \t]*ifreload_down_changed[ \t]*[=:][ \t]*(\S+)/gm)].at(-1)?.[1];
  return value === '0'
    ? undefined
    : `a reload takes a bridge whose stanza has changed down, with its guests; set ifreload_down_changed=0 in ${path}`;
}

/**
 * The names that the files define which `text` sources, as far as those can be read. A stanza that only adds ports, as
 * Proxmox's SDN writes into `interfaces.d/sdn` for a virtual network on an OVS bridge, defines nothing: ifupdown2 joins it with
 * the bridge's own.
 */
export async function sourcedNames(text: string, directory: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const { text: line } of splitLines(text)) {
    const [, keyword, pattern = ''] = /^[ \t]*(source|source-directory)[ \t]+(\S+)/.exec(line) ?? [];
    if (keyword === undefined) continue;
    const path = resolve(directory, pattern);
    const [folder, files] = keyword === 'source' ? [dirname(path), basename(path)] : [path, '*'];
    const found = await readdir(folder).catch(() => []);
    for (const name of found.filter((each) => matchesGlob(files, each)).slice(0, MAX_SOURCED)) {
      const file = await readInterfaces(join(folder, name)).catch(() => undefined);
      for (const stanza of parseStanzas(splitLines(file?.text ?? ''))) {
        if (!onlyAddsPorts(stanza)) names.add(stanza.name);
      }
    }
  }
  return names;
}

function onlyAddsPorts(stanza: Stanza): boolean {
  const keys = optionsOf(stanza).map(({ key }) => key);
  return keys.length > 0 && keys.every((key) => key === 'ovs-ports');
}

/** What `edit` is to do on this host: `directory` is `/etc/network`, `observed` the bridges in OVSDB. */
export async function specifiedChange(
  config: BridgesSection,
  observed: ReadonlyMap<string, ObservedBridge>,
  directory: string,
): Promise<(text: string) => Promise<Edited>> {
  const frozen = await frozenBy(directory);
  const spec = { ...bridgesSpec(config, observed), ...(frozen === undefined ? {} : { frozen }) };
  return async (text) => edit(text, { ...spec, sourced: await sourcedNames(text, directory) });
}
