// The switch drivers that there are, what each is like and which bridges are its own: a new driver has its entry here. Pure.

import type { ErrorCode } from '../lib/errors.ts';

export const NM_UUID_KEY = 'NM.connection.uuid';

type ExternalIds = Readonly<Record<string, string>>;

/**
 * Of the program that a driver works through. `ready`: runs, and can do Open vSwitch. `expected`: could, but does not run
 * now. `silent`: it has its name on the bus, and hangs. `unable`: there is none, it is masked, or it cannot do OVS.
 */
export type Presence = 'ready' | 'expected' | 'silent' | 'unable';

interface DriverTraits {
  /** Whose the bridges are, in people's words. */
  title: string;
  /** Key of external_ids on rows that it makes; the first driver whose key is there has made the row. */
  rowKey: string | undefined;
  /**
   * Whether a program of its own keeps the rows: that takes them away with their device, puts them back by itself, and goes
   * on without us.
   */
  keepsRows: boolean;
  /** Codes for a program that it cannot work without, when that is away for now, or cannot do OVS; OVSDB is no such program. */
  program: { away: ErrorCode; unable: ErrorCode } | undefined;
  /** Whether it may work on a bridge that there is, by the bridge's row. */
  drives(externalIds: ExternalIds): boolean;
  /** Whether it makes a bridge that is missing, where the configuration leaves that open. */
  makes(missing: { isDeclared: boolean; presence: Presence }): boolean;
}

/** In the order in which they are asked whose a bridge is. The last one takes what no other takes. */
const TRAITS = {
  networkmanager: {
    title: 'NetworkManager',
    rowKey: NM_UUID_KEY,
    keepsRows: true,
    program: { away: 'networkmanager-unavailable', unable: 'networkmanager-without-ovs' },
    drives: (externalIds: ExternalIds) => externalIds[NM_UUID_KEY] !== undefined,
    // It gives up whatever /etc/network/interfaces names.
    makes: ({ isDeclared, presence }) => !isDeclared && presence !== 'unable',
  },
  ovsdb: {
    title: 'OVSDB',
    rowKey: undefined,
    keepsRows: false,
    program: undefined,
    drives: () => true,
    makes: () => true,
  },
} as const satisfies Record<string, DriverTraits>;

/** Who changes rows: NetworkManager over D-Bus, or we ourselves in OVSDB. */
export type DriverName = keyof typeof TRAITS;

/** Of those that work through a program. */
export type ProgramDriverName = {
  [D in DriverName]: (typeof TRAITS)[D]['program'] extends undefined ? never : D;
}[DriverName];

export const DRIVER_NAMES = Object.keys(TRAITS) as [DriverName, ...DriverName[]];

/** Works on rows that no program keeps, and on those whose program is away for now. */
export const ROWS_DRIVER = 'ovsdb' satisfies DriverName;

export const driverTraits = (driver: DriverName): DriverTraits => TRAITS[driver];

/** Keys that tell whose a row is; one that changes hands must lose the former's. */
export const ROW_KEYS: readonly string[] = DRIVER_NAMES.flatMap((name) => driverTraits(name).rowKey ?? []);

/** Who made a row; one without any driver's key is worked on in OVSDB itself. */
export function driverOfRow(externalIds: ExternalIds): DriverName {
  const isOn = (name: DriverName) => {
    const { rowKey } = driverTraits(name);
    return rowKey !== undefined && externalIds[rowKey] !== undefined;
  };
  return DRIVER_NAMES.find(isOn) ?? ROWS_DRIVER;
}

/** The driver whose program keeps the row, and puts it back after a boot; undefined: there is none. */
export function keeperOfRow(externalIds: ExternalIds): DriverName | undefined {
  const driver = driverOfRow(externalIds);
  return driverTraits(driver).keepsRows ? driver : undefined;
}
