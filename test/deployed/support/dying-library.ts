import type { Millrace } from '../../../lib/client/millrace.ts';
import { type Death, type Watch, watchFor } from './death.ts';
import { openLibrary, type Place } from './library-on-dynamodb.ts';

export interface Life {
  /** Requests it has made; a dead one made one more than it was allowed. */
  readonly requestCount: number;
  /** Lets go of what a dead library still waits for. */
  bury(): Promise<void>;
}

/**
 * Runs work on a library of its own until that is done or the library dies. A dead one is never answered again, and
 * nothing that it goes on to do reaches DynamoDB, as if its process had been killed.
 */
export async function live(
  place: Place,
  death: Death | undefined,
  work: (millrace: Millrace) => Promise<void>,
): Promise<Life> {
  const dead = Promise.withResolvers<void>();
  const buried = Promise.withResolvers<never>();
  buried.promise.catch(() => undefined);
  let isDead = false;
  const die = (): Promise<never> => {
    isDead = true;
    dead.resolve();
    return buried.promise;
  };
  let watch: Watch | undefined;
  let millrace: Millrace | undefined;
  const life = async (): Promise<void> => {
    millrace = await openLibrary(place, (client) => {
      watch = watchFor(client, death, { die, isDead: () => isDead });
    });
    await work(millrace);
  };
  const lived = life();
  lived.catch(() => undefined);
  await Promise.race([lived, dead.promise]);
  return {
    requestCount: watch?.requestCount() ?? 0,
    bury: async () => {
      isDead = true;
      buried.reject(new Error('dead'));
      await lived.catch(() => undefined);
      // What it says to that concerns nobody any more.
      await millrace?.close().catch(() => undefined);
    },
  };
}
