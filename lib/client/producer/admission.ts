import { LIMITS } from '../../limits.ts';
import type { ProduceResult, TopicDescription } from '../../log.ts';
import { configNumber } from '../../topic/configs.ts';
import { createBell } from '../bell.ts';
import type { ClientParts } from '../client-parts.ts';
import { checkFits, compressionFor, recordBytesBound } from './batch-bytes.ts';
import { createLane, type Lane } from './lane.ts';
import { createPartitioning } from './partitioning.ts';
import type { ProducerSettings, RecordMetadata } from './producer.ts';
import { type ProducerRecord, toNewRecord } from './producer-record.ts';
import { createSequences, once } from './sequences.ts';

/** A record that a caller waits for. */
export interface Parcel {
  readonly record: ProducerRecord;
  readonly isAbandoned: () => boolean;
  readonly stored: (metadata: RecordMetadata) => void;
  readonly failed: (error: unknown) => void;
}

/** Lets records into the lanes of their partitions in the order they come, while there is room. */
export interface Admission {
  admit(parcel: Parcel): void;
  /** Sends what lingers, and what still waits to be let in, as soon as it can be sent. */
  flush(): Promise<void>;
}

interface KnownTopic {
  readonly topic: TopicDescription;
  readonly untilMs: number;
}

export function createAdmission(parts: ClientParts, settings: ProducerSettings): Admission {
  const { clock, codecs, log } = parts;
  const partitionOf = createPartitioning(parts, settings);
  const topics = new Map<string, KnownTopic>();
  const lanes = new Map<string, Lane>();
  const allocate = (): Promise<number> =>
    log.allocateProducerId(parts.newCall({ timeoutMs: settings.requestTimeoutMs }));
  const ids = { allocate, shared: once(allocate) };
  const roomMade = createBell();
  const allIn = createBell();
  let waiting: Parcel[] = [];
  let isPumping = false;
  let bufferedBytes = 0;

  const laneOf = (topic: string, partition: number): Lane => {
    const place = `${topic}:${partition}`;
    let lane = lanes.get(place);
    if (lane === undefined) {
      const sequences = settings.idempotent ? createSequences(ids) : undefined;
      lane = createLane(parts, { ...settings, topic, partition }, sequences);
      lanes.set(place, lane);
    }
    return lane;
  };

  const knownTopic = (name: string): TopicDescription | undefined => {
    const known = topics.get(name);
    return known !== undefined && clock.monotonicMs() < known.untilMs ? known.topic : undefined;
  };

  const learnTopic = async (name: string): Promise<TopicDescription> => {
    const untilMs = clock.monotonicMs() + LIMITS.topicCacheMsMax;
    const call = parts.newCall({ timeoutMs: settings.requestTimeoutMs });
    const topic = await log.resolveTopic(name, call);
    topics.set(name, { topic, untilMs });
    return topic;
  };

  const hasRoom = (): boolean => bufferedBytes < settings.bufferBytesMax;

  /** Throws what is wrong with the record. */
  const place = (parcel: Parcel, topic: TopicDescription): void => {
    const { record } = parcel;
    const stored = toNewRecord(record, clock.wallMs());
    const bytes = recordBytesBound(stored);
    const compression = compressionFor(topic, settings.compression);
    checkFits(codecs, topic, { record: stored, bytes, compression });
    const partition = partitionOf(topic, record, stored);
    const bytesMax = configNumber(topic.configs, 'max.message.bytes');
    bufferedBytes += bytes;
    const settled = (): void => {
      bufferedBytes -= bytes;
      roomMade.ring();
    };
    const entry = {
      record: stored,
      bytes,
      isAbandoned: parcel.isAbandoned,
      stored: ({ baseOffset, logAppendTimeMs, duplicate }: ProduceResult, index: number): void => {
        settled();
        const timestampMs = logAppendTimeMs === -1 ? stored.timestampMs : logAppendTimeMs;
        parcel.stored({ topic: topic.name, partition, offset: baseOffset + index, timestampMs, duplicate });
      },
      failed: (error: unknown): void => {
        settled();
        if (isGone(error)) topics.delete(topic.name);
        parcel.failed(error);
      },
    };
    const batchBytesMax = Math.min(settings.batchBytesMax, bytesMax);
    laneOf(topic.name, partition).add(entry, { batchBytesMax, compression });
  };

  const tryPlace = (parcel: Parcel, topic: TopicDescription): void => {
    try {
      place(parcel, topic);
    } catch (error) {
      parcel.failed(error);
    }
  };

  const pump = async (): Promise<void> => {
    if (isPumping) return;
    isPumping = true;
    for (let parcel = waiting[0]; parcel !== undefined; parcel = waiting[0]) {
      if (!parcel.isAbandoned()) await letIn(parcel);
      waiting.shift();
    }
    waiting = [];
    isPumping = false;
    allIn.ring();
  };

  const letIn = async (parcel: Parcel): Promise<void> => {
    try {
      while (!hasRoom()) {
        flushLanes();
        await roomMade.next();
      }
      const { topic } = parcel.record;
      const known = knownTopic(topic) ?? (await learnTopic(topic));
      if (!parcel.isAbandoned()) place(parcel, known);
    } catch (error) {
      parcel.failed(error);
    }
  };

  const flushLanes = (): void => {
    for (const lane of lanes.values()) lane.flush();
  };

  return {
    admit: (parcel) => {
      const known = waiting.length === 0 && hasRoom() ? knownTopic(parcel.record.topic) : undefined;
      if (known !== undefined) {
        tryPlace(parcel, known);
        return;
      }
      waiting.push(parcel);
      void pump();
    },
    flush: async () => {
      if (isPumping) await allIn.next();
      flushLanes();
    },
  };
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
}
