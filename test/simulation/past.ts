import { logStartFromItem } from '../../lib/segment/log-start.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import { configValue, type TopicConfigs } from '../../lib/topic/configs.ts';
import { TOPICS_KEY, topicFromItem } from '../../lib/topic/topic-item.ts';
import { type TextRecord, TOMBSTONE } from './records.ts';
import { createSeries, type Series } from './series.ts';
import type { Storage } from './storage.ts';
import type { Truth } from './truth.ts';

/** What retention and compaction had done, and what they were allowed to take away, at any time of the run. */
export interface Past {
  logStartAt(pk: string, ms: number): number;
  /** The furthest that the segment chain had reached. */
  sealedEndAt(pk: string, ms: number): number;
  /** Every set of configs the topic had had by then. */
  configsUpTo(pk: string, ms: number): readonly TopicConfigs[];
  mayBeCompactedAway(pk: string, offset: number, ms: number): boolean;
  /** Whether a reader may find nothing at that offset. */
  mayBeMissing(pk: string, offset: number, ms: number): boolean;
  /** Newer records of the same key, nearest first. */
  newerOf(pk: string, record: TextRecord): readonly TextRecord[];
  /** Older records of the same key. */
  olderOf(pk: string, record: TextRecord): readonly TextRecord[];
}

export function readPast(storage: Storage, truth: Truth): Past {
  const starts = new Map<string, Series<number>>();
  const sealedEnds = new Map<string, Series<number>>();
  const configs = new Map<string, Series<TopicConfigs>>();
  for (const { key, item, atMs } of storage.catalog.changes) {
    if (item === undefined) continue;
    if (key.pk === TOPICS_KEY) {
      const topic = topicFromItem(item);
      seriesOf(configs, topic.topicId, topic.configs).add(atMs, topic.configs);
    } else if (key.sk === LOG_START_KEY) {
      raise(seriesOf(starts, key.pk, 0), atMs, logStartFromItem(item).offset);
    } else if (key.sk.startsWith(SEGMENT_PREFIX)) {
      raise(seriesOf(sealedEnds, key.pk, 0), atMs, segmentFromItem(item).endOffset);
    }
  }

  const byKey = recordsByKey(truth);
  const sameKey = (pk: string, { key }: TextRecord): readonly TextRecord[] => byKey.get(`${pk} ${key}`) ?? [];
  const logStartAt = (pk: string, ms: number): number => starts.get(pk)?.at(ms) ?? 0;
  const sealedEndAt = (pk: string, ms: number): number => sealedEnds.get(pk)?.at(ms) ?? 0;
  const configsUpTo = (pk: string, ms: number): readonly TopicConfigs[] =>
    configs.get(topicIdOf(pk))?.upTo(ms) ?? [];

  const mayBeCompactedAway = (pk: string, offset: number, ms: number): boolean => {
    const record = truth.partitions.get(pk)?.records.get(offset);
    const sealedEnd = sealedEndAt(pk, ms);
    if (record === undefined || offset >= sealedEnd || !configsUpTo(pk, ms).some(isCompacted)) return false;
    if (record.key === null) return true;
    const newer = sameKey(pk, record).find((other) => other.offset > offset);
    if (newer !== undefined && newer.offset < sealedEnd) return true;
    // When it may go, and that it takes nothing back with it, is for the check of segments to say.
    return record.text.startsWith(TOMBSTONE);
  };

  return {
    logStartAt,
    sealedEndAt,
    configsUpTo,
    mayBeCompactedAway,
    mayBeMissing: (pk, offset, ms) => offset < logStartAt(pk, ms) || mayBeCompactedAway(pk, offset, ms),
    newerOf: (pk, record) => sameKey(pk, record).filter(({ offset }) => offset > record.offset),
    olderOf: (pk, record) => sameKey(pk, record).filter(({ offset }) => offset < record.offset),
  };
}

function topicIdOf(pk: string): string {
  return pk.slice(0, pk.lastIndexOf(':'));
}

function isCompacted(configs: TopicConfigs): boolean {
  return configValue(configs, 'cleanup.policy').includes('compact');
}

function seriesOf<T>(all: Map<string, Series<T>>, name: string, first: T): Series<T> {
  const known = all.get(name);
  if (known !== undefined) return known;
  const created = createSeries(first);
  all.set(name, created);
  return created;
}

function raise(series: Series<number>, atMs: number, value: number): void {
  series.add(atMs, Math.max(series.at(atMs), value));
}

/** In offset order, for every partition and key. */
function recordsByKey(truth: Truth): ReadonlyMap<string, readonly TextRecord[]> {
  const byKey = new Map<string, TextRecord[]>();
  for (const { pk, records } of truth.partitions.values()) {
    for (const record of records.values()) {
      if (record.key === null) continue;
      const name = `${pk} ${record.key}`;
      const same = byKey.get(name) ?? [];
      byKey.set(name, same);
      same.push(record);
    }
  }
  for (const same of byKey.values()) same.sort((a, b) => a.offset - b.offset);
  return byKey;
}
