import type { GroupHistory } from './group-history.ts';
import type { GroupTruth } from './group-truth.ts';
import type { Violation } from './violation.ts';

/** I11 where the position is a part of the transaction that deals with the records before it: each once, and no more. */
export function checkApplied({ applied }: GroupHistory, { positions }: GroupTruth): Violation[] {
  const first = new Map<string, GroupHistory['applied'][number]>();
  const found: Violation[] = [];
  for (const one of applied) {
    for (const text of one.texts) {
      const { groupId, pk, memberId, atMs } = one;
      // A retry may have been stored again in a topic that was made anew.
      const record = `${groupId} ${pk} ${text}`;
      const before = first.get(record);
      first.set(record, one);
      // A group whose positions have gone begins anew; whether they may is for another check to say.
      const hasBegunAnew = positions.some(
        (change) =>
          change.groupId === groupId &&
          change.pk === pk &&
          before !== undefined &&
          change.atMs >= before.atMs &&
          change.atMs <= atMs &&
          change.before?.committed !== undefined &&
          change.after?.committed === undefined,
      );
      if (before === undefined || hasBegunAnew) continue;
      const message = `${memberId} of ${groupId} applied ${text}, which ${before.memberId} had applied`;
      found.push({ invariant: 'I11', message, atMs, where: pk });
    }
  }
  return found;
}
