import { readBehind } from '../../group/offsets/read-behind.ts';
import type { CommittedOffset } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import type { ClientParts } from '../client-parts.ts';
import type { Committer } from './committer.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import type { Deliveries } from './deliveries.ts';
import { fetchLoop } from './fetch-loop.ts';
import { dropFetched, type HeldPartition, holdPartition } from './held-partition.ts';
import type { LoopGate } from './loop-gate.ts';
import { resetPosition, type SeekPlace } from './start-position.ts';

/** How partitions come to a consumer and leave it. */
export interface Holdings {
  /** Reads them: `onAssigned` first, then they are offered to the loop. */
  takeOn(helds: readonly HeldPartition[]): Promise<void>;
  /**
   * ⚑ First nothing more of them is given to the loop, then the loop finishes what it has of them, then that is committed,
   * and only then they are let go: whoever reads them next goes on exactly behind.
   */
  giveUp(helds: readonly HeldPartition[]): Promise<void>;
  /** The same, but without waiting: the loop itself may have asked for it, in the middle of a record. */
  giveUpNow(helds: readonly HeldPartition[]): Promise<void>;
  /** They belong to others already. */
  lose(helds: readonly HeldPartition[]): Promise<void>;
  /** Where reading begins: at the committed position if there is one. */
  prepare(place: SeekPlace, committed: Committed | undefined): Promise<HeldPartition>;
  /** Those whose reading ended with an error. */
  restartStuck(): void;
  /** Resolves when nothing is fetched any more. */
  ended(): Promise<void>;
}

type Committed = Pick<CommittedOffset, 'offset' | 'leaderEpoch' | 'vector'>;

export interface HoldingsParts {
  readonly client: ClientParts;
  readonly settings: ConsumerSettings;
  readonly deliveries: Deliveries;
  readonly gate: LoopGate;
  readonly committer: () => Committer;
  /** Of the consumer: it does not wait for its loop. */
  readonly closed: AbortSignal;
}

export function createHoldings(parts: HoldingsParts): Holdings {
  const { client, settings, deliveries, gate, committer, closed } = parts;
  const loops = new Set<Promise<void>>();
  const fetchParts = {
    client,
    settings,
    changed: gate.changed,
    heldCount: () => deliveries.all().length,
    fail: gate.fail,
  };

  const startFetching = (held: HeldPartition): void => {
    const loop: Promise<void> = fetchLoop(fetchParts, held)
      .catch(gate.fail)
      .then(() => {
        loops.delete(loop);
      });
    loops.add(loop);
  };

  const release = (helds: readonly HeldPartition[]): void => {
    for (const held of helds) deliveries.release(held);
    gate.changed.ring();
    gate.asked.ring();
  };

  const withhold = (helds: readonly HeldPartition[]): void => {
    for (const held of helds) {
      held.isWithheld = true;
      dropFetched(held);
    }
  };

  const waitForLoop = async (helds: readonly HeldPartition[]): Promise<void> => {
    const isBusy = (): boolean => {
      const inHand = deliveries.inHand();
      return inHand !== undefined && helds.includes(inHand);
    };
    while (isBusy() && !closed.aborted) await gate.asked.next(closed);
  };

  const commitDone = async (helds: readonly HeldPartition[]): Promise<void> => {
    if (settings.autoCommit) await committer().commitProcessed(helds);
  };

  const giveUp = async (helds: readonly HeldPartition[], wait: () => Promise<void>): Promise<void> => {
    try {
      withhold(helds);
      await wait();
      await commitDone(helds);
      const still = helds.filter(({ isReleased }) => !isReleased);
      if (still.length > 0) await settings.onRevoked?.(placesOf(still));
    } finally {
      release(helds);
    }
  };

  return {
    takeOn: async (helds) => {
      for (const held of helds) {
        deliveries.add(held);
        startFetching(held);
      }
      await settings.onAssigned?.(placesOf(helds));
      for (const held of helds) {
        held.isWithheld = false;
        held.bell.ring();
      }
      gate.changed.ring();
      // A position that was chosen here is the group's from now on: nothing is left out if the partition moves on.
      await commitDone(helds);
    },
    giveUp: (helds) => giveUp(helds, () => waitForLoop(helds)),
    giveUpNow: (helds) => giveUp(helds, async () => undefined),
    lose: async (helds) => {
      release(helds);
      if (helds.length > 0) await settings.onLost?.(placesOf(helds));
    },
    prepare: async ({ topic, partition, topicId }, committed) => {
      const place = { topic, partition };
      if (committed === undefined) {
        const position = await resetPosition(client, settings, { ...place, topicId });
        return holdPartition(place, position, { topicId, committedOffset: undefined, behind: undefined });
      }
      const { offset, leaderEpoch, vector } = committed;
      const behind = readBehind(vector, offset);
      return holdPartition(place, { offset, leaderEpoch }, { topicId, committedOffset: offset, behind });
    },
    restartStuck: () => {
      for (const held of deliveries.all()) if (held.isStuck) startFetching(held);
    },
    ended: async () => {
      await Promise.all(loops);
    },
  };
}

const placesOf = (helds: readonly HeldPartition[]): readonly PartitionPlace[] =>
  helds.map(({ place }) => place);
