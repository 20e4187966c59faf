import { MillraceError } from '../../errors.ts';
import type { CommitResult, OffsetToCommit } from '../../groups.ts';
import type { CallOptions, ClientParts } from '../client-parts.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import { type HeldPartition, isUncommitted, type Position } from './held-partition.ts';
import { noteStored, toCommit } from './to-commit.ts';

/** Who commits. */
export interface Member {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId?: string;
}

export interface Membership {
  /** `outside`: positions are committed on behalf of no member. Undefined: there is no membership at the moment. */
  member(): Member | 'outside' | undefined;
  /** Another number once a membership has ended: what was read in it is not committed in the next one. */
  term(): number;
  /** Resolves after the next answer to a heartbeat, which may bring a new epoch. */
  nextAnswer(): Promise<void>;
}

/** Commits one after another, so that an older position never lands behind a newer one. */
export interface Committer {
  /** What the loop is done with. Never rejects for what the next commit, or the group, will settle. */
  commitProcessed(helds: readonly HeldPartition[]): Promise<void>;
  /** Everything the loop was given. */
  commitGiven(helds: readonly HeldPartition[], options?: CallOptions): Promise<void>;
  commitOffsets(offsets: readonly OffsetToCommit[], options?: CallOptions): Promise<readonly CommitResult[]>;
  /** Runs after the commits that were begun before, and before those that follow. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
}

const STALE_RETRIES_MAX = 5;
/** What an automatic commit need not tell the loop: it is tried again, or the heartbeat settles it. */
const SETTLED_ELSEWHERE: ReadonlySet<string> = new Set([
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
  'STALE_MEMBER_EPOCH',
  'UNKNOWN_MEMBER_ID',
  'FENCED_MEMBER_EPOCH',
  'FENCED_INSTANCE_ID',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'ILLEGAL_GENERATION',
  'GROUP_ID_NOT_FOUND',
]);

export function createCommitter(
  client: ClientParts,
  settings: ConsumerSettings,
  membership: Membership,
): Committer {
  const { groupId, requestTimeoutMs } = settings;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  };

  const send = async (
    offsets: readonly OffsetToCommit[],
    options?: CallOptions,
    term: number = membership.term(),
  ): Promise<readonly CommitResult[]> => {
    const call = client.newCall({ timeoutMs: requestTimeoutMs, ...options });
    for (let retryCount = 0; ; retryCount += 1) {
      // ⚑ Others may have gone on where this member was until then, and have committed more.
      if (term !== membership.term()) throw fromBefore();
      try {
        return await client.groups.commit({ ...whoCommits(groupId, membership), offsets }, call);
      } catch (error) {
        // The epoch may have moved on while this was on its way; whether we still own anything is told with the next one.
        if (!isStale(error) || retryCount === STALE_RETRIES_MAX) throw error;
        await membership.nextAnswer();
      }
    }
  };

  const commitHelds = async (
    helds: readonly HeldPartition[],
    positionOf: (held: HeldPartition) => Position,
    options?: CallOptions,
  ): Promise<readonly MillraceError[]> => {
    const wanted = helds.filter(
      (held) => !held.isReleased && positionOf(held).offset !== held.committedOffset,
    );
    if (wanted.length === 0) return [];
    const positions = wanted.map(positionOf);
    const offsets = wanted.map((held, index) => toCommit(held, positions[index] as Position));
    const results = await send(offsets, options);
    return results.flatMap(({ error }, index) => {
      const held = wanted[index];
      const offset = offsets[index];
      if (error !== undefined) return [error];
      if (held !== undefined && offset !== undefined) noteStored(held, offset);
      return [];
    });
  };

  return {
    inTurn,
    commitProcessed: (helds) =>
      inTurn(async () => {
        if (!helds.some(isUncommitted)) return;
        try {
          const errors = await commitHelds(helds, ({ processed }) => processed);
          for (const error of errors) throwUnlessSettledElsewhere(error);
        } catch (error) {
          throwUnlessSettledElsewhere(error);
        }
      }),
    commitGiven: (helds, options) =>
      inTurn(async () => {
        const eras = helds.map(({ era }) => era);
        const [error] = await commitHelds(helds, ({ position }) => position, options);
        for (const [index, held] of helds.entries()) {
          if (held.era === eras[index] && held.committedOffset === held.position.offset)
            held.processed = held.position;
        }
        if (error !== undefined) throw error;
      }),
    commitOffsets: (offsets, options) => {
      const term = membership.term();
      return inTurn(() => send(offsets, options, term));
    },
  };
}

function throwUnlessSettledElsewhere(error: unknown): void {
  if (!(error instanceof MillraceError) || !SETTLED_ELSEWHERE.has(error.code)) throw error;
}

const isStale = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'STALE_MEMBER_EPOCH';

const fromBefore = (): MillraceError =>
  new MillraceError(
    'STALE_MEMBER_EPOCH',
    'The consumer has lost its partitions since: what it read of them is read again by whoever has them now',
  );

const notAMember = (groupId: string): MillraceError =>
  new MillraceError(
    'UNKNOWN_MEMBER_ID',
    `The consumer is no member of group '${groupId}' at the moment: it joins while its loop asks for records`,
  );

function whoCommits(
  groupId: string | undefined,
  membership: Membership,
): { readonly groupId: string; readonly member?: Member } {
  if (groupId === undefined) {
    throw new MillraceError('INVALID_GROUP_ID', 'A consumer without a groupId has nowhere to commit to');
  }
  const member = membership.member();
  if (member === undefined) throw notAMember(groupId);
  return member === 'outside' ? { groupId } : { groupId, member };
}
