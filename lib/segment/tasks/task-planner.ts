import type { EngineParts } from '../../engine-parts.ts';
import { partitionKey } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { Topic } from '../../topic/topic-item.ts';
import { type DueJob, dueJobs, unsealedSealAges } from './due-jobs.ts';
import { type KnownBounds, lookAtPartition, type PartitionLook } from './partition-look.ts';
import type { Task, TaskJob } from './tasks.ts';

export interface TaskPlan {
  readonly tasks: readonly Task[];
  /** Partitions that were looked at. */
  readonly partitionCount: number;
  readonly unsealedPartitionCount: number;
  /** Age of the oldest unsealed chunk anywhere, in seal ages of its topic (1: it should be sealed now). */
  readonly oldestUnsealedSealAges: number;
  /** Partitions whose items are damaged or could not be reached, with the reason. */
  readonly failures: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly reason: string;
  }[];
  /** False if time or room ran out before every partition was looked at; the next plan goes on from there. */
  readonly isComplete: boolean;
}

export interface TaskPlanner {
  /** Never begins a look after `call.deadlineMs`. Throws `StorageFault` if the topics cannot be listed. */
  plan(call: Call): Promise<TaskPlan>;
}

export interface TaskPlannerOptions {
  /** A plan of this many tasks ends. @default 1,000 */
  readonly tasksMax?: number;
  /** How long a job that got nowhere is not asked for again; doubles each time, up to 6 h. @default 10 minutes */
  readonly pauseMs?: number;
  /** Told of each partition's look. */
  readonly onLook?: (pk: string, look: PartitionLook) => void | Promise<void>;
}

interface Place {
  readonly pk: string;
  readonly topic: Topic;
  readonly partition: number;
}

interface Asked {
  readonly progress: string;
  readonly times: number;
  /** Not again before, unless there is progress; infinite for a job that only that makes due again. */
  readonly untilMs: number;
}

/** What a planner remembers of a partition; a new process begins without and pays one query more for each. */
interface Memory {
  readonly bounds: KnownBounds;
  /** When the bounds were read. */
  readonly readMs: number;
  readonly asked: ReadonlyMap<TaskJob, Asked>;
}

const TASKS_MAX = 1_000;
const PAUSE_MS = 600_000;
const PAUSE_MS_MAX = 21_600_000;
const LOOKS_AT_ONCE = 16;
/** The log start of an idle partition may be moved by a client: bounds are read again after this. */
const BOUNDS_MS_MAX = 3_600_000;

/**
 * Decides which partition needs which job now, by cheap looks. Many planners at once are harmless: they ask for the same
 * jobs, and a job that is not due does nothing.
 */
