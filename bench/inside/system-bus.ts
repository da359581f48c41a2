// A plain connection to the system bus.

import dbus, { type Message, type MessageBus } from 'dbus-next';

export interface SystemBus {
  call(
    destination: string,
    path: string,
    iface: string,
    member: string,
    signature?: string,
    body?: unknown[],
  ): Promise<unknown[]>;
  onMessage(listener: (message: Message) => void): void;
  close(): void;
}

export async function openSystemBus(): Promise<SystemBus> {
  const bus: MessageBus = dbus.systemBus();
  await new Promise<void>((resolve, reject) => {
    bus.once('connect', () => resolve());
    bus.on('error', reject);
  });
  return {
    async call(destination, path, iface, member, signature = '', body = []) {
      const message = new dbus.Message({ destination, path, interface: iface, member, signature, body });
      return (await bus.call(message))?.body ?? [];
    },
    onMessage: (listener) => void bus.on('message', listener),
    close: () => bus.disconnect(),
  };
}
