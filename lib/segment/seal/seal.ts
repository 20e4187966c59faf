import type { EngineParts } from '../../engine-parts.ts';
import type { Chunk } from '../../partition/chunk.ts';
import { readingStored } from '../../partition/faults.ts';
import { loadPieces } from '../../partition/load-pieces.ts';
import { planRead } from '../../partition/read-plan.ts';
import { readBounds, type Tail } from '../../partition/tail.ts';
import { countsHere } from '../../producer/chunk-producers.ts';
import { keepPassed, keepUnread, passingProducers } from '../../producer/keep-producers.ts';
import type { Producers } from '../../producer/producers.ts';
import { batchesIn } from '../../record/batches-in.ts';
import { verifyBatchCrc } from '../../record/checksum.ts';
import { readBatchHeader } from '../../record/header.ts';
import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import { describeSegment, type SegmentContent } from '../describe-segment.ts';
import { foreignIn, isForeign, stretchesWith, stretchList } from '../foreign-stretches.ts';
import { growingBytes } from '../growing-bytes.ts';
import { type Segment, segmentObjectKey } from '../segment-item.ts';
import { mayBeAdopted, readAdoptable } from './adopt.ts';
import { refuseMisplaced } from './misplaced.ts';
import { publishSegment } from './publish-segment.ts';
import { isDueByAge, lookAtUnsealed, type SealSettings, type Unsealed } from './seal-due.ts';
import { findDeletedEnd, stubContent } from './stub.ts';
import { unsealedRun } from './unsealed-run.ts';

export type { SealSettings } from './seal-due.ts';

export type SealDependencies = Pick<
  EngineParts,
  'hot' | 'catalog' | 'bucket' | 'codecs' | 'clock' | 'random' | 'rules'
>;

export type SealOutcome =
  | { readonly kind: 'sealed'; readonly segment: Segment }
  /** Too young and too small. */
  | { readonly kind: 'notDue'; readonly sealedEnd: number }
  /** Another sealer was first; its segment stands, our object is collected later. */
  | { readonly kind: 'lost' };

/** The largest object a sealer puts together; one chunk may pass it. */
const SEAL_BYTES_MAX = 67_108_864;

/** What is being sealed: the partition, where its segments ended, and from where on. */
interface Sealing {
  readonly pk: string;
  readonly sealedEnd: number;
  readonly from: number;
  readonly segmentBytes: number;
  readonly bytesExpected: number;
  readonly seen: Observation;
}

/**
 * Moves the oldest unsealed chunks of a partition to one object and appends its item to the segment chain, if they are
 * due by bytes or by age. ⚑ A sealer always starts at the chain's end, and what lies below the log start becomes a stub;
 * data before metadata, so that one that dies half-way leaves an object nothing refers to. Holds the object's bytes once,
 * and a window of what goes into it. Throws `StorageFault` (`damaged`: a gap in the hot chain, a bad CRC, or a batch that
 * does not begin where the one before ended: what is sealed replaces the only sound copy).
 */
export function sealOnce(
  deps: SealDependencies,
  pk: string,
  settings: SealSettings,
  call: Call,
): Promise<SealOutcome> {
  return readingStored(`Partition ${pk}`, () => seal(deps, pk, settings, call));
}

async function seal(
  deps: SealDependencies,
  pk: string,
  settings: SealSettings,
  call: Call,
): Promise<SealOutcome> {
  const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
  const { sealedEnd, logStart, observation: seen } = bounds;
  const segmentBytes = Math.min(settings.segmentBytes, SEAL_BYTES_MAX);
  const unsealed = await lookAtUnsealed(deps.hot, { pk, sealedEnd }, call);
  const notDue = { kind: 'notDue', sealedEnd } as const;
  if (unsealed === undefined) return notDue;
  const byAge = isDueByAge(unsealed.oldest, settings, deps.clock.wallMs());
  if (!byAge && unsealed.bytesEstimate < segmentBytes && unsealed.oldest.baseOffset === sealedEnd)
    return notDue;

  const deletedEnd = await findDeletedEnd(deps.hot, { pk, sealedEnd, logStart, unsealed }, call);
  if (deletedEnd > sealedEnd && deps.rules.sealFromChainEnd) {
    await keepUnread(deps, pk, tailOf(unsealed, sealedEnd), call);
    // Where chunks are left behind the stub, they say how far other regions have come, and nobody asks the stub.
    const origins = unsealed.newestEndOffset <= deletedEnd ? unsealed.origins : bounds.origins;
    return publish(deps, pk, { content: stubContent(sealedEnd, deletedEnd, origins), sealedEnd }, call);
  }
  const bytesExpected = Math.min(unsealed.bytesEstimate, segmentBytes);
  const sealing = { pk, sealedEnd, from: deletedEnd, segmentBytes, bytesExpected, seen };
  const adopted = await adopt(deps, sealing, unsealed, call);
  if (adopted !== undefined) return adopted;
  const { bytes, content, passed, isFull } = await collect(deps, sealing, call);
  // The guess at their bytes may have been far too high: then they are left to grow.
  if (bytes.length === 0 || (!byAge && !isFull && bytes.length < segmentBytes / 2)) return notDue;
  await keepPassed(deps, pk, { endOffset: content.endOffset, passed, seen }, call);
  return store(deps, sealing, { bytes, content }, call);
}

