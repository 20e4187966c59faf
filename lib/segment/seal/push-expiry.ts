import type { EngineParts } from '../../engine-parts.ts';
import { type Chunk, chunkFromItem, chunkToItem } from '../../partition/chunk.ts';
import { type Bounds, readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';
import type { Page } from '../../storage/table.ts';
import { type Incident, noteIncident } from '../incident.ts';

export type PushDependencies = Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'>;

export interface PushReport {
  readonly sealedEnd: number;
  /** Behind the last chunk that was looked at. */
  readonly endOffset: number;
  readonly chunkCount: number;
  readonly pushedCount: number;
  /** A broken chain; also noted with the partition. */
  readonly incident?: Incident;
  /** False if the deadline came first; the next run begins at the sealed end again. */
  readonly isComplete: boolean;
}

const CHUNKS_PER_PAGE = 256;
/** How often the walk begins again because sealing has moved under it. */
const WALKS_MAX = 4;

/**
 * ⚑ Expiry must never reach unsealed data: walks along the hot chain above the sealed end and rewrites the expiry of
 * every chunk that has passed half its life to a whole life from now on. Usually there is none, for sealing comes long
 * before. On the way it sees whether the chain is whole. Holds one page of items at a time.
 *
 * The rewritten item has a fresh version, as every put has, and the version is the token by which a writer that repeats
 * an append recognises itself. A writer repeats it for 60 s at most, and what it has signed arrives within 15 minutes
 * (the fence); half a life is at least 12 hours, so it has long ended. Where that does not follow, because
 * `hot.retention.ms` was raised a moment ago or a clock is wrong, the item tells: it keeps the version it was appended
 * with, and the writer that meets it looks there too.
 *
 * Neither can the rewrite bring a chunk back or undo another's change: `ifVersion` fails on an absent item. It extends no
 * chain, so it needs no fence.
 */
export async function pushExpiry(
  deps: PushDependencies,
  partition: { readonly pk: string; readonly hotRetentionMs: number },
  call: Call,
): Promise<PushReport> {
  const { pk } = partition;
  for (let walks = 1; ; walks += 1) {
    const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
    const { gap, ...walked } = await walk(deps, partition, bounds, call);
    const report = { ...walked, sealedEnd: bounds.sealedEnd };
    if (gap !== undefined && walks < WALKS_MAX && (await hasMoved(deps, pk, bounds, call))) continue;
    // A walk that was cut off has not seen whether an incident is over.
    if (gap === undefined && !report.isComplete) return report;
    const incident = await noteIncident(deps, pk, gap, call);
    return incident === undefined ? report : { ...report, incident };
  }
}

/** What looks like a gap may have been sealed, and expired, while this process slept. */
async function hasMoved(deps: PushDependencies, pk: string, bounds: Bounds, call: Call): Promise<boolean> {
  const now = await readBounds(deps.catalog, pk, { consistent: true }, call);
  return now.sealedEnd !== bounds.sealedEnd || now.logStart !== bounds.logStart;
}

interface Walk extends Omit<PushReport, 'sealedEnd' | 'incident'> {
  readonly gap: Incident | undefined;
}

async function walk(
  deps: PushDependencies,
  { pk, hotRetentionMs }: { readonly pk: string; readonly hotRetentionMs: number },
  bounds: Bounds,
  call: Call,
): Promise<Walk> {
  const walked = { endOffset: bounds.sealedEnd, chunkCount: 0, pushedCount: 0 };
  let gap: Incident | undefined;
  for (;;) {
    if (deps.clock.monotonicMs() >= call.deadlineMs) return { ...walked, gap, isComplete: false };
    const range = { from: walked.endOffset, limit: CHUNKS_PER_PAGE, consistent: true };
    const page = await deps.hot.query(pk, range, call);
    const chunks = page.items.map(chunkFromItem);
    for (const chunk of chunks) {
      gap ??= gapBefore(chunk, walked.endOffset, { bounds, foundMs: nowMs(deps.clock, page) });
      walked.chunkCount += 1;
      walked.endOffset = Math.max(walked.endOffset, chunk.endOffset);
      // What lies behind a gap is kept too: somebody may mend it.
      if (await push(deps, { pk, chunk, hotRetentionMs, page }, call)) walked.pushedCount += 1;
    }
    const last = chunks.at(-1);
    const isOver = !page.more || last === undefined || last.body.kind === 'closed';
    if (isOver) return { ...walked, gap, isComplete: true };
  }
}

/** Offsets below the log start are no loss: they were given up. */
function gapBefore(
  { baseOffset }: Chunk,
  expected: number,
  { bounds, foundMs }: { readonly bounds: Bounds; readonly foundMs: number },
): Incident | undefined {
  if (baseOffset <= Math.max(expected, bounds.logStart)) return undefined;
  return { kind: 'gap', offset: Math.max(expected, bounds.logStart), nextOffset: baseOffset, foundMs };
}

/**
 * Storage's own time where it has one: it is storage that deletes what has expired, and a host whose clock is ahead must
 * not rewrite what was appended just now.
 */
function nowMs(clock: Clock, { observation }: Page<number>): number {
  return observation.serverMs ?? clock.wallMs();
}

function isDue({ expiresAtSeconds, body }: Chunk, hotRetentionMs: number, now: number): boolean {
  if (expiresAtSeconds === undefined || body.kind === 'closed') return false;
  return expiresAtSeconds * 1000 - now < hotRetentionMs / 2;
}

/** False if it is not due, or somebody else has rewritten it. */
async function push(
  deps: PushDependencies,
  looked: {
    readonly pk: string;
    readonly chunk: Chunk;
    readonly hotRetentionMs: number;
    readonly page: Page<number>;
  },
  call: Call,
): Promise<boolean> {
  const { pk, chunk, hotRetentionMs, page } = looked;
  if (!deps.rules.expiryPushedOut || !isDue(chunk, hotRetentionMs, nowMs(deps.clock, page))) return false;
  const { version, expiresAtSeconds = 0 } = chunk;
  const latestMs = Math.max(deps.clock.wallMs(), nowMs(deps.clock, page));
  const pushed: Chunk = {
    ...chunk,
    version: deps.random.id(),
    expiresAtSeconds: Math.ceil((latestMs + hotRetentionMs) / 1000),
    appendedAs: chunk.appendedAs ?? { version, expiresAtSeconds },
  };
  const condition = { kind: 'ifVersion', version } as const;
  const result = await deps.hot.put(chunkToItem(pk, pushed), { condition }, call);
  return result.stored;
}
