import type { CopyState, FlowDescription } from '../lib/flows.ts';

/** What alarms look at: the worst of all flows that are not paused. */
export interface FlowHealth {
  /** Undefined while it is not known of one of them, which an alarm takes as the worst. */
  readonly lagSeconds: number | undefined;
  /** -1: unknown. */
  readonly lagRecords: number;
  /** Topics that are not copied, and why. */
  readonly stopped: readonly { readonly source: string; readonly topic: string; readonly reason: string }[];
}

const STOPPED: ReadonlySet<CopyState> = new Set<CopyState>([
  'DIVERGED',
  'SOURCE_RECREATED',
  'CONFLICT',
  'UNREACHABLE',
]);
/**
 * A note that is older says nothing about now: what has come since may not have been copied. While nothing changes a note
 * is made every other minute at least.
 */
const NOTE_MS_MAX = 180_000;

/** Undefined where no flow is running. */
export function flowHealth(flows: readonly FlowDescription[], nowMs: number): FlowHealth | undefined {
  const running = flows.filter(({ state }) => state === 'RUNNING');
  if (running.length === 0) return undefined;
  const lagsMs = running.map((flow) => lagMsOf(flow, nowMs));
  const records = running.map(({ progress }) => progress?.lagRecords ?? -1);
  return {
    lagSeconds: lagsMs.includes(-1) ? undefined : Math.max(...lagsMs) / 1_000,
    lagRecords: Math.max(...records),
    stopped: running.flatMap(({ source, progress }) =>
      (progress?.topics ?? [])
        .filter(({ state }) => STOPPED.has(state))
        .map(({ sourceTopic: topic, state, reason }) => ({ source, topic, reason: `${state}: ${reason}` })),
    ),
  };
}

function lagMsOf({ createdMs, progress }: FlowDescription, nowMs: number): number {
  if (progress === undefined) return Math.max(0, nowMs - createdMs);
  if (progress.lagMs === -1) return -1;
  const noteMs = nowMs - progress.notedMs;
  return progress.lagMs + (noteMs > NOTE_MS_MAX ? noteMs : 0);
}
