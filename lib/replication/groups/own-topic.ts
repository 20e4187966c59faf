import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { Partitions } from '../../partition/partitions.ts';
import { prepareAppend } from '../../partition/prepare-append.ts';
import { encodeBatch } from '../../record/encode-batch.ts';
import type { Call } from '../../storage/call.ts';
import { configNumber } from '../../topic/configs.ts';
import { type SeenTopic, TopicCatalog } from '../../topic/topic-catalog.ts';
import type { KeyAndValue } from './mirror-records.ts';

/** Records for one partition of a topic of this region that a flow itself writes to. */
export interface OwnTopic {
  /** Makes the topic if it is not there. False: nothing was stored, because the region is frozen or the name is another flow's. */
  append(topic: string, records: readonly KeyAndValue[], call: Call): Promise<boolean>;
}

/** As MirrorMaker makes its topics: one partition, of which the newest record of every key stays. */
const SPEC = { partitionCount: 1, configs: { 'cleanup.policy': 'compact' } } as const;
/** The largest checkpoints there can be: a batch of them stays below what a topic takes. */
const RECORDS_PER_BATCH = 200;

/** Remembers topics and tails as any writer does: one for each process. */
export function ownTopic(parts: EngineParts): OwnTopic {
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  const partitions = new Partitions(parts);

  const store = async (
    { topic, observation }: SeenTopic,
    records: readonly KeyAndValue[],
    call: Call,
  ): Promise<'stored' | 'closed' | 'frozen'> => {
    const timestampMs = parts.clock.wallMs();
    const stamped = records.map((record) => ({ ...record, timestampMs, headers: [] }));
    const batch = encodeBatch(parts.codecs, stamped, { compression: 'none' });
    const { leaderEpoch, topicId, configs } = topic;
    const { entry } = prepareAppend(parts, configs, batch);
    const settings = {
      hotRetentionMs: configNumber(configs, 'hot.retention.ms'),
      inlineBytesMax: configNumber(configs, 'hot.inline.max.bytes'),
    };
    const wanted = { ...entry, leaderEpoch, topicSeen: observation, call };
    const outcome = await partitions.of(topicId, 0).writer.append(wanted, settings);
    if (outcome.kind === 'failed') throw outcome.error;
    if (outcome.kind === 'cancelled') throw outcome.cause;
    if (outcome.kind === 'appended') return 'stored';
    topics.forget(topic.name);
    return outcome.isFrozen ? 'frozen' : 'closed';
  };

  return {
    append: async (name, records, call) => {
      for (let at = 0; at < records.length; ) {
        const seen = await standing(topics, name, call);
        if (seen?.topic.remote !== undefined || seen === undefined) return false;
        const some = records.slice(at, at + RECORDS_PER_BATCH);
        const outcome = await store(seen, some, call);
        if (outcome !== 'stored') return false;
        at += some.length;
      }
      return true;
    },
  };
}

/** Undefined: the region is frozen and takes no new topics. */
async function standing(topics: TopicCatalog, name: string, call: Call): Promise<SeenTopic | undefined> {
  try {
    return await topics.resolve(name, call);
  } catch (error) {
    if (!isCode(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
  }
  try {
    await topics.create({ name, ...SPEC }, call);
  } catch (error) {
    if (isCode(error, 'REGION_FROZEN')) return undefined;
    // Another process was faster.
    if (!isCode(error, 'TOPIC_ALREADY_EXISTS')) throw error;
  }
  return topics.resolve(name, call);
}

function isCode(error: unknown, code: MillraceError['code']): boolean {
  return error instanceof MillraceError && error.code === code;
}
