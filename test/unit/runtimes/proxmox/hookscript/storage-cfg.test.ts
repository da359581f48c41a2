// Promises about finding a snippet's file as Proxmox finds it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  offersSnippets,
  parseStorageCfg,
  snippetFile,
} from '../../../../../src/runtimes/proxmox/hookscript/storage-cfg.ts';

const CFG = `dir: local
	path /var/lib/vz
	content iso,vztmpl,backup

# a comment
nfs: nas
	export /export
	path /mnt/pve/nas
	server 192.0.2.1
	content snippets,images
	content-dirs snippets=scripts/hooks,iso=cd

zfspool: local-zfs
	pool rpool/data
	sparse

dir: odd
	path relative

dir: sly
	path /srv
	content-dirs snippets=../etc
`;

const storages = parseStorageCfg(CFG);
const file = (volume: string) => snippetFile(volume, storages);

describe('a snippet', () => {
  it('of a directory is below its path', () => {
    expect(file('local:snippets/mine.pl')).toBe('/var/lib/vz/snippets/mine.pl');
  });

  it('is where content-dirs says', () => {
    expect(file('nas:snippets/mine')).toBe('/mnt/pve/nas/scripts/hooks/mine');
    const moved = parseStorageCfg('dir: local\n\tpath /var/lib/vz\n\tcontent-dirs snippets=/s/\n');
    expect(snippetFile('local:snippets/x', moved)).toBe('/var/lib/vz/s/x');
  });

  it.each([
    'local-zfs:snippets/x',
    'odd:snippets/x',
    'sly:snippets/x',
    'gone:snippets/x',
    'local:iso/x',
    'local:snippets/a/b',
    'local:snippets/..',
    'local:snippets/',
    '/etc/passwd',
    '',
  ])('is left to Proxmox when the file cannot be told: %s', (volume) => {
    expect(file(volume)).toBeUndefined();
  });

  it('of the storage "local" is at its place also when the file does not say so', () => {
    for (const text of ['', 'dir: local\n\tpath /elsewhere\n', 'nfs: local\n\tpath /x\n', 'dir: local\n']) {
      expect(snippetFile('local:snippets/x', parseStorageCfg(text))).toBe('/var/lib/vz/snippets/x');
    }
  });
});

describe('a storage', () => {
  it('offers snippets or not', () => {
    expect(offersSnippets(storages.get('local'))).toBe(false);
    expect(offersSnippets(storages.get('nas'))).toBe(true);
    expect(offersSnippets(undefined)).toBe(false);
  });

  it('has properties without a value', () => {
    expect(storages.get('local-zfs')?.properties.get('sparse')).toBe('1');
  });
});

it('storage.cfg full of anything never throws', () => {
  const unit = fc.constantFrom(
    ...'\0\n\t :/=,#.-\u202e',
    'dir',
    'path',
    'local',
    'snippets',
    'content-dirs',
    '..',
    '/x',
  );
  const text = fc.string({ unit });
  fc.assert(
    fc.property(text, text, (cfg, volume) => {
      const path = snippetFile(volume, parseStorageCfg(cfg));
      expect(path === undefined || path.startsWith('/')).toBe(true);
    }),
  );
});
