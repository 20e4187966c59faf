import type { Output } from '../verify-log.ts';
import type { Api } from './api.ts';
import { standingFlow } from './flow-of.ts';
import { tellFlow } from './region-state.ts';
import { tellSome, type Waiting } from './waiting.ts';

export interface Promote extends Waiting {
  /** Alias of the region whose copies are promoted. */
  readonly source: string;
  readonly to: Api;
}

interface PromotionBody {
  readonly is_complete: boolean;
  readonly topics: readonly { readonly topic_name: string; readonly end_offsets: readonly number[] }[];
}

const PAUSE_MS = 500;

/** Makes the copies of an identity flow topics that are written in their target. Answers whether all of them are. */
export async function promote({ source, to, waitMs, sleep }: Promote, output: Output): Promise<boolean> {
  const flow = await standingFlow(to, source);
  if (flow !== undefined) tellFlow(flow, output);
  const untilMs = performance.now() + waitMs;
  for (;;) {
    const { is_complete, topics } = await to.v3<PromotionBody>(
      'POST',
      `/flows/${encodeURIComponent(source)}:promote`,
    );
    if (is_complete) {
      tellSome(topics, written, 'topics', output);
      output.line(
        `${topics.length} topics that were copies from ${source} are written at ${to.name} from now on`,
      );
      output.line(
        `Producers may move. What ${source} has behind these offsets is brought by export-tail once it answers`,
      );
      return true;
    }
    if (performance.now() >= untilMs) break;
    output.progress('a replicator is still at work');
    await sleep(PAUSE_MS);
  }
  output.line('Not all copies are promoted yet: once more');
  return false;
}

function written({ topic_name, end_offsets }: PromotionBody['topics'][number]): string {
  return `${topic_name}: goes on at ${end_offsets.join(', ')}`;
}
