import type { EngineParts } from '../engine-parts.ts';
import type { FlowProgress } from '../flows.ts';
import type { Call } from '../storage/call.ts';
import type { Topic } from '../topic/topic-item.ts';
import type { Copier, CopySides } from './copy/copier.ts';
import type { CopyGap } from './copy/copy-outcome.ts';
import type { Flow } from './flows/flow-item.ts';
import type { SourceRegion, Sources } from './source-region.ts';

/** What a replicator is built on. */
export interface FlowRunParts {
  /** The region that is copied into. */
  readonly target: EngineParts;
  /** Its alias. */
  readonly region: string;
  readonly sources: Sources;
  /** What copies; opened once for each run. @default the engine's own */
  readonly openCopier?: (sides: CopySides, source: string) => (pair: TopicPair) => Copier;
  /** Told of whatever failed and is tried again; never of what a flow's status says. */
  readonly onFault: (cause: unknown, doing: string) => void;
  /** Done beside the copying, by the run that has the first share. @default none */
  readonly errands?: readonly FlowErrand[];
  /** Partitions that are copied at once. @default 8 */
  readonly copiesAtOnce?: number;
}

export interface FlowRunTime {
  /** The run ends when nothing has been there to be copied for this long. */
  readonly idleMs: number;
  /** On `Clock.monotonicMs`: all is over by then. */
  readonly deadlineMs: number;
  /** Ends the run after the steps that are under way. */
  readonly signal?: AbortSignal;
  /** The part of the flow's partitions that this run copies. @default all of them */
  readonly share?: FlowShare;
}

/** One of `count` parts, from 0 on. Runs of one flow with different counts copy the same twice, at their cost, never wrongly. */
export interface FlowShare {
  readonly index: number;
  readonly count: number;
}

export type FlowRunEnd =
  /** All is copied and nothing has come for a while. */
  | 'idle'
  /** Its time is up; there may be more. */
  | 'deadline'
  | 'paused'
  /** There is no such flow, or not any more. */
  | 'noFlow'
  /** Another replicator has the lease. */
  | 'held'
  /** The source has not answered for as long as an idle run waits. */
  | 'unreachable'
  /** By its signal. */
  | 'stopped';

export interface FlowRun {
  readonly ended: FlowRunEnd;
  readonly copiedRecords: number;
  readonly copiedBytes: number;
  /** Offsets that this run has passed over, because the source had trimmed them before they were copied. */
  readonly gaps: readonly TopicGap[];
  /** As noted at the end, of the run's own share; undefined if it has not come to copying. */
  readonly progress?: FlowProgress;
}

/** Offsets `[from, to)` of a partition of the source. */
export interface TopicGap extends CopyGap {
  readonly topic: string;
  readonly partition: number;
  /** Set where what the source has of this region is relayed: the offsets are those of there. */
  readonly relay?: string;
}

/** A topic of the source and its copy. */
export interface TopicPair {
  readonly source: Topic;
  readonly target: Topic;
  /** Of a topic that is written in several regions: those whose records are copied too, out of what the source has of them. */
  readonly relays?: readonly string[];
}

export interface ErrandContext {
  readonly flow: Flow;
  readonly source: SourceRegion;
  /** Those that are being copied. */
  readonly topics: readonly TopicPair[];
  /** Records that this run has copied so far, heartbeats left out: they come without anybody's having produced anything. */
  readonly copiedRecords: number;
}

/** Something that a flow does besides copying records. What it throws is told and tried again when its time comes. */
export interface FlowErrand {
  readonly name: string;
  readonly everyMs: number;
  run(context: ErrandContext, call: Call): Promise<void>;
}
