import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';

/** Whether topics here were promoted from that region: a flow that would keep copies of them has ended for good. */
export async function wasPromoted(
  target: Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'>,
  source: string,
  call: Call,
): Promise<boolean> {
  const topics = await new TopicCatalog({ ...target, partitionCountDefault: 1 }).list(call);
  return topics.some(({ promoted }) => promoted?.source === source);
}
