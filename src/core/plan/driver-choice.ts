// Which driver a bridge leads to: whoever owns the bridge drives it, and no bridge changes its owner unasked. Pure.

import type { ErrorCode } from '../lib/errors.ts';
import {
  DRIVER_NAMES,
  type DriverName,
  driverTraits,
  type Presence,
  type ProgramDriverName,
  ROWS_DRIVER,
} from './driver-names.ts';
import type { ObservedBridge } from './observed.ts';

/** What the choice depends on beside the bridge itself. */
export interface SwitchFacts {
  /** `driver` of the configuration. */
  configured: 'auto' | DriverName;
  /** How the programs are that drivers work through. */
  presence: Readonly<Record<ProgramDriverName, Presence>>;
  /** Why OVSDB cannot be asked now: then nobody knows what the switch has. */
  unreachable?: { code: ErrorCode; reason: string };
  /** Bridges that /etc/network/interfaces declares: ifupdown makes them, at boot and at every `ifreload`. */
  declared: ReadonlySet<string>;
}

export type Choice = { driver: DriverName } | { obstacle: { code: ErrorCode; reason: string } };

/**
 * What each driver takes is in its entry of `driver-names.ts`.
 *
 * @param bridge the bridge's row, or undefined when it has none yet
 * @param isLinux whether the kernel has a bridge of that name, which then is none of Open vSwitch's
 */
export function chooseDriver(
  name: string,
  bridge: ObservedBridge | undefined,
  isLinux: boolean,
  facts: SwitchFacts,
): Choice {
  const { configured, unreachable } = facts;
  if (unreachable !== undefined) return { obstacle: unreachable };
  if (bridge === undefined && isLinux) {
    return obstacle('bridge-not-ovs', `${name} is a Linux bridge, not one of Open vSwitch`);
  }
  if (configured === 'auto') return through(ownerOf(name, bridge, facts), name, facts);
  const { title, drives } = driverTraits(configured);
  if (bridge === undefined || drives(bridge.externalIds)) return through(configured, name, facts);
  const reason = `the bridge ${name} does not belong to ${title}, and driver = "${configured}"`;
  return obstacle('bridge-not-ours', reason);
}

function ownerOf(name: string, bridge: ObservedBridge | undefined, facts: SwitchFacts): DriverName {
  const isDeclared = facts.declared.has(name);
  const takes = (driver: DriverName) =>
    bridge === undefined
      ? driverTraits(driver).makes({ isDeclared, presence: presenceOf(driver, facts) })
      : driverTraits(driver).drives(bridge.externalIds);
  return DRIVER_NAMES.find(takes) ?? ROWS_DRIVER;
}

function through(driver: DriverName, name: string, facts: SwitchFacts): Choice {
  const { title, program } = driverTraits(driver);
  const presence = presenceOf(driver, facts);
  if (program === undefined || presence === 'ready') return { driver };
  const whose = `${title}, which drives ${name},`;
  return presence === 'unable'
    ? obstacle(program.unable, `${whose} cannot do Open vSwitch here`)
    : obstacle(program.away, `${whose} ${whyAway(presence)}`);
}

/** A driver without a program of its own is `ready`: whether OVSDB can be asked is another question. */
export function presenceOf(driver: DriverName, { presence }: Pick<SwitchFacts, 'presence'>): Presence {
  const known: Readonly<Partial<Record<DriverName, Presence>>> = presence;
  return known[driver] ?? 'ready';
}

/** The words for it. */
export function whyAway(presence: Presence): string {
  return presence === 'silent' ? 'does not answer' : 'is not running';
}

function obstacle(code: ErrorCode, reason: string): Choice {
  return { obstacle: { code, reason } };
}
