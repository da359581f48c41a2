// Configuration text to the frozen configuration, or everything that is wrong with it in one line.
import { AgentError } from '../errors.ts';
import { type Config, fileSchema } from './config.ts';
import { configProblems } from './problems.ts';
import { translateSeedKeys } from './seed-keys.ts';
import { parseToml } from './toml.ts';

export interface ParsedConfig {
  readonly config: Config;
  /** Keys of the first version that were accepted and have no effect, with the reason. */
  readonly warnings: readonly string[];
}

/** More than these in one line help nobody. */
const PROBLEMS_SHOWN = 5;

/** Throws `bad-config`; `name` is how the message calls the file. */
export function parseConfig(text: string, name: string): ParsedConfig {
  const toml = parseToml(text);
  if (!toml.ok) throw new AgentError('bad-config', `${name}: ${toml.problem}`);
  const { data, warnings, problems } = translateSeedKeys(toml.data);
  const parsed = fileSchema.safeParse(data);
  const all = parsed.success ? problems : [...problems, ...configProblems(parsed.error)];
  if (!parsed.success || all.length > 0) throw new AgentError('bad-config', `${name}: ${summary(all)}`);

  const { lxc, netmaker, bridges, ...rest } = parsed.data;
  const lxcBridge = lxc.bridge ?? rest.default_bridge;
  const netmakerBridge = netmaker.bridge ?? rest.docker.bridge;
  const named = [rest.default_bridge, lxcBridge, rest.docker.bridge, netmakerBridge];
  const bridgeDefaults = () => ({ create: true, addresses: [], datapath_type: 'auto' as const });
  const config: Config = {
    ...rest,
    lxc: { ...lxc, bridge: lxcBridge },
    netmaker: { ...netmaker, bridge: netmakerBridge },
    bridges: Object.fromEntries([
      ...named.map((bridge) => [bridge, bridgeDefaults()]),
      ...Object.entries(bridges),
    ]),
  };
  return deepFreeze({ config, warnings });
}

/** What is in force without a configuration file. */
export function defaultConfig(): Config {
  return parseConfig('', 'defaults').config;
}

function summary(problems: readonly string[]): string {
  const more = problems.length - PROBLEMS_SHOWN;
  return problems.slice(0, PROBLEMS_SHOWN).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
