import { MillraceError } from '../../errors.ts';
import type { GroupHeartbeat, HeartbeatAnswer, TakenPosition } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import { createBell } from '../bell.ts';
import type { ClientParts } from '../client-parts.ts';
import type { Member } from './committer.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import { placeKey } from './held-partition.ts';
import { type GroupPlace, placesOf, topicsOf, without } from './partition-sets.ts';
import { sleepOrRing } from './pause.ts';

/** What a membership does to the consumer's partitions. A method that rejects ends the membership with that error. */
export interface SessionEvents {
  /** These were taken over: read them from where the group is. Answers which of them are there to be read. */
  assigned(taken: readonly TakenPosition[]): Promise<readonly PartitionPlace[]>;
  /** Let go of these; resolves when nothing of them is in anybody's hands and all that is done is committed. */
  revoked(places: readonly GroupPlace[]): Promise<void>;
  /** These are gone, without a chance to commit. */
  lost(places: readonly GroupPlace[]): Promise<void>;
  /** A heartbeat was answered. */
  answered(): void;
  failed(error: unknown): void;
}

export interface SessionPulse {
  /** Whether the loop has been silent for longer than it may be. */
  isOverdue(): boolean;
  /** Resolves as soon as the loop asks for records. */
  asked(signal: AbortSignal): Promise<void>;
}

/** This consumer's membership of its group: joins, heartbeats, takes partitions over and gives them up. */
export interface Session {
  readonly memberId: string;
  /** Begins, if it is not under way. */
  start(): void;
  member(): Member | undefined;
  /** One more with every membership that has ended. */
  term(): number;
  nextAnswer(): Promise<void>;
  /** Whether what is owned can still be owned: the last answered heartbeat is younger than the session timeout. */
  isFresh(): boolean;
  /** Makes the member the owner of a partition it owns once more: commits that are on their way are refused from now on. */
  takeOverAgain(place: GroupPlace): Promise<TakenPosition>;
  owned(): readonly GroupPlace[];
  /** Is owned no more, as far as this member knows; where it still is to be, it is taken over anew. */
  drop(place: GroupPlace): void;
  /** Gives everything up and leaves the group. Never rejects. */
  end(): Promise<void>;
}

const RETRY_PAUSE_MS_FIRST = 100;
const RETRY_PAUSE_MS_MAX = 2_000;
const LEAVE_MS_MAX = 5_000;

