import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import { readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import { type Segment, segmentToItem } from '../segment-item.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'rules'>;

/**
 * Appends a segment to the chain that ended at `sealedEnd` when the work began. Reading and uploading took its time: the
 * chain's end is looked at again, and the write rests on that look. False: another sealer was first.
 *
 * `uploaded` dates an object that nothing referred to before; one that a chunk refers to already is kept by it.
 */
export async function publishSegment(
  deps: Dependencies,
  pk: string,
  step: {
    readonly segment: Segment;
    readonly sealedEnd: number;
    readonly uploaded: Observation | undefined;
  },
  call: Call,
): Promise<boolean> {
  const { segment, sealedEnd, uploaded } = step;
  const { fence, firstReference } = deps.rules;
  const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
  if (bounds.sealedEnd !== sealedEnd) return false;
  const fences = [
    ...(fence ? [{ observation: bounds.observation, ageMsMax: LIMITS.fenceAgeMsMax }] : []),
    ...(firstReference && uploaded !== undefined
      ? [{ observation: uploaded, ageMsMax: LIMITS.firstReferenceAgeMsMax }]
      : []),
  ];
  const condition = { kind: 'ifAbsent' } as const;
  const result = await deps.catalog.put(segmentToItem(pk, segment), { condition, fences }, call);
  return result.stored;
}
