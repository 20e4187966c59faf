import { LIMITS } from '../../limits.ts';
import type { Codecs } from '../../record/codecs.ts';
import { HttpError } from '../http-error.ts';
import type { EmbeddedFormat } from '../media-type.ts';
import { afterAnswer, afterPassing, encodeAnswer, fromTurn } from './answer.ts';
import { collect, type Gathered, hasFailed } from './collect.ts';
import { autoCommit, noteUnexpected } from './commit.ts';
import { type ConsumerInstance, isMember } from './instance.ts';
import { keepMembership } from './membership.ts';
import type { ConsumerParts } from './parts.ts';
import type { Worked } from './session.ts';

export interface ReadWish {
  readonly format: EmbeddedFormat;
  readonly bytesMax: number;
  readonly waitMs: number;
}

/** How often a member without partitions asks for some while its client waits. */
const ASK_AGAIN_MS = 500;

/**
 * One poll. That the client reads on says that it is done with what it read before, so that is committed first (with
 * auto commit) and partitions may be given up; then records of all partitions are gathered, and waited for. A client that
 * waits long is heard of by its group as often as any other member, and hands over what others are to have.
 */
export async function readRecords(
  parts: ConsumerParts,
  codecs: Codecs,
  instance: ConsumerInstance,
  wish: ReadWish,
): Promise<Worked<string>> {
  if (instance.selection.kind === 'none') throw notReading();
  const untilMs = parts.clock.monotonicMs() + wish.waitMs;
  let now = instance;
  for (;;) {
    now = await keepMembership(parts, now, { mayGiveUp: true });
    now = await autoCommit(parts, now);
    const leftMs = Math.max(0, untilMs - parts.clock.monotonicMs());
    const waitMs = Math.min(leftMs, patienceMs(now));
    const gathered = await gather(parts, now, { ...wish, waitMs });
    // Nobody is there to take the records: the next read answers them.
    if (parts.signal?.aborted === true) return { instance: now, answer: '[]' };
    for (const { error } of gathered) noteUnexpected(parts, error);
    if (waitMs === leftMs || gathered.some(hasNews)) return answerOf(codecs, now, gathered, wish);
    now = afterPassing(now, gathered);
  }
}

const notReading = (): HttpError =>
  new HttpError(
    { status: 409, restCode: 40903 },
    'The instance has neither subscribed nor been assigned partitions',
  );

/** How long it waits before the group hears of it again. What has begun to come in is waited for to the end. */
function patienceMs(instance: ConsumerInstance): number {
  if (!isMember(instance) || instance.settings.bytesMin > 1) return Number.POSITIVE_INFINITY;
  return instance.held.length === 0 ? ASK_AGAIN_MS : LIMITS.heartbeatIntervalMsDefault;
}

const hasNews = (gathered: Gathered): boolean => gathered.batches.length > 0 || hasFailed(gathered);

/** Others may have to give up partitions first. A client that waits for records waits for that, too. */
async function gather(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  wish: ReadWish,
): Promise<readonly Gathered[]> {
  const { bytesMin } = instance.settings;
  if (instance.held.length > 0) {
    return collect(parts, fromTurn(instance), { ...wish, bytesMin: Math.max(1, bytesMin), instance });
  }
  if (wish.waitMs > 0) await parts.clock.sleep(wish.waitMs, parts.signal).catch(() => undefined);
  return [];
}

function answerOf(
  codecs: Codecs,
  instance: ConsumerInstance,
  gathered: readonly Gathered[],
  wish: ReadWish,
): Worked<string> {
  try {
    const answer = encodeAnswer(codecs, gathered, wish);
    const error = answer.recordCount === 0 ? gathered.find(hasFailed)?.error : undefined;
    const after = afterAnswer(instance, gathered, answer);
    return error === undefined ? { instance: after, answer: answer.body } : { instance: after, error };
  } catch (error) {
    if (error instanceof HttpError) return { instance, error };
    throw error;
  }
}
