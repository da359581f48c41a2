// The configuration file: read at start and at a reload, absent means defaults.

import { realpath } from 'node:fs/promises';
import { AgentError, isAgentError, isErrno } from '../lib/errors.ts';
import { nodeTreeFs } from '../lib/tree-fs.ts';
import type { Config } from './config.ts';
import { readConfigInForce } from './in-force.ts';
import { defaultConfig, type ParsedConfig, parseConfig, salvagedConfig } from './parse-config.ts';

export const CONFIG_PATH = '/etc/ovs-port-agent/config.toml';

const MAX_BYTES = 256 * 1024;

export interface LoadedConfig extends ParsedConfig {
  readonly path: string;
  /** False: the file is absent and the defaults are in force. */
  readonly found: boolean;
}

/** Undefined when there is no such file. Throws `bad-config` when it cannot be read. */
export async function readConfigText(path: string): Promise<string | undefined> {
  try {
    return await nodeTreeFs.read(await realpath(path), MAX_BYTES);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw new AgentError('bad-config', `${path} cannot be read`, { cause: error });
  }
}

/** Throws `bad-config` with one line that says what to do. */
export async function loadConfig(path: string = CONFIG_PATH): Promise<LoadedConfig> {
  const text = await readConfigText(path);
  return { ...parseConfig(text ?? '', path), path, found: text !== undefined };
}

/** A configuration to read by, and what is wrong with the file, if anything. */
export interface ReadableConfig {
  readonly config: Config;
  readonly problem?: string;
  /** What stands in for the file when it is wrong, as the end of a sentence. */
  readonly instead?: string;
}

/**
 * For who changes nothing: a file with an error does not keep it from reading. What the agent last had in force comes
 * first, then the file without its wrong keys.
 */
export async function readableConfig(
  runtimeDir: string,
  path: string = CONFIG_PATH,
): Promise<ReadableConfig> {
  try {
    return { config: (await loadConfig(path)).config };
  } catch (error) {
    if (!isAgentError(error, 'bad-config')) throw error;
    const problem = error.reason;
    const before = await readConfigInForce(runtimeDir);
    if (before !== undefined) return { config: before, problem, instead: 'what the agent last had in force' };
    const text = await readConfigText(path).catch(() => undefined);
    return {
      config: text === undefined ? defaultConfig() : salvagedConfig(text),
      problem,
      instead: 'defaults for what is wrong',
    };
  }
}
