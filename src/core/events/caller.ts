// Who handed an event in, or called a method, as the bus knows it.

export interface Caller {
  user: string;
  pid: number;
  /** What else is known of them, for the metadata of a block: `caller_process`, `caller_login`, `caller_sudo_user` … */
  about?: Readonly<Record<string, string>>;
}
