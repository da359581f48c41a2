// The D-Bus connection as the rest of the project sees it; one adapter implements it.

/** A method call. `body` follows `signature`; variants are made with `Bus.variant`. */
export interface BusCall {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature?: string;
  body?: unknown[];
  /** Milliseconds to wait for the reply; 10000 by default. */
  deadlineMs?: number;
  /** Whether the bus may start the service; false by default. */
  autoStart?: boolean;
}

/** A signal; `body` is plain data: variants unwrapped, 64-bit integers as number or decimal string. */
export interface BusSignal {
  sender: string;
  path: string;
  interface: string;
  member: string;
  body: unknown[];
}

/** What to listen for. `sender` is required, so that no other client can make us hear its signals. */
export interface MatchRule {
  sender: string;
  interface: string;
  member: string;
  path?: string;
  arg0?: string;
}

/** Who called, as the bus says it. */
export interface Caller {
  uid: number | undefined;
  pid: number | undefined;
  /** Root, or whoever runs this process. Calls of others do not come through, but of those who did not stay to be asked about. */
  trusted: boolean;
}

/** A method call that came in; exactly one of `reply` and `fail` must be called. */
export interface IncomingCall {
  caller: Caller;
  path: string;
  interface: string;
  member: string;
  signature: string;
  /** Reads the arguments, which costs; only where `signature` is one that is served. Throws when they do not fit it. */
  arguments(): unknown[];
  reply(signature: string, body: unknown[]): void;
  fail(errorName: string, text: string): void;
}

export interface Bus {
  /** Our unique name, such as `:1.42`. */
  readonly name: string;
  /** Throws `bus-call-failed` (cause: BusError), `deadline-exceeded` or `bus-unreachable`. */
  call(call: BusCall): Promise<unknown[]>;
  /** Resolves to a function that ends the subscription. */
  subscribe(rule: MatchRule, listener: (signal: BusSignal) => void): Promise<() => Promise<void>>;
  /** Owns a well-known name, or throws when somebody else does. */
  requestName(name: string): Promise<void>;
  /** Sets the one receiver of calls; it returns false for a call that is not its own. */
  serve(receiver: (call: IncomingCall) => boolean): void;
  /** `listener` is told of calls by others than root, which are refused. The bus itself lets none through. */
  onRefused(listener: (refused: { member: string; caller: Caller }) => void): void;
  emit(path: string, interfaceName: string, member: string, signature: string, body: unknown[]): void;
  variant(signature: string, value: unknown): unknown;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

/** An error reply: `type` is its D-Bus name, such as `org.freedesktop.DBus.Error.UnknownMethod`. */
export class BusError extends Error {
  readonly type: string;

  constructor(type: string, text: string) {
    super(text || type);
    this.name = 'BusError';
    this.type = type;
  }
}

/** The D-Bus error name behind a failed call, or undefined when it was none. */
export function busErrorType(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof BusError ? cause.type : undefined;
}
