// Waits for something only as long as a network device is there: a container may delete its NIC at any moment.

import { AgentError } from '../lib/errors.ts';
import { linkIndex } from './links.ts';

const CHECK_MS = 200;

/**
 * What `work` comes to, or throws `link-missing` once the device of that name is gone or another one. A device that is not
 * there at first may still come. `work` goes on unwatched then; what it comes to is of no interest any more.
 */
export async function whileThere<T>(
  link: string,
  work: Promise<T>,
  indexOf: (link: string) => Promise<number | undefined> = linkIndex,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<never>((_, reject) => {
    let first: number | undefined;
    const check = async () => {
      const index = await indexOf(link);
      if (first !== undefined && index !== first) {
        reject(new AgentError('link-missing', `${link} has gone while it was to become a port`));
        return;
      }
      first = index;
      if (timer !== undefined) timer = setTimeout(() => void check().catch(reject), CHECK_MS);
    };
    timer = setTimeout(() => void check().catch(reject), 0);
  });
  try {
    return await Promise.race([work, gone]);
  } finally {
    clearTimeout(timer);
    timer = undefined;
    work.catch(() => undefined);
    gone.catch(() => undefined);
  }
}
