// Which guests ask for a port or a device, by its name: each event asks that, and there are hundreds of guests.

interface PortNames {
  port: string;
  interface: string;
}

export interface Askers {
  /** What the guest asks for now, instead of what it asked for before. */
  set(key: string, ports: readonly PortNames[]): void;
  /** Keys of the guests that ask for the port. */
  forPort(port: string): ReadonlySet<string>;
  /** Keys of the guests that ask for the device. */
  forDevice(link: string): ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

export function openAskers(): Askers {
  const namesByKey = new Map<string, readonly PortNames[]>();
  const byPort = new Map<string, Set<string>>();
  const byDevice = new Map<string, Set<string>>();
  return {
    set(key, ports) {
      for (const names of namesByKey.get(key) ?? []) {
        drop(byPort, names.port, key);
        drop(byDevice, names.interface, key);
      }
      if (ports.length === 0) namesByKey.delete(key);
      else namesByKey.set(key, ports);
      for (const names of ports) {
        put(byPort, names.port, key);
        put(byDevice, names.interface, key);
      }
    },
    forPort: (port) => byPort.get(port) ?? NOBODY,
    forDevice: (link) => byDevice.get(link) ?? NOBODY,
  };
}

function put(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  if (keys === undefined) index.set(name, new Set([key]));
  else keys.add(key);
}

function drop(index: Map<string, Set<string>>, name: string, key: string): void {
  const keys = index.get(name);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(name);
}
