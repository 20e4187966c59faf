import { MillraceError } from '../../errors.ts';
import type { PartitionPlace } from '../../log.ts';
import { createBell } from '../bell.ts';
import type { ClientParts } from '../client-parts.ts';
import { type Committer, createCommitter } from './committer.ts';
import { type ConsumerSettings, isSubscribed } from './consumer-options.ts';
import { createDeliveries, type Deliveries } from './deliveries.ts';
import { dropFetched, type HeldPartition, moveTo, placeKey } from './held-partition.ts';
import { createHoldings, type Holdings } from './holdings.ts';
import { createLoopGate, type LoopGate } from './loop-gate.ts';
import { sleepOrRing } from './pause.ts';
import { createSession, type Session, type SessionEvents, type SessionPulse } from './session.ts';

/** What the parts of a consumer share. */
export interface ConsumerCore {
  readonly deliveries: Deliveries;
  readonly committer: Committer;
  /** Undefined without a subscription. */
  readonly session: Session | undefined;
  readonly gate: LoopGate;
  loopBegins(): void;
  loopEnded(): void;
  /** What `take` gives as soon as it gives something; undefined once the consumer is closed, or the loop was left. */
  nextOf<T>(take: () => T | undefined, isLeft: () => boolean): Promise<T | undefined>;
  /** INVALID_REQUEST if it is not assigned. */
  heldAt(place: PartitionPlace): HeldPartition;
  setPaused(places: readonly PartitionPlace[], isPaused: boolean): void;
  assign(places: readonly PartitionPlace[]): Promise<void>;
  retake(place: PartitionPlace): Promise<void>;
  close(): Promise<void>;
}

