// Which member of a fail-over group has the group's address; pure.

export interface GroupMember {
  /** Container id. */
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  /** Docker's word; `none` for an image without a health check. */
  readonly health: 'healthy' | 'unhealthy' | 'starting' | 'none';
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/**
 * The id of the member that shall have the address; undefined when none runs. The holder keeps it while it runs and is
 * not unhealthy: who comes back does not get it back, since every move breaks connections. Else it goes to a healthy
 * member (one without a health check counts as healthy), else to one that starts; the longest started first, then by
 * id. When all that run are unhealthy the holder keeps it, for moving it would gain nothing; a holder that is gone
 * leaves it even to an unhealthy one.
 */
export function electHolder({
  members,
  holder,
}: {
  members: readonly GroupMember[];
  holder: string | undefined;
}): string | undefined {
  const running = members.filter((member) => member.running);
  const present = running.find(({ id }) => id === holder);
  if (present !== undefined && present.health !== 'unhealthy') return present.id;
  const [best] = [...running].sort(
    (a, b) => rank(a) - rank(b) || a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1),
  );
  return present !== undefined && best?.health === 'unhealthy' ? present.id : best?.id;
}

function rank({ health }: GroupMember): number {
  if (health === 'healthy' || health === 'none') return 0;
  return health === 'starting' ? 1 : 2;
}
