// What `doctor` and `explain` look at of Proxmox: its configuration, our hookscript, the storage that offers it.

import { join } from 'node:path';
import { type Answer, attempt } from '../../core/lib/answer.ts';
import { isErrno } from '../../core/lib/errors.ts';
import { type FileState, fileState } from '../../core/lib/runnable.ts';
import { nodeTreeFs } from '../../core/lib/tree-fs.ts';
import { type ProxmoxTree, readProxmoxTree } from './config/tree.ts';
import { offersSnippets, parseStorageCfg, snippetFile } from './hookscript/storage-cfg.ts';
import { OUR_VOLUME } from './hookscript/volume.ts';

export const SNIPPET_PATH = '/var/lib/vz/snippets/ovs-port-agent';
/** pmxcfs may hang: it is a file system in user space. */
const TREE_MS = 5000;
const STORAGE_MS = 4000;
const STORAGE_MAX = 1024 * 1024;

export interface ProxmoxFacts {
  tree: ProxmoxTree;
  snippet: FileState;
  /** Whether the storage `local` offers snippets, and the file that our volume is by its settings. */
  storage: Answer<{ offers: boolean; file: string | undefined }>;
}

/** @param root `/etc/pve`. Never throws. */
export async function lookAtProxmox(root: string): Promise<ProxmoxFacts> {
  const [tree, snippet, storage] = await Promise.all([
    attempt(root, TREE_MS, () => readProxmoxTree({ root })),
    fileState(SNIPPET_PATH),
    readStorage(root),
  ]);
  return {
    tree: tree.ok ? tree.value : { state: 'unavailable', reason: tree.reason },
    snippet,
    storage,
  };
}

function readStorage(root: string): Promise<ProxmoxFacts['storage']> {
  return attempt('storage.cfg', STORAGE_MS, async () => {
    const storages = parseStorageCfg(await storageText(root));
    return { offers: offersSnippets(storages.get('local')), file: snippetFile(OUR_VOLUME, storages) };
  });
}

/** Empty where there is no such file. */
async function storageText(root: string): Promise<string> {
  try {
    return await nodeTreeFs.read(join(root, 'storage.cfg'), STORAGE_MAX);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}
