import type { EngineParts } from '../../engine-parts.ts';
import type { FlowErrand } from '../flow-run.ts';
import { groupErrand } from './group-errand.ts';
import { heartbeatErrand } from './heartbeat-errand.ts';
import { ownTopic } from './own-topic.ts';

/** What flows do besides copying records, for `FlowRunParts.errands`: one for each process. `region`: alias of the target. */
export function openErrands(
  target: EngineParts,
  { region }: { readonly region: string },
): readonly FlowErrand[] {
  const own = ownTopic(target);
  return [groupErrand(target, { region, own }), heartbeatErrand(target, { region, own })];
}
