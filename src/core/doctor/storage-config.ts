// /etc/pve/storage.cfg, as far as hookscripts need it: whether the storage `local` holds snippets, and where.

export interface Storage {
  /** Whether there is a storage of this name. */
  found: boolean;
  content: readonly string[];
  path?: string;
}

/** Reads one section (pve-storage: SectionConfig: `type: name`, then indented `key value` lines). Never throws. */
export function parseStorage(text: string, name = 'local'): Storage {
  const values = new Map<string, string>();
  let found = false;
  let inside = false;
  for (const line of text.split('\n')) {
    const [, section] = /^[a-z0-9]+:\s*(\S+)\s*$/.exec(line) ?? [];
    if (section !== undefined) inside = section === name;
    if (section === name) found = true;
    const [, key = '', value = ''] = /^[ \t]+([a-z-]{1,40})[ \t]+(\S.*)$/.exec(line) ?? [];
    if (inside && key !== '') values.set(key, value.trim());
  }
  const path = values.get('path');
  const content = (values.get('content') ?? '').split(',').map((kind) => kind.trim());
  return { found, content: content.filter(Boolean), ...(path !== undefined && { path }) };
}
