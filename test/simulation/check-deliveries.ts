import type { Delivery } from './group-history.ts';
import type { Violation } from './violation.ts';

/** A record that every group must have seen by the end of the run. */
export interface DueRecord {
  readonly pk: string;
  readonly offset: number;
  readonly text: string;
}

export interface DeliveryEvidence {
  /** Those whose members have read on to the end of the log at last. */
  readonly groupIds: readonly string[];
  readonly deliveries: readonly Delivery[];
  readonly due: readonly DueRecord[];
  readonly atMs: number;
}

/** I11: a group is given every record at least once, however its members came and went. */
export function checkDeliveries({ groupIds, deliveries, due, atMs }: DeliveryEvidence): Violation[] {
  return groupIds.flatMap((groupId) => {
    const given = new Set(deliveries.flatMap((one) => (one.groupId === groupId ? one.texts : [])));
    const missed = due.filter(({ text }) => !given.has(text));
    return missed.map(({ pk: where, offset, text }): Violation => {
      const message = `no member of ${groupId} was ever given the record ${text}`;
      return { invariant: 'I11', message, atMs, where, offset };
    });
  });
}
