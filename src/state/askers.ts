// Which guests ask for a port or a device, by its name: each event asks that, and there are hundreds of guests.

interface Wish {
  port: string;
  interface: string;
}

export interface Askers {
  /** What the guest asks for now, instead of what it asked for before. */
  set(key: string, ports: readonly Wish[]): void;
  /** Keys of the guests that ask for the port. */
  forPort(port: string): ReadonlySet<string>;
  /** Keys of the guests that ask for the device. */
  forDevice(link: string): ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

export function openAskers(): Askers {
  const wishes = new Map<string, readonly Wish[]>();
  const byPort = new Map<string, Set<string>>();
  const byDevice = new Map<string, Set<string>>();
  return {
    set(key, ports) {
      for (const wish of wishes.get(key) ?? []) {
        drop(byPort, wish.port, key);
        drop(byDevice, wish.interface, key);
      }
      if (ports.length === 0) wishes.delete(key);
      else wishes.set(key, ports);
      for (const wish of ports) {
        put(byPort, wish.port, key);
        put(byDevice, wish.interface, key);
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
