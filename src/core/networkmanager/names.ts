// Names and numbers of NetworkManager's D-Bus API that we use (NetworkManager(8) D-Bus reference).

export const NM = 'org.freedesktop.NetworkManager';
export const NM_PATH = '/org/freedesktop/NetworkManager';
export const SETTINGS = `${NM}.Settings`;
export const SETTINGS_PATH = `${NM_PATH}/Settings`;
export const CONNECTION = `${SETTINGS}.Connection`;
export const ACTIVE = `${NM}.Connection.Active`;
export const PROPERTIES = 'org.freedesktop.DBus.Properties';

/** NM_CAPABILITY_OVS in `Capabilities`: the OVS plugin is loaded. */
export const CAPABILITY_OVS = 2;

/** AddConnection2 flags: keep the profile in /run only, and do not autoconnect it while we set things up. */
export const IN_MEMORY = 0x2;
export const BLOCK_AUTOCONNECT = 0x20;

export const ActiveState = { activated: 2, deactivating: 3, deactivated: 4 } as const;

/** Our error codes' counterpart: errors that say the object is simply not there. */
export const ABSENT_ERRORS: readonly string[] = [
  `${SETTINGS}.InvalidConnection`,
  `${NM}.UnknownDevice`,
  `${NM}.ConnectionNotActive`,
  'org.freedesktop.DBus.Error.UnknownObject',
  'org.freedesktop.DBus.Error.UnknownMethod',
];

/**
 * Error replies of the bus itself, when nobody has the name: it is not there, cannot be started (its unit is masked, or
 * was purged with its package), or went away before it had answered.
 */
export const GONE_ERRORS: readonly string[] = [
  'org.freedesktop.DBus.Error.ServiceUnknown',
  'org.freedesktop.DBus.Error.NameHasNoOwner',
  'org.freedesktop.DBus.Error.NoReply',
  'org.freedesktop.DBus.Error.Disconnected',
  'org.freedesktop.DBus.Error.Spawn.ServiceNotFound',
  'org.freedesktop.DBus.Error.Spawn.ExecFailed',
  'org.freedesktop.DBus.Error.Spawn.Failed',
  'org.freedesktop.systemd1.NoSuchUnit',
  'org.freedesktop.systemd1.UnitMasked',
  'org.freedesktop.systemd1.LoadFailed',
];
