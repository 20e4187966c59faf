import type { SeededRandom } from './random.ts';

/**
 * Virtual time. Events run in the order of their time, ties in an order drawn from the seed; between two events every
 * promise that can go on does so. Nothing here or above reads a real clock, so the same seed is the same run.
 */
export interface Scheduler {
  /** True time, in milliseconds since 1970. Only storage's clocks show it; processes have clocks of their own. */
  readonly nowMs: number;
  readonly eventCount: number;
  /** A fingerprint of everything that was mixed in so far: equal for equal runs. */
  readonly fingerprint: string;
  schedule(delayMs: number, run: () => void): Scheduled;
  sleep(ms: number): Promise<void>;
  mix(value: number | string): void;
  /** Runs events until `done`, until none is left, or until `eventsMax` have run. */
  run(done: () => boolean, options: { readonly eventsMax: number }): Promise<'done' | 'idle' | 'exhausted'>;
}

export interface Scheduled {
  cancel(): void;
}

interface Event {
  readonly atMs: number;
  readonly tie: number;
  readonly sequence: number;
  run: (() => void) | undefined;
}

const EVENTS_PER_TURN = 1_024;

export function createScheduler(random: SeededRandom, startMs: number): Scheduler {
  const queue = createQueue();
  const hash = createHash();
  let nowMs = startMs;
  let sequence = 0;
  let eventCount = 0;

  const schedule = (delayMs: number, run: () => void): Scheduled => {
    if (!(delayMs >= 0)) throw new RangeError(`a delay of ${delayMs} ms`);
    const event: Event = { atMs: nowMs + delayMs, tie: random.word(), sequence: sequence++, run };
    queue.push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  };

  const step = (event: Event): boolean => {
    const { run } = event;
    if (run === undefined) return false;
    nowMs = event.atMs;
    eventCount++;
    hash.mixNumber(nowMs);
    hash.mixNumber(event.sequence);
    run();
    return true;
  };

  return {
    get nowMs() {
      return nowMs;
    },
    get eventCount() {
      return eventCount;
    },
    get fingerprint() {
      return hash.text();
    },
    schedule,
    sleep: (ms) => new Promise((resolve) => schedule(ms, resolve)),
    mix: (value) => (typeof value === 'number' ? hash.mixNumber(value) : hash.mixText(value)),
    run: async (done, { eventsMax }) => {
      await settled();
      try {
        while (!done()) {
          if (eventCount >= eventsMax) return 'exhausted';
          const event = queue.pop();
          if (event === undefined) return 'idle';
          if (step(event)) await settled();
          if (eventCount % EVENTS_PER_TURN === 0) await loopTurn();
        }
        return 'done';
      } finally {
        await loopTurn();
      }
    },
  };
}

/**
 * Node runs ticks only when no microtask is left, however long their chains: all promises have gone as far as they can
 * when this resolves. Much faster than a turn of the loop, which would ask the system for news every time.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** A turn of Node's loop, in which it tells of rejections that nobody handled. */
function loopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function before(a: Event, b: Event): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.sequence < b.sequence;
}

/** A binary heap. */
function createQueue(): { push(event: Event): void; pop(): Event | undefined } {
  const heap: Event[] = [];
  const at = (index: number): Event => heap[index] as Event;

  const sink = (moved: Event): void => {
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(at(child + 1), at(child))) child++;
      if (!before(at(child), moved)) break;
      heap[index] = at(child);
      index = child;
    }
    heap[index] = moved;
  };

  return {
    push: (event) => {
      let index = heap.length;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!before(event, at(parent))) break;
        heap[index] = at(parent);
        index = parent;
      }
      heap[index] = event;
    },
    pop: () => {
      const first = heap[0];
      const last = heap.pop();
      if (first !== undefined && last !== undefined && heap.length > 0) sink(last);
      return first;
    },
  };
}

/** Two 32-bit multiplicative hashes side by side; enough to tell runs apart, fast enough for every event. */
function createHash(): { mixNumber(value: number): void; mixText(value: string): void; text(): string } {
  const double = new Float64Array(1);
  const words = new Uint32Array(double.buffer);
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  const mixWord = (word: number): void => {
    low = Math.imul(low ^ word, 0x01000193);
    high = Math.imul(high ^ (word + (low >>> 15)), 0x5bd1e995);
  };
  return {
    mixNumber: (value) => {
      double[0] = value;
      mixWord(words[0] ?? 0);
      mixWord(words[1] ?? 0);
    },
    mixText: (value) => {
      for (let i = 0; i < value.length; i++) mixWord(value.charCodeAt(i));
    },
    text: () => [low, high].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(''),
  };
}
