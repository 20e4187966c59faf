/** Things that are each due at a time; of those due at the same time, the one that was put in first comes first. */
export interface DueQueue<T> {
  put(value: T, dueMs: number): void;
  /** Takes out the first one that is due by then. */
  take(nowMs: number): T | undefined;
  /** When the first one is due; undefined if there is none. */
  readonly nextMs: number | undefined;
}

interface Entry<T> {
  readonly value: T;
  readonly dueMs: number;
  readonly order: number;
}

/** A binary heap: every operation is logarithmic in what is there. */
export function dueQueue<T>(): DueQueue<T> {
  const heap: Entry<T>[] = [];
  let order = 0;

  const swap = (a: number, b: number): void => {
    const [one, other] = [heap[a], heap[b]];
    if (one === undefined || other === undefined) return;
    heap[a] = other;
    heap[b] = one;
  };
  const isBefore = (a: number, b: number): boolean => {
    const [one, other] = [heap[a], heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
  };
  const up = (from: number): void => {
    let at = from;
    while (at > 0) {
      const parent = Math.floor((at - 1) / 2);
      if (!isBefore(at, parent)) return;
      swap(at, parent);
      at = parent;
    }
  };
  const down = (): void => {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = isBefore(left + 1, left) ? left + 1 : left;
      if (!isBefore(child, at)) return;
      swap(at, child);
      at = child;
    }
  };

  return {
    put: (value, dueMs) => {
      heap.push({ value, dueMs, order });
      order += 1;
      up(heap.length - 1);
    },
    take: (nowMs) => {
      const first = heap[0];
      if (first === undefined || first.dueMs > nowMs) return undefined;
      swap(0, heap.length - 1);
      heap.pop();
      down();
      return first.value;
    },
    get nextMs() {
      return heap[0]?.dueMs;
    },
  };
}
