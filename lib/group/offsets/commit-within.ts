import { MillraceError } from '../../errors.ts';
import type { CommitWithinRequest } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import { type Observation, observeNow } from '../../storage/observation.ts';
import { checkGroupId, checkMemberId } from '../names.ts';
import { checkOffset } from './check-offset.ts';
import { heldFor, notTheOwner, positionOf, type SoundOffset } from './commit.ts';
import { positionKey } from './offset-cache.ts';
import { offsetToItem } from './offset-item.ts';
import type { OffsetParts } from './offset-parts.ts';
import { offsetError, offsetFences, onTopOf } from './put-offset.ts';

/**
 * `Groups.commitWithin`: the position is put by the other part's own transaction. ⚑ Only on top of what this process has
 * put itself, and never again on top of what stands there instead: whoever else has committed has dealt with the record.
 * A process that has not taken the partition over does not know what the caller had seen: STALE_MEMBER_EPOCH.
 */
export async function commitWithin(
  parts: OffsetParts,
  request: CommitWithinRequest,
  call: Call,
): Promise<void> {
  checkGroupId(request.groupId);
  checkMemberId(request.member.memberId);
  const began = observeNow(parts.clock);
  const checked = await checkOffset(parts, request.offset, call);
  if (checked.kind === 'refused') throw checked.error;
  const key = positionKey(request.groupId, { ...request.offset, topicId: checked.topicId });
  return parts.offsets.inTurn(key, () => putWithin(parts, request, { sound: checked, key, began }, call));
}

async function putWithin(
  parts: OffsetParts,
  request: CommitWithinRequest,
  { sound, key, began }: { readonly sound: SoundOffset; readonly key: string; readonly began: Observation },
  call: Call,
): Promise<void> {
  const held = heldFor(parts, request, sound);
  if (held === undefined) throw notTheOwner(request, sound);
  const { incarnation, standing, memberEpoch } = held;
  if (standing.position !== undefined && sound.offset.offset <= standing.position.offset) {
    throw isBehind(standing.position.offset, sound);
  }
  const next = { ...standing, position: positionOf(parts, sound, held.observation) };
  const version = parts.random.id();
  const item = offsetToItem(incarnation, next, version);
  const options = { condition: onTopOf(standing), fences: offsetFences(began) };
  const result = await storing(() => request.store(item, options, call)).catch((fault: unknown) => {
    // Whether it was stored is open: the member has to look, by taking the partition over again.
    parts.offsets.forget(key);
    throw fault;
  });
  switch (result.stored) {
    case true: {
      const { observation } = result;
      parts.offsets.set(key, { incarnation, standing: { ...next, version }, memberEpoch, observation });
      return;
    }
    case 'cancelled':
      throw result.cause;
    case false:
      parts.offsets.forget(key);
      throw result.mayHaveHappened === true ? openOutcome() : notTheOwner(request, sound);
  }
}

async function storing<T>(store: () => Promise<T>): Promise<T> {
  try {
    return await store();
  } catch (fault) {
    throw offsetError(fault);
  }
}

/** ⚑ What lies below the position has been dealt with together with its commit, and must not be again. */
function isBehind(committed: number, { offset }: SoundOffset): MillraceError {
  const message = `Partition ${offset.partition} of topic '${offset.topic}' is committed up to ${committed} already; ${offset.offset} does not go on from there`;
  return new MillraceError('STALE_MEMBER_EPOCH', message);
}

function openOutcome(): MillraceError {
  const message = 'The position has been changed since; whether this commit was part of that is not known';
  return new MillraceError('REQUEST_TIMED_OUT', message);
}