export function createCore(parts: ClientParts, settings: ConsumerSettings): ConsumerCore {
  const { clock, codecs } = parts;
  const { groupId, signal } = settings;
  const closed = new AbortController();
  const deliveries = createDeliveries(codecs);
  const gate = createLoopGate(clock, deliveries);
  const holdings = createHoldings({
    client: parts,
    settings,
    deliveries,
    gate,
    committer: () => committer,
    closed: closed.signal,
  });
  const pulse: SessionPulse = {
    isOverdue: () => gate.silentMs() > settings.pollIntervalMsMax,
    asked: async (over) => {
      if (!gate.isAsking()) await gate.asked.next(over);
    },
  };
  const session =
    groupId !== undefined && isSubscribed(settings)
      ? createSession(
          parts,
          { ...settings, groupId },
          { events: eventsOf(deliveries, holdings, gate), pulse },
        )
      : undefined;
  const committer = createCommitter(parts, settings, {
    member: () => (session === undefined ? 'outside' : session.member()),
    term: () => session?.term() ?? 0,
    nextAnswer: async () => session?.nextAnswer(),
  });

  const commitNowAndThen = async (): Promise<void> => {
    const bell = createBell();
    for (;;) {
      await sleepOrRing(clock, { ms: settings.autoCommitIntervalMs, bell, signal: closed.signal });
      if (closed.signal.aborted) return;
      const canCommit = session === undefined || session.member() !== undefined;
      if (canCommit) await committer.commitProcessed(deliveries.all()).catch(gate.fail);
    }
  };
  let committing: Promise<void> | undefined;

  const closeAll = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    closed.abort();
    gate.changed.ring();
    gate.forgetFailure();
    await committing;
    await session?.end();
    await holdings.giveUpNow(deliveries.all()).catch(gate.fail);
    await holdings.ended();
    gate.throwFailure();
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll();
    return closing;
  };

  /** Whoever calls `close` later is told of what went wrong. */
  const closeUnseen = (): void => void close().catch(() => undefined);

  /** A loop that works on something ends by itself when it asks for more. */
  const onAbort = (): void => {
    gate.changed.ring();
    if (!gate.isLooping()) closeUnseen();
  };
  signal?.addEventListener('abort', onAbort, { once: true });

  const isOver = async (): Promise<boolean> => {
    if (signal?.aborted === true) await close();
    return closed.signal.aborted;
  };

  const heldAt = (place: PartitionPlace): HeldPartition => {
    const held = deliveries.get(place);
    if (held !== undefined) return held;
    const { topic, partition } = place;
    const message = `Partition ${partition} of topic '${topic}' is not assigned to this consumer; onAssigned tells when it is`;
    throw new MillraceError('INVALID_REQUEST', message);
  };

  return {
    deliveries,
    committer,
    session,
    gate,
    loopBegins: () => {
      if (closed.signal.aborted) {
        throw new MillraceError('INVALID_REQUEST', 'The consumer is closed; make another one');
      }
      gate.begin();
      session?.start();
      if (settings.autoCommit) committing ??= commitNowAndThen();
      holdings.restartStuck();
    },
    loopEnded: () => {
      gate.end();
      if (signal?.aborted === true) closeUnseen();
    },
    nextOf: (take, isLeft) =>
      // What was fetched before a long sleep of this process may be somebody else's by now: a heartbeat tells.
      gate.next({
        isOver: async () => isLeft() || (await isOver()) || isLeft(),
        take: () => (session?.isFresh() === false ? undefined : take()),
      }),
    heldAt,
    setPaused: (places, isPaused) => {
      for (const held of places.map(heldAt)) {
        held.isPaused = isPaused;
        if (isPaused) dropFetched(held);
        else held.bell.ring();
      }
      gate.changed.ring();
    },
    assign: async (places) => {
      const wanted = new Set(places.map(placeKey));
      await holdings.giveUpNow(deliveries.all().filter(({ place }) => !wanted.has(placeKey(place))));
      const coming = places.filter((place) => deliveries.get(place) === undefined);
      if (coming.length === 0) return;
      const call = parts.newCall({ timeoutMs: settings.requestTimeoutMs });
      const committed = groupId === undefined ? [] : await parts.groups.committed(groupId, coming, call);
      const byPlace = new Map(committed.map((offset) => [placeKey(offset), offset]));
      const prepared = coming.map((place) => {
        const known = byPlace.get(placeKey(place));
        return holdings.prepare({ ...place, topicId: known?.topicId }, known);
      });
      await holdings.takeOn(await Promise.all(prepared));
    },
    retake: async (place) => {
      const held = deliveries.get(place);
      const owned = session?.owned().find((one) => placeKey(one) === placeKey(place));
      if (session === undefined || held === undefined || owned === undefined) return;
      // Until it is known where to go on, nothing of it may be given to the loop.
      held.isWithheld = true;
      dropFetched(held);
      try {
        const { committed } = await session.takeOverAgain(owned);
        const { position, committedOffset, behind } = await holdings.prepare(owned, committed);
        held.committedOffset = committedOffset;
        held.behind = behind;
        moveTo(held, position);
      } catch (error) {
        // The group assigns it again, and then it is taken over and its position is read as for the first time.
        session.drop(owned);
        await holdings.lose([held]);
        if (!isSettledByGroup(error)) throw error;
      }
      held.isWithheld = false;
      held.bell.ring();
      gate.changed.ring();
    },
    close,
  };
}

/** What happens in the group happens to the partitions that are held. */
function eventsOf(deliveries: Deliveries, holdings: Holdings, gate: LoopGate): SessionEvents {
  const heldOf = (places: readonly PartitionPlace[]): HeldPartition[] =>
    places.flatMap((place) => deliveries.get(place) ?? []);
  return {
    assigned: async (taken) => {
      const prepared = taken.map((place) => holdings.prepare(place, place.committed).catch(unlessGone));
      const there = (await Promise.all(prepared)).filter((held) => held !== undefined);
      if (there.length > 0) await holdings.takeOn(there);
      return there.map(({ place }) => place);
    },
    revoked: (places) => holdings.giveUp(heldOf(places)),
    lost: (places) => holdings.lose(heldOf(places)),
    answered: () => gate.changed.ring(),
    failed: gate.fail,
  };
}

const hasCode = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof MillraceError && codes.includes(error.code);

const isGone = (error: unknown): boolean =>
  hasCode(error, ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);

/** The next heartbeat brings what there is to know. */
const isSettledByGroup = (error: unknown): boolean =>
  isGone(error) || hasCode(error, ['STALE_MEMBER_EPOCH', 'FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID']);

/** A topic that was deleted meanwhile leaves the assignment by itself. */
function unlessGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
}
