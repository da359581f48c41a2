// Types of the parts of dbus-next that it has none for; `dbus-next.ts` imports them by their paths.

declare module 'dbus-next/lib/dbus-buffer.js' {
  export default class DBusBuffer {
    constructor(buffer: Buffer, start: number, endian: number);
    readonly buffer: Buffer;
    readonly pos: number;
    read(signature: string): unknown[];
  }
}

declare module 'dbus-next/lib/message-type.js' {
  class Message {
    constructor(parts: object);
  }
  const exported: { Message: typeof Message };
  export default exported;
}

declare module 'dbus-next/lib/marshall-compat.js' {
  const exported: {
    marshallMessage(message: object): [bytes: Buffer, descriptors: unknown[]];
    messageToJsFmt(message: { signature: string; body: unknown[] }): { body: unknown[] };
  };
  export default exported;
}

declare module 'dbus-next/lib/variant.js' {
  class Variant {
    constructor(signature: string, value: unknown);
    readonly signature: string;
    readonly value: unknown;
  }
  const exported: { Variant: typeof Variant };
  export default exported;
}
