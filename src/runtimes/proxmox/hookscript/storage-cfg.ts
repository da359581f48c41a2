// /etc/pve/storage.cfg: where a snippet's file is, and whether its storage offers snippets.

import { parseSnippet } from './volume.ts';

export interface Storage {
  readonly type: string;
  /** A property without a value is the text `1`. */
  readonly properties: ReadonlyMap<string, string>;
}

/** Storages whose files lie below `path` (pve-storage:src/PVE/Storage/*Plugin.pm); others are left to `pvesm`. */
const IN_DIRECTORIES = ['dir', 'btrfs', 'nfs', 'cifs', 'cephfs', 'glusterfs'];
/** Where `local` is on every node. */
export const LOCAL_PATH = '/var/lib/vz';

/**
 * Storages by name. Never throws; what is no section or property is passed over, as PVE::SectionConfig does: a section
 * is `type: name` and indented properties, and ends at the first empty line.
 */
export function parseStorageCfg(text: string, localPath: string = LOCAL_PATH): Map<string, Storage> {
  const storages = new Map<string, Storage>();
  let properties: Map<string, string> | undefined;
  for (const line of text.split('\n')) {
    if (/^\s*#/.test(line)) continue;
    if (line === '') {
      properties = undefined;
    } else if (properties === undefined) {
      const [, type, name] = /^(\S+):\s*(\S+)\s*$/.exec(line) ?? [];
      if (type === undefined || name === undefined) continue;
      properties = new Map();
      storages.set(name, { type, properties });
    } else {
      const [, key, value = '1'] = /^\s+(\S+)(?:\s+(\S.*))?$/.exec(line.trimEnd()) ?? [];
      if (key !== undefined) properties.set(key, value);
    }
  }
  storages.set('local', local(storages.get('local'), localPath));
  return storages;
}

/** `local` is a directory at its place whatever the file says (PVE::Storage::Plugin, parse_config). */
function local(written: Storage | undefined, localPath: string): Storage {
  const path = written?.properties.get('path') ?? localPath;
  if (written?.type === 'dir' && path === localPath) {
    return { type: 'dir', properties: new Map(written.properties).set('path', path) };
  }
  const content = 'backup,images,iso,rootdir,snippets,vztmpl';
  return {
    type: 'dir',
    properties: new Map([
      ['path', localPath],
      ['content', content],
    ]),
  };
}

/** Absolute path of the snippet's file; undefined when only `pvesm path` can tell. */
export function snippetFile(volume: string, storages: ReadonlyMap<string, Storage>): string | undefined {
  const snippet = parseSnippet(volume);
  const storage = snippet && storages.get(snippet.storage);
  if (snippet === undefined || storage === undefined || !IN_DIRECTORIES.includes(storage.type))
    return undefined;
  const { properties } = storage;
  const folder = folders(properties.get('content-dirs') ?? '').get('snippets') ?? 'snippets';
  const file = `${properties.get('path') ?? ''}/${folder}/${snippet.name}`.replace(/\/+/g, '/');
  const strange = !properties.get('path')?.startsWith('/') || /\p{Cc}/u.test(file) || isBackward(file);
  return strange ? undefined : file;
}

/** Proxmox runs the hookscript also where the storage does not offer snippets, but its web interface shows none then. */
export function offersSnippets(storage: Storage | undefined): boolean {
  const content = storage?.properties.get('content') ?? '';
  return content.split(/[\s,;]+/).includes('snippets');
}

const isBackward = (path: string) => path.split('/').some((part) => part === '..' || part === '.');

/** `snippets=scripts,iso=cd` */
function folders(text: string): Map<string, string> {
  return new Map(
    text.split(',').flatMap((pair) => {
      const [, type, folder] = /^\s*([a-z]+)=(.+?)\s*$/.exec(pair) ?? [];
      return type === undefined || folder === undefined ? [] : [[type, folder] as const];
    }),
  );
}
