const DAY_MS = 86_400_000;

/**
 * Answers whether all positions are to be noted again: the first time, and once a day. Both systems drop those of a
 * group without members after seven days, partition by partition, and some partitions may have no records for longer.
 */
export function everyDay(nowMs: () => number = () => performance.now()): () => boolean {
  let notedMs = Number.NEGATIVE_INFINITY;
  return () => {
    const isDue = nowMs() - notedMs >= DAY_MS;
    if (isDue) notedMs = nowMs();
    return isDue;
  };
}