export function createSession(
  client: ClientParts,
  settings: ConsumerSettings & { readonly groupId: string },
  { events, pulse }: { readonly events: SessionEvents; readonly pulse: SessionPulse },
): Session {
  const { clock, random, groups } = client;
  const { groupId, instanceId, sessionTimeoutMs, requestTimeoutMs } = settings;
  const memberId = random.uuid();
  const wake = createBell();
  const answers = createBell();
  let running: Promise<void> | undefined;
  let over = new AbortController();
  /** One more with every membership: what an older one began must not touch the next. */
  let membership = 0;
  let memberEpoch = 0;
  let target: readonly GroupPlace[] = [];
  let owned: readonly GroupPlace[] = [];
  /** `owned` as the group was last told. */
  let told: readonly GroupPlace[] | undefined;
  let reconciling: Promise<void> | undefined;
  let lastAnsweredMs = 0;
  let isEnding = false;

  const newCall = (): ReturnType<ClientParts['newCall']> => client.newCall({ timeoutMs: requestTimeoutMs });
  const static_ = instanceId === undefined ? {} : { instanceId };

  const nextBeat = (): GroupHeartbeat => {
    const base = { groupId, memberId, memberEpoch, ...static_ };
    if (memberEpoch !== 0) return told === owned ? base : { ...base, owned: topicsOf(owned) };
    const { topics, topicRegex, assignor, clientId, pollIntervalMsMax } = settings;
    return {
      ...base,
      sessionTimeoutMs,
      rebalanceTimeoutMs: pollIntervalMsMax,
      subscription: { ...(topics ? { topics } : {}), ...(topicRegex === undefined ? {} : { topicRegex }) },
      ...(assignor === undefined ? {} : { assignor }),
      ...(clientId === undefined ? {} : { clientId }),
      owned: [],
    };
  };

  const beatOnce = async (): Promise<HeartbeatAnswer> => {
    const sentMs = clock.monotonicMs();
    const beat = nextBeat();
    const telling = owned;
    const answer = await groups.heartbeat(beat, newCall());
    if (beat.owned !== undefined) told = telling;
    memberEpoch = answer.memberEpoch;
    lastAnsweredMs = sentMs;
    if (answer.assignment !== undefined) target = placesOf(answer.assignment);
    answers.ring();
    events.answered();
    return answer;
  };

  const forget = async (): Promise<void> => {
    const gone = owned;
    membership += 1;
    memberEpoch = 0;
    owned = [];
    target = [];
    told = undefined;
    answers.ring();
    if (gone.length > 0) await events.lost(gone);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let failureCount = 0;
    while (!signal.aborted) {
      if (memberEpoch !== 0 && pulse.isOverdue()) await goIdle();
      if (signal.aborted) return;
      try {
        const { heartbeatIntervalMs } = await beatOnce();
        failureCount = 0;
        startReconciling();
        const hasNews = told !== owned;
        if (!hasNews) await sleepOrRing(clock, { ms: heartbeatIntervalMs, bell: wake, signal });
      } catch (error) {
        failureCount += 1;
        await afterFailedBeat(error, { failureCount, signal });
      }
    }
  };

  const afterFailedBeat = async (
    error: unknown,
    { failureCount, signal }: { readonly failureCount: number; readonly signal: AbortSignal },
  ): Promise<void> => {
    const kind = kindOf(error);
    if (kind === 'fatal') throw error;
    if (kind === 'rejoin') await forget();
    // It may have been stored: only an answer to what is owned says what the group believes.
    told = undefined;
    const ceilingMs = Math.min(RETRY_PAUSE_MS_MAX, RETRY_PAUSE_MS_FIRST * 2 ** Math.min(failureCount, 8));
    await sleepOrRing(clock, { ms: 1 + random.next() * ceilingMs, bell: wake, signal });
  };

  /** The loop is stuck, or was left: others go on with its partitions until it asks again. */
  const goIdle = async (): Promise<void> => {
    await sayGoodbye();
    await forget();
    await pulse.asked(over.signal);
  };

  const sayGoodbye = async (): Promise<void> => {
    const call = client.newCall({ timeoutMs: Math.min(requestTimeoutMs, LEAVE_MS_MAX) });
    const leaving = instanceId !== undefined && isEnding ? -2 : -1;
    await groups
      .heartbeat({ groupId, memberId, memberEpoch: leaving, ...static_ }, call)
      .catch(() => undefined);
  };

  /** Beside the heartbeats, which go on meanwhile: giving up may have to wait for the loop. */
  const startReconciling = (): void => {
    if (isEnding) return;
    reconciling ??= reconcile(membership)
      .catch((error) => {
        if (!isEnding) stopWith(error);
      })
      .then(() => {
        reconciling = undefined;
      });
  };

  const reconcile = async (mine: number): Promise<void> => {
    const leaving = without(owned, target);
    if (leaving.length > 0) {
      await events.revoked(leaving);
      if (mine !== membership) return;
      owned = without(owned, leaving);
      wake.ring();
    }
    const coming = without(target, owned);
    if (coming.length > 0 && mine === membership && !isEnding) await take(coming, mine);
  };

  const take = async (places: readonly GroupPlace[], mine: number): Promise<void> => {
    const taken = (await takenOver(places)).filter(({ error }) => error === undefined);
    if (mine !== membership || taken.length === 0) return;
    const read = await orTryAgain(() => events.assigned(taken));
    const keys = new Set(read.map(placeKey));
    const ours = places.filter((place) => keys.has(placeKey(place)));
    if (ours.length === 0) return;
    if (mine !== membership) {
      await events.lost(ours);
      return;
    }
    owned = [...owned, ...ours];
    wake.ring();
  };

  const takenOver = (places: readonly GroupPlace[]): Promise<readonly TakenPosition[]> =>
    orTryAgain(() => groups.takeOver({ groupId, memberId, memberEpoch, places }, newCall()));

  const stopWith = (error: unknown): void => {
    over.abort();
    const tell = (): void => events.failed(error);
    const farewell = memberEpoch === 0 ? Promise.resolve() : sayGoodbye();
    void farewell.then(forget).then(tell, tell);
  };

  return {
    memberId,
    start: () => {
      if (running !== undefined || isEnding) return;
      over = new AbortController();
      running = run(over.signal)
        .catch(stopWith)
        .then(() => {
          running = undefined;
        });
    },
    member: () => (memberEpoch > 0 ? { memberId, memberEpoch, ...static_ } : undefined),
    term: () => membership,
    nextAnswer: async () => {
      if (running === undefined) return;
      const next = answers.next();
      wake.ring();
      await next;
    },
    isFresh: () => clock.monotonicMs() - lastAnsweredMs <= sessionTimeoutMs,
    takeOverAgain: async (place) => {
      const [taken] = await groups.takeOver({ groupId, memberId, memberEpoch, places: [place] }, newCall());
      if (taken === undefined || taken.error !== undefined) {
        throw (
          taken?.error ?? new MillraceError('STALE_MEMBER_EPOCH', 'The partition belongs to another member')
        );
      }
      return taken;
    },
    owned: () => owned,
    drop: (place) => {
      owned = without(owned, [place]);
      wake.ring();
    },
    end: async () => {
      isEnding = true;
      // Heartbeats go on meanwhile: commits may need to learn of a new epoch.
      await reconciling;
      if (owned.length > 0) await events.revoked(owned).catch(events.failed);
      over.abort();
      await running;
      if (memberEpoch !== 0) await sayGoodbye();
      membership += 1;
      memberEpoch = 0;
      owned = [];
      answers.ring();
    },
  };
}

function kindOf(error: unknown): 'again' | 'rejoin' | 'fatal' {
  if (!(error instanceof MillraceError)) return 'fatal';
  switch (error.code) {
    case 'REQUEST_TIMED_OUT':
    case 'THROTTLING_QUOTA_EXCEEDED':
      return 'again';
    case 'UNKNOWN_MEMBER_ID':
    case 'FENCED_MEMBER_EPOCH':
    case 'STALE_MEMBER_EPOCH':
      return 'rejoin';
    default:
      return 'fatal';
  }
}

/** Nothing, where the membership has changed meanwhile or storage does not answer: the next heartbeat leads here again. */
async function orTryAgain<T>(work: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await work();
  } catch (error) {
    if (kindOf(error) === 'fatal') throw error;
    return [];
  }
}
