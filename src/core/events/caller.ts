// Who handed an event in, or called a method, as the bus knows it.

export interface Caller {
  user: string;
  pid: number;
}
