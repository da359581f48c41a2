// The switch drivers that there are, and how a row of OVSDB shows whose it is: a new driver has its line here. Pure.

export const NM_UUID_KEY = 'NM.connection.uuid';

interface DriverTraits {
  /** Key of external_ids on rows that it makes; the first driver whose key is there has made the row. */
  rowKey: string | undefined;
  /**
   * Whether a program of its own keeps the rows: that takes them away with their device, puts them back by itself, and goes
   * on without us.
   */
  keepsRows: boolean;
}

const TRAITS = {
  networkmanager: { rowKey: NM_UUID_KEY, keepsRows: true },
  ovsdb: { rowKey: undefined, keepsRows: false },
} as const satisfies Record<string, DriverTraits>;

/** Who changes rows: NetworkManager over D-Bus, or we ourselves in OVSDB. */
export type DriverName = keyof typeof TRAITS;

export const DRIVER_NAMES = Object.keys(TRAITS) as [DriverName, ...DriverName[]];

export const driverTraits = (driver: DriverName): DriverTraits => TRAITS[driver];

/** Who made a row; one without any driver's key is worked on in OVSDB itself. */
export function driverOfRow(externalIds: Readonly<Record<string, string>>): DriverName {
  const isOn = (name: DriverName) => {
    const { rowKey } = driverTraits(name);
    return rowKey !== undefined && externalIds[rowKey] !== undefined;
  };
  return DRIVER_NAMES.find(isOn) ?? 'ovsdb';
}
