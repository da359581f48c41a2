// Says which npm packages are inside the bundles, and under which licence: Debian's copyright file and the packages' own terms ask for it.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PACKAGE = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** Folder of each npm package of which at least one file is in the bundle, e.g. `node_modules/dbus-next`. */
function bundledFolders(metafile) {
  const folders = new Map();
  for (const output of Object.values(metafile.outputs))
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const hit = PACKAGE.exec(input);
      if (hit && bytesInOutput > 0) folders.set(hit[0].slice(0, -1), hit[1]);
    }
  return folders;
}

/** Names of those packages, sorted. */
export const bundledPackages = (metafile) => [...new Set(bundledFolders(metafile).values())].sort();

/** One paragraph per package: name, version, licence, then its licence text where it ships one. */
export function thirdPartyNotice(root, metafiles) {
  const folders = new Map(metafiles.flatMap((metafile) => [...bundledFolders(metafile)]));
  const paragraphs = [...folders]
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
    .map(([folder, name]) => {
      const path = resolve(root, folder);
      const { version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file
        ? readFileSync(join(path, file), 'utf8').trim()
        : '(the package ships no licence text)';
      return `${name} ${version}: ${typeof license === 'object' ? license.type : (license ?? 'see below')}\n\n${text}\n`;
    });
  return `The files in /usr/lib/ovs-port-agent contain code of these npm packages.\n\n${paragraphs.join(`\n${'-'.repeat(78)}\n\n`)}`;
}
