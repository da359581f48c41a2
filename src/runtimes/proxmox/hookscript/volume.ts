// Volume ids of hookscripts, as a guest's configuration names them, and which of them is ours.

/** What Proxmox calls the snippet that the package puts on every node. */
export const OUR_VOLUME = 'local:snippets/ovs-port-agent';

export interface Snippet {
  readonly storage: string;
  readonly name: string;
}

// pve-storage:src/PVE/Storage/Plugin.pm, parse_volume_id and parse_volname: no folder below snippets/.
const VOLUME = /^([A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]):snippets\/([^/\p{Cc}]{1,255})$/u;

/** The storage and the file name of `STORAGE:snippets/NAME`; undefined for what Proxmox would not run either. */
export function parseSnippet(volume: string): Snippet | undefined {
  const [, storage, name] = VOLUME.exec(volume) ?? [];
  if (storage === undefined || name === undefined || name === '.' || name === '..') return undefined;
  return { storage, name };
}

/** Also on another storage: who copied our stub to a shared one wants us there. */
export function isOurVolume(volume: string | undefined): boolean {
  return volume !== undefined && parseSnippet(volume)?.name === 'ovs-port-agent';
}
