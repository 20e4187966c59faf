import { SEGMENT_PREFIX, type Segment, segmentFromItem } from '../../lib/segment/segment-item.ts';
import type { ObjectContents } from './object-contents.ts';
import type { Past } from './past.ts';
import type { TextRecord } from './records.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';
import { isDeleting, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/**
 * I1, I3, I6 to I8 of sealed data, after every change of the segment chain: it has no gaps and its end never moves back;
 * an object is there before its item; each holds the records that were stored in its range, at their offsets, but for
 * those that retention or compaction may take.
 */
export function checkSegments(
  storage: Storage,
  truth: Truth,
  past: Past,
  contents: ObjectContents,
): Violation[] {
  const chains = new Map<string, Chain>();
  const found: Violation[] = [];
  for (const change of storage.catalog.changes) {
    const { key, item, atMs } = change;
    if (!key.sk.startsWith(SEGMENT_PREFIX)) continue;
    const chain = chains.get(key.pk) ?? { pk: key.pk, end: 0, segments: new Map<string, Segment>() };
    chains.set(key.pk, chain);
    const judge = createJudge({ storage, truth, past, contents }, change, found);
    if (item === undefined) {
      chain.segments.delete(key.sk);
      if (!isDeleting(truth, key.pk, atMs)) judge.removal(chain);
      continue;
    }
    const segment = segmentFromItem(item);
    const before = chain.segments.get(key.sk);
    chain.segments.set(key.sk, segment);
    judge.place(chain, segment, before);
    judge.object(segment);
    judge.content(segment, before === undefined ? 'I3' : 'I8');
    chain.end = Math.max(chain.end, segment.endOffset);
  }
  return found;
}

/** What stands of one partition's chain. */
interface Chain {
  readonly pk: string;
  /** The furthest it has ever reached. */
  end: number;
  readonly segments: Map<string, Segment>;
}

interface Evidence {
  readonly storage: Storage;
  readonly truth: Truth;
  readonly past: Past;
  readonly contents: ObjectContents;
}

interface Judge {
  /** A removed item's range must be covered by another or lie below the log start; the last one stays. */
  removal(chain: Chain): void;
  place(chain: Chain, segment: Segment, before: Segment | undefined): void;
  object(segment: Segment): void;
  content(segment: Segment, invariant: Violation['invariant']): void;
}

function createJudge(evidence: Evidence, change: Change<string>, found: Violation[]): Judge {
  const { storage, truth, past, contents } = evidence;
  const { atMs, by, key } = change;
  const { pk } = key;
  const stored = truth.partitions.get(pk)?.records;
  const report = (invariant: Violation['invariant'], message: string, offset: number): void => {
    const text = `${by} ${change.item === undefined ? 'removed' : 'wrote'} ${key.sk}: ${message}`;
    found.push({ invariant, message: text, atMs, where: pk, offset });
  };

  return {
    removal: (chain) => {
      const gone = change.before && segmentFromItem(change.before);
      if (gone === undefined) return;
      const segments = [...chain.segments.values()];
      const end = Math.max(0, ...segments.map(({ endOffset }) => endOffset));
      if (end < chain.end)
        report('I6', `the segments now end at ${end}, no longer at ${chain.end}`, gone.baseOffset);
      const start = past.logStartAt(pk, atMs);
      for (let offset = Math.max(gone.baseOffset, start); offset < gone.endOffset; offset++) {
        if (segments.some(({ baseOffset, endOffset }) => baseOffset <= offset && offset < endOffset))
          continue;
        report('I3', `no segment holds ${offset}; the log starts at ${start}`, offset);
        return;
      }
    },
    place: (chain, { baseOffset, endOffset }, before) => {
      const range = `[${baseOffset}, ${endOffset})`;
      if (before !== undefined) {
        if (endOffset >= before.endOffset && endOffset <= chain.end) return;
        report('I1', `${range} in place of one that ended at ${before.endOffset}`, baseOffset);
      } else if (baseOffset < chain.end) {
        report('I6', `${range}, but the segments had reached ${chain.end}`, baseOffset);
      } else if (baseOffset > chain.end) {
        report('I1', `${range}, but the segments had only reached ${chain.end}`, baseOffset);
      }
    },
    object: ({ baseOffset, objectKey, bytes }) => {
      if (objectKey === undefined) return;
      if (!storage.bucket.wasThere(objectKey, atMs)) report('I7', `${objectKey} was not there`, baseOffset);
      const length = contents(objectKey)?.bytes;
      if (length !== undefined && length !== bytes) {
        report('I7', `${objectKey} has ${length} bytes, not ${bytes}`, baseOffset);
      }
    },
    content: ({ baseOffset, endOffset, objectKey }, invariant) => {
      const records = objectKey === undefined ? [] : (contents(objectKey)?.records ?? []);
      const offsets = new Set<number>();
      for (const record of records) {
        const { offset } = record;
        if (!isSame(stored?.get(offset), record) || offset < baseOffset || offset >= endOffset) {
          report(invariant, `the record at ${offset} is not the one that was stored there`, offset);
          return;
        }
        offsets.add(offset);
      }
      for (let offset = baseOffset; offset < endOffset; offset++) {
        if (offsets.has(offset) || past.mayBeMissing(pk, offset, atMs)) continue;
        report(invariant, `the record at ${offset} is missing`, offset);
        return;
      }
    },
  };
}

function isSame(stored: TextRecord | undefined, { key, text, timestampMs }: TextRecord): boolean {
  return stored?.text === text && stored.key === key && stored.timestampMs === timestampMs;
}
