import { LIMITS } from '../../lib/limits.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault, type StorageFaultKind } from '../../lib/storage/fault.ts';
import { type Fence, fencesHold, type Observation, observeNow } from '../../lib/storage/observation.ts';
import type { SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

const OFFSET_TOLERANCE_MS = 10_000;

/** How requests fare between a process and storage. Rates are per request. */
export interface NetworkConduct {
  /** One way, on average. */
  latencyMs: number;
  /** A few take much longer, and so overtake nobody and are overtaken by many. */
  slowRate: number;
  slowMsMax: number;
  throttleRate: number;
  /** Never arrives; the client gives up after its time-out. */
  lostRate: number;
  /** The client hears of a broken connection or a 5xx, and nothing happened. */
  brokenBeforeRate: number;
  /** The same, and it happened. */
  brokenAfterRate: number;
  /** The same, and it happens later than the client hears of it. */
  brokenLateRate: number;
  lateMsMax: number;
  /** How long a client waits for one answer, on its monotonic clock. */
  timeoutMs: number;
}

export interface Link {
  readonly process: SimProcess;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly conduct: NetworkConduct;
  /** What the client adds to its wall clock to sign, learned from the dates of answers. */
  readonly signing: { offsetMs: number };
}

export interface Request<A> {
  readonly name: string;
  readonly write: boolean;
  readonly fences: readonly Fence[];
  readonly call: Call;
  /** Takes what is sent out of the process's memory, at the moment of signing, and answers what storage does with it. */
  readonly prepare: () => () => A;
}

type Answer<A> = { readonly kind: 'done'; readonly value: A } | { readonly kind: StorageFaultKind };

/**
 * One attempt, as an adapter makes it: note the clocks, sign, check the fences, send, wait. The process may freeze or
 * crash before each of these steps; storage judges the signature's date when the request arrives.
 */
export function exchange<A>(
  link: Link,
  request: Request<A>,
): Promise<{ readonly value: A; readonly observation: Observation }> {
  const { process, conduct } = link;
  const sent = observeNow(process.clock);
  return new Promise((resolve, reject) => {
    const leftMs = request.call.deadlineMs - process.clock.monotonicMs();
    const patience = process.timer(Math.max(1, Math.min(conduct.timeoutMs, leftMs)), () => {
      finish(() => reject(new StorageFault('interrupted', `${request.name}: no answer`)));
    });
    let over = false;
    const finish = (act: () => void): void => {
      if (over) return;
      over = true;
      patience.cancel();
      request.call.signal?.removeEventListener('abort', abandon);
      act();
    };
    const abandon = (): void => {
      finish(() =>
        reject(new StorageFault('interrupted', `${request.name}: given up`, { mayHaveHappened: false })),
      );
    };
    const hear = (answer: Answer<A>, serverMs: number): void => {
      learnOffset(link, serverMs, answer.kind === 'skewed');
      if (answer.kind === 'done') {
        resolve({ value: answer.value, observation: { ...sent, serverMs } });
        return;
      }
      reject(new StorageFault(answer.kind, `${request.name}: ${answer.kind}`));
    };

    if (!request.write) request.call.signal?.addEventListener('abort', abandon, { once: true });
    if (!request.write && request.call.signal?.aborted) {
      abandon();
      return;
    }
    process.step(link.random.next() * 0.1, () => {
      if (over) return;
      const signedMs = wholeSeconds(process.clock.wallMs() + link.signing.offsetMs);
      if (!fencesHold(request.fences, process.clock, signedMs)) {
        finish(() => reject(new StorageFault('fenced', `${request.name}: the observation is too old`)));
        return;
      }
      const perform = request.prepare();
      process.step(link.random.next() * 0.1, () => {
        travel(link, { name: request.name, signedMs, perform }, (answer, serverMs) => {
          finish(() => hear(answer, serverMs));
        });
      });
    });
  });
}

/**
 * An adapter corrects the clock it signs with when an answer's date shows it to be off. The answer may itself be old,
 * if the process was frozen; then storage refuses the next signature, and the clock is corrected again.
 */
function learnOffset({ signing, process }: Link, serverMs: number, mustLearn: boolean): void {
  const offsetMs = serverMs - process.clock.wallMs();
  if (mustLearn || Math.abs(offsetMs - signing.offsetMs) > OFFSET_TOLERANCE_MS) signing.offsetMs = offsetMs;
}

interface Signed<A> {
  readonly name: string;
  readonly signedMs: number;
  readonly perform: () => A;
}

/** From the wire to storage and back; `answer` is called in the process, if at all. */
function travel<A>(
  link: Link,
  signed: Signed<A>,
  answer: (answer: Answer<A>, serverMs: number) => void,
): void {
  const { scheduler, random, conduct, process, trace } = link;
  const fate = drawFate(random, conduct);
  const reply = (heard: Answer<A>): void => {
    const serverMs = wholeSeconds(scheduler.nowMs);
    process.step(drawLatencyMs(random, conduct), () => answer(heard, serverMs));
  };
  const arrive = (): Answer<A> => {
    if (Math.abs(signed.signedMs - scheduler.nowMs) > LIMITS.signatureSkewMsMax) return { kind: 'skewed' };
    if (fate === 'throttled') return { kind: 'throttled' };
    return { kind: 'done', value: signed.perform() };
  };
  if (fate !== 'fine') trace.add({ kind: fate, process: process.name, detail: signed.name });

  switch (fate) {
    case 'lost':
      return;
    case 'brokenBefore':
      reply({ kind: 'interrupted' });
      return;
    case 'brokenLate':
      reply({ kind: 'interrupted' });
      scheduler.schedule(random.next() ** 2 * conduct.lateMsMax, arrive);
      return;
    case 'brokenAfter':
      scheduler.schedule(drawLatencyMs(random, conduct), () => {
        arrive();
        reply({ kind: 'interrupted' });
      });
      return;
    case 'fine':
    case 'throttled':
      scheduler.schedule(drawLatencyMs(random, conduct), () => reply(arrive()));
  }
}

type Fate = 'fine' | 'throttled' | 'lost' | 'brokenBefore' | 'brokenAfter' | 'brokenLate';

function drawFate(random: SeededRandom, conduct: NetworkConduct): Fate {
  let left = random.next();
  const fates: readonly (readonly [Fate, number])[] = [
    ['throttled', conduct.throttleRate],
    ['lost', conduct.lostRate],
    ['brokenBefore', conduct.brokenBeforeRate],
    ['brokenAfter', conduct.brokenAfterRate],
    ['brokenLate', conduct.brokenLateRate],
  ];
  for (const [fate, rate] of fates) {
    left -= rate;
    if (left < 0) return fate;
  }
  return 'fine';
}

function drawLatencyMs(random: SeededRandom, conduct: NetworkConduct): number {
  if (random.chance(conduct.slowRate)) return random.next() * conduct.slowMsMax;
  return conduct.latencyMs * (0.5 + random.next());
}

/** The precision of an HTTP date and of a signature's. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
