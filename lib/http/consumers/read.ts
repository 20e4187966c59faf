import type { MillraceError } from '../../errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import { HttpError } from '../http-error.ts';
import type { EmbeddedFormat } from '../media-type.ts';
import { afterAnswer, encodeAnswer, fromTurn } from './answer.ts';
import { collect, type Gathered } from './collect.ts';
import { autoCommit } from './commit.ts';
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
 * auto commit) and partitions may be given up; then records of all partitions are gathered, and waited for.
 */
export async function readRecords(
  parts: ConsumerParts,
  codecs: Codecs,
  instance: ConsumerInstance,
  wish: ReadWish,
): Promise<Worked<string>> {
  if (instance.selection.kind === 'none') {
    throw new HttpError(
      { status: 409, restCode: 40903 },
      'The instance has neither subscribed nor been assigned partitions',
    );
  }
  const untilMs = parts.clock.monotonicMs() + wish.waitMs;
  let now = await keepMembership(parts, instance, { mayGiveUp: true });
  now = await autoCommit(parts, now);
  now = await untilAssigned(parts, now, untilMs);
  const { bytesMin, reset } = now.settings;
  const gathered = await collect(parts, fromTurn(now), {
    bytesMin: Math.max(1, bytesMin),
    bytesMax: wish.bytesMax,
    waitMs: Math.max(0, untilMs - parts.clock.monotonicMs()),
    reset,
  });
  // Nobody is there to take the records: the next read answers them.
  if (parts.signal?.aborted === true) return { instance: now, answer: '[]' };
  try {
    const answer = encodeAnswer(codecs, gathered, wish);
    const error = answer.recordCount === 0 ? firstError(gathered) : undefined;
    const after = afterAnswer(now, gathered, answer);
    return error === undefined ? { instance: after, answer: answer.body } : { instance: after, error };
  } catch (error) {
    if (error instanceof HttpError) return { instance: now, error };
    throw error;
  }
}

/** A topic that was deleted has nothing to read; its group will find out. */
function firstError(gathered: readonly Gathered[]): MillraceError | undefined {
  return gathered
    .map(({ error }) => error)
    .find((error) => error !== undefined && error.code !== 'UNKNOWN_TOPIC_OR_PARTITION');
}

/** Others may have to give up partitions first. A client that waits for records waits for that, too. */
async function untilAssigned(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  untilMs: number,
): Promise<ConsumerInstance> {
  let now = instance;
  while (isMember(now) && now.held.length === 0 && parts.signal?.aborted !== true) {
    const leftMs = untilMs - parts.clock.monotonicMs();
    if (leftMs <= 0) break;
    await parts.clock.sleep(Math.min(leftMs, ASK_AGAIN_MS), parts.signal).catch(() => undefined);
    now = await keepMembership(parts, now, { mayGiveUp: true });
  }
  return now;
}
