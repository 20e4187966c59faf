import { systemClock } from '../../../lib/adapters/system/index.ts';
import { type ClientParts, clientParts } from '../../../lib/client/client-parts.ts';
import { MillraceError } from '../../../lib/errors.ts';
import type { Groups } from '../../../lib/groups.ts';
import type { FetchResult, Log, ProduceRequest, ProduceResult } from '../../../lib/log.ts';
import { type LogOptions, openLog } from '../../../lib/open-log.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Clock } from '../../../lib/storage/clock.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { codecs, memoryStorage, newCall, textOf } from '../../support/log-on-memory.ts';

export interface TestClient {
  readonly parts: ClientParts;
  readonly log: Log;
}

/** One process on `storage`; `around` puts faults into its way. */
export async function openTestClient(
  storage: LogOptions = memoryStorage(),
  around: { readonly log?: (log: Log) => Log; readonly groups?: (log: Log) => Groups } = {},
): Promise<TestClient> {
  const plain = await openLog(storage, newCall(storage.clock));
  const log = around.log?.(plain) ?? plain;
  const groups = around.groups?.(plain) ?? ({} as Groups);
  const { clock, random } = storage;
  return { parts: clientParts({ log, groups, codecs, clock, random, meter: new Meter() }), log: plain };
}

/** Everything in a partition, as `offset:value`. */
export async function readAll(
  log: Log,
  storage: LogOptions,
  topic: string,
  partition = 0,
): Promise<string[]> {
  const lines: string[] = [];
  let offset = 0;
  for (;;) {
    const read: FetchResult = await log.fetch({ topic, partition, offset }, newCall(storage.clock));
    if (read.batches.length === 0) return lines;
    lines.push(...textOf(read.batches));
    offset = read.nextOffset;
  }
}

export type Accident =
  /** Refused before anything happened. */
  | 'throttled'
  /** Not stored, but nobody knows. */
  | 'lost-request'
  /** Stored, but nobody knows. */
  | 'lost-answer'
  | 'none';

/** A log whose produces meet the accidents that `next` names. */
export function accidentProne(log: Log, next: (request: ProduceRequest) => Accident): Log {
  const produce = async (request: ProduceRequest, call: Call): Promise<ProduceResult> => {
    const accident = next(request);
    if (accident === 'throttled') throw new MillraceError('THROTTLING_QUOTA_EXCEEDED', 'too fast');
    if (accident === 'lost-request') throw new MillraceError('REQUEST_TIMED_OUT', 'the request was lost');
    const result = await log.produce(request, call);
    if (accident === 'lost-answer') throw new MillraceError('REQUEST_TIMED_OUT', 'the answer was lost');
    return result;
  };
  return throughLog(log, { produce });
}

/** The log with some of its methods replaced. */
export function throughLog(log: Log, methods: Partial<Log>): Log {
  return new Proxy(log, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(methods, name);
      if (replaced !== undefined) return replaced;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** Real turns of the event loop, but pauses that take no time: a second passes in an instant. */
export function briskClock(): Clock {
  const clock = systemClock();
  let skippedMs = 0;
  return {
    wallMs: () => Math.floor(clock.wallMs() + skippedMs),
    monotonicMs: () => clock.monotonicMs() + skippedMs,
    sleep: async (ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      skippedMs += ms;
    },
  };
}
