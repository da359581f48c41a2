// What the agent last had in force, and what kept it from starting: written by the agent, read by who finds it missing.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../lib/atomic-file.ts';
import type { Config } from './config.ts';
import { CONFIG_ERROR } from './config-error.ts';
import { configFromData } from './parse-config.ts';

const IN_FORCE = 'config.json';
/** Why the last start ended, in one line; not there while the agent is up. */
const START_ERROR = 'start-error';

/** Notes that this configuration is in force, and that nothing is wrong with it. */
export async function noteConfigInForce(runtimeDir: string, config: Config): Promise<void> {
  await writeFileAtomically(join(runtimeDir, IN_FORCE), JSON.stringify(config), 0o600);
  await rm(join(runtimeDir, CONFIG_ERROR), { force: true });
  await rm(join(runtimeDir, START_ERROR), { force: true });
}

export async function noteStartError(runtimeDir: string, line: string): Promise<void> {
  await writeFileAtomically(join(runtimeDir, START_ERROR), `${line}\n`, 0o600);
}

/** What `noteStartError` left; undefined when there is nothing, or it cannot be read. */
export async function readStartError(runtimeDir: string): Promise<string | undefined> {
  const text = await readFile(join(runtimeDir, START_ERROR), 'utf8').catch(() => '');
  return text.trim() || undefined;
}

export async function noteConfigError(runtimeDir: string, line: string): Promise<void> {
  await writeFileAtomically(join(runtimeDir, CONFIG_ERROR), `${line}\n`, 0o600);
}

/** Undefined when there is none, or it cannot be read. */
export async function readConfigInForce(runtimeDir: string): Promise<Config | undefined> {
  try {
    return configFromData(JSON.parse(await readFile(join(runtimeDir, IN_FORCE), 'utf8')));
  } catch {
    return undefined;
  }
}
