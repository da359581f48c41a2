// Before the first lab test: the package as it is now, and the roots that hosts boot from.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The .deb that hosts install. */
    deb: string;
  }
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Builds into a folder of its own: runs side by side do not meet. LAB_DEB names a package that is built already. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'ovs-port-agent-deb-'));
  const given = process.env.LAB_DEB;
  await Promise.all([
    given ?? execa('scripts/deb', { cwd: repository, env: { OUT: folder } }),
    execa('test/lab/lab', ['build', 'forky'], { cwd: repository }),
  ]);
  const [built = ''] = readdirSync(folder);
  project.provide('deb', given ?? join(folder, built));
  // A host of these waits for its root; most tests need none of them. Why a build failed is told when the host is wanted.
  const others = execa('test/lab/lab', ['build', 'trixie'], { cwd: repository, reject: false }).then(() =>
    execa('test/lab/lab', ['build', 'bookworm'], { cwd: repository, reject: false }),
  );
  return async () => {
    await others;
    rmSync(folder, { recursive: true, force: true });
  };
}
