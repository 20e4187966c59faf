/** Does `work` for every item, at most `count` at once, and answers in their order. The first fault ends it. */
export async function atOnce<T, R>(
  items: readonly T[],
  count: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers = new Map<number, R>();
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) answers.set(index, await work(item));
  };
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, worker));
  return [...answers].sort(([a], [b]) => a - b).map(([, answer]) => answer);
}
