import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/**
 * Where in a request to DynamoDB somebody dies. `sent`: the request is on the wire, the answer is not there yet; whether
 * it is carried out is open. `answered`: the answer is there, and nobody has looked at it.
 */
export type DeathMoment = 'before' | 'sent' | 'answered';

export const MOMENTS: readonly DeathMoment[] = ['before', 'sent', 'answered'];

export interface Death {
  /** From 0. */
  readonly atRequest: number;
  readonly moment: DeathMoment;
}

export interface Watch {
  readonly requestCount: () => number;
}

/**
 * Watches what a client sends, next to the wire, and calls `die` where it is to die. A death that does not end the
 * process never comes back from `die`, and `isDead` keeps all later requests from the wire.
 */
export function watchFor(
  client: DynamoDBClient,
  death: Death | undefined,
  end: { readonly die: () => Promise<never>; readonly isDead: () => boolean },
): Watch {
  let requests = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      if (end.isDead()) return end.die();
      const isLast = requests === death?.atRequest;
      requests += 1;
      if (!isLast) return next(args);
      if (death?.moment === 'before') return end.die();
      const answer = next(args);
      if (death?.moment === 'answered') await answer;
      else answer.catch(() => undefined);
      return end.die();
    },
    { step: 'deserialize', priority: 'low', name: 'death' },
  );
  return { requestCount: () => requests };
}