/** What the look at the unsealed chunks shows of the log's end. */
function tailOf({ newestEndOffset, producersEnd, observation }: Unsealed, sealedEnd: number): Tail {
  return { offset: newestEndOffset, closed: false, observation, producersEnd, sealedEnd };
}

async function adopt(
  deps: SealDependencies,
  { pk, sealedEnd, from, segmentBytes, seen }: Sealing,
  { oldest }: Unsealed,
  call: Call,
): Promise<SealOutcome | undefined> {
  if (oldest.baseOffset !== from || !mayBeAdopted(oldest, segmentBytes)) return undefined;
  const found = await readAdoptable(deps.bucket, oldest, call);
  if (found === undefined) return undefined;
  const description = describeSegment(oldest.baseOffset);
  const passing = passingProducers(deps.rules);
  for (const batch of batchesIn(found.bytes)) {
    verifyBatchCrc(deps.codecs, batch.bytes);
    description.add(batch.header);
    if (countsHere(oldest, deps.rules)) passing.see(batch.header);
  }
  const { objectKey } = found;
  const content = {
    ...description.finish({ mayHaveGaps: oldest.keepsOffsets === true }),
    ...foreignIn(stretchesWith([], oldest), oldest.origins),
  };
  await keepPassed(deps, pk, { endOffset: content.endOffset, passed: passing.producers, seen }, call);
  return publish(deps, pk, { content, sealedEnd, objectKey }, call);
}

interface Collected {
  readonly bytes: Uint8Array;
  readonly content: SegmentContent;
  readonly passed: Producers;
  /** Whether the item has no room for what comes behind. */
  readonly isFull: boolean;
}

/** The bytes of the next segment, each batch checked for its CRC and its place, and what its item says of them. */
async function collect(
  deps: SealDependencies,
  { pk, sealedEnd, from, segmentBytes, bytesExpected }: Sealing,
  call: Call,
): Promise<Collected> {
  const bytes = growingBytes(bytesExpected * 1.125);
  const description = describeSegment(from);
  const passing = passingProducers(deps.rules);
  const foreign = stretchList();
  // What could be adopted next is not copied, once there is enough for a segment without it.
  const endsBefore = (chunk: Chunk, taken: number): boolean =>
    (taken >= segmentBytes / 2 && mayBeAdopted(chunk, segmentBytes)) || !foreign.take(chunk);
  const range = { pk, from, sealedEnd, bytesMax: segmentBytes, endsBefore };
  let mayHaveGaps = false;
  let origins: Chunk['origins'];
  for await (const window of unsealedRun(deps, range, call)) {
    const first = window[0]?.baseOffset ?? 0;
    const batches = await loadPieces(deps.bucket, planRead(window, first, Number.POSITIVE_INFINITY), call);
    if (deps.rules.sealStopsAtGap) refuseMisplaced(pk, window, batches);
    origins = window.at(-1)?.origins;
    mayHaveGaps ||= window.some(({ keepsOffsets }) => keepsOffsets === true);
    for (const batch of batches) {
      verifyBatchCrc(deps.codecs, batch);
      const header = readBatchHeader(batch);
      description.add(header);
      if (!deps.rules.originsApart || !isForeign(foreign.all, header.baseOffset)) passing.see(header);
      bytes.append(batch);
    }
  }
  const content = { ...description.finish({ mayHaveGaps }), ...foreignIn(foreign.all, origins) };
  return { bytes: bytes.view(), content, passed: passing.producers, isFull: foreign.isFull };
}

async function store(
  deps: SealDependencies,
  { pk, sealedEnd, from }: Sealing,
  { bytes, content }: { readonly bytes: Uint8Array; readonly content: SegmentContent },
  call: Call,
): Promise<SealOutcome> {
  const objectKey = segmentObjectKey(pk, deps.random.id(), from);
  if (!deps.rules.uploadBeforePublish) {
    const outcome = await publish(deps, pk, { content, sealedEnd, objectKey }, call);
    if (outcome.kind === 'sealed') await deps.bucket.put(objectKey, bytes, call);
    return outcome;
  }
  const { observation: uploaded } = await deps.bucket.put(objectKey, bytes, call);
  return publish(deps, pk, { content, sealedEnd, objectKey, uploaded }, call);
}

async function publish(
  deps: SealDependencies,
  pk: string,
  found: {
    readonly content: SegmentContent;
    readonly sealedEnd: number;
    readonly objectKey?: string;
    readonly uploaded?: Observation;
  },
  call: Call,
): Promise<SealOutcome> {
  const { content, sealedEnd, objectKey, uploaded } = found;
  const segment = { ...content, version: deps.random.id(), objectKey };
  const isPublished = await publishSegment(deps, pk, { segment, sealedEnd, uploaded }, call);
  return isPublished ? { kind: 'sealed', segment } : { kind: 'lost' };
}