export function createTaskPlanner(parts: EngineParts, options: TaskPlannerOptions = {}): TaskPlanner {
  const { tasksMax = TASKS_MAX, pauseMs = PAUSE_MS, onLook } = options;
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  let memories: ReadonlyMap<string, Memory> = new Map();
  let nextPk: string | undefined;

  return {
    plan: async (call) => {
      const places = placesOf(await topics.listUnfinished(call));
      const turn = inTurn(places, nextPk ?? places[Math.floor(parts.random.next() * places.length)]?.pk);
      const tasks: Task[] = [];
      const failures: TaskPlan['failures'][number][] = [];
      const kept = new Map<string, Memory>();
      let begun = 0;
      let unsealedPartitionCount = 0;
      let oldestUnsealedSealAges = 0;

      const look = async ({ pk, topic, partition }: Place): Promise<void> => {
        const memory = memories.get(pk);
        if (memory !== undefined) kept.set(pk, memory);
        const nowMs = parts.clock.wallMs();
        const known = knownBounds(memory, nowMs);
        const seen = await lookAtPartition(parts, pk, known, call);
        const { asked, jobs } = ask(dueJobs(seen, topic.configs, nowMs), memory?.asked, { nowMs, pauseMs });
        const { topicId, name } = topic;
        for (const job of jobs) tasks.push({ job, topicId, topic: name, partition, continued: 0 });
        if (seen.unsealed !== undefined) unsealedPartitionCount += 1;
        const sealAges = unsealedSealAges(seen, topic.configs, nowMs);
        oldestUnsealedSealAges = Math.max(oldestUnsealedSealAges, sealAges);
        kept.set(pk, {
          bounds: boundsOf(seen),
          readMs: known === undefined ? nowMs : (memory?.readMs ?? nowMs),
          asked,
        });
        await onLook?.(pk, seen);
      };
      const looker = async (): Promise<void> => {
        for (;;) {
          const place = turn[begun];
          const isOver = parts.clock.monotonicMs() >= call.deadlineMs || call.signal?.aborted === true;
          if (place === undefined || isOver || tasks.length >= tasksMax) return;
          begun += 1;
          await look(place).catch((fault: unknown) => {
            if (!(fault instanceof StorageFault)) throw fault;
            failures.push({ topic: place.topic.name, partition: place.partition, reason: fault.message });
          });
        }
      };
      await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, looker));

      for (const { pk } of turn.slice(begun)) {
        const memory = memories.get(pk);
        if (memory !== undefined) kept.set(pk, memory);
      }
      memories = kept;
      nextPk = turn[begun]?.pk;
      const isComplete = begun === turn.length;
      const counts = { partitionCount: begun, unsealedPartitionCount, oldestUnsealedSealAges };
      return { tasks, ...counts, failures, isComplete };
    },
  };
}

function placesOf(topics: readonly Topic[]): Place[] {
  return topics.flatMap((topic) =>
    Array.from({ length: topic.partitionCount }, (_, partition) => ({
      pk: partitionKey(topic.topicId, partition),
      topic,
      partition,
    })),
  );
}

/** All places, from the one where the last plan ended: if time is always too short for all, none is always left out. */
function inTurn(places: readonly Place[], firstPk: string | undefined): readonly Place[] {
  const first = Math.max(
    0,
    places.findIndex(({ pk }) => pk === firstPk),
  );
  return [...places.slice(first), ...places.slice(0, first)];
}

function boundsOf({ sealedEnd, logStart, firstSegment, lastSegment }: PartitionLook): KnownBounds {
  return { sealedEnd, logStart, firstSegment, lastSegment };
}

/** Undefined if they have to be read again; also where a job is under way, which may have changed them. */
function knownBounds(memory: Memory | undefined, nowMs: number): KnownBounds | undefined {
  if (memory === undefined) return undefined;
  if ([...memory.asked.values()].some(({ untilMs }) => untilMs !== Infinity)) return undefined;
  return Math.abs(nowMs - memory.readMs) < BOUNDS_MS_MAX ? memory.bounds : undefined;
}

/** ⚑ A job that fails again and again must not fill the queue and the dead letters: its pauses double. */
function ask(
  due: readonly DueJob[],
  before: ReadonlyMap<TaskJob, Asked> | undefined,
  { nowMs, pauseMs }: { readonly nowMs: number; readonly pauseMs: number },
): { readonly asked: ReadonlyMap<TaskJob, Asked>; readonly jobs: readonly TaskJob[] } {
  const asked = new Map<TaskJob, Asked>();
  const jobs: TaskJob[] = [];
  for (const { job, progress, isOnce } of due) {
    const last = before?.get(job);
    const isStuck = last !== undefined && last.progress === progress;
    if (isStuck && nowMs < last.untilMs) {
      asked.set(job, last);
      continue;
    }
    const times = isStuck ? last.times + 1 : 0;
    const untilMs = isOnce === true ? Infinity : nowMs + Math.min(pauseMs * 2 ** times, PAUSE_MS_MAX);
    asked.set(job, { progress, times, untilMs });
    jobs.push(job);
  }
  return { asked, jobs };
}
