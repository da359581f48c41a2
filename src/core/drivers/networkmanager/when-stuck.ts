// Asks for an activation once more when it hangs although what it was for is there.

import { pause } from '../../lib/deadline.ts';

/**
 * NetworkManager 1.58 can miss that a user-space bridge's interface has come, and stays "activating" for ever, without its
 * addresses. A second activation takes the interface down and brings it up: that helps, and takes 6 s of its own.
 *
 * @param activate resolves when it is done; may be called a second time while the first call is under way
 * @param present resolves when Open vSwitch has the interface; when it rejects, the first activation alone counts
 * @param patienceMs how long after that an activation may still be on its way
 */
export async function retryWhenStuck(
  activate: () => Promise<void>,
  present: Promise<unknown>,
  patienceMs: number,
): Promise<void> {
  const first = activate();
  const stuck = present.then(
    () => pause(patienceMs).then(() => true),
    () => first.then(() => false),
  );
  if (await Promise.race([first.then(() => false), stuck])) {
    // It ends with the second one, and badly.
    first.catch(() => undefined);
    await activate();
  }
}
