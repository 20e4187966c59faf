import { describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../../lib/record/index.ts';
import { chunksOf } from '../../../ops/bridge/chunks.ts';
import { everyDay } from '../../../ops/bridge/every-day.ts';
import { keptConfigs } from '../../../ops/bridge/kept-configs.ts';
import { positionNote, readNote, sourceBehind } from '../../../ops/bridge/position.ts';

const record = (offset: number, text: string): StoredRecord => ({
  offset,
  timestampMs: 1_000,
  key: null,
  value: Buffer.from(text),
  headers: [],
});

describe('the position of a bridge', () => {
  it('is noted with the topic that it is of', () => {
    expect(readNote(positionNote('topic-1', 42), 'topic-1')).toBe(42);
  });

  it('of a topic that was made anew, or by somebody else, is refused', () => {
    expect(() => readNote(positionNote('topic-1', 42), 'topic-2')).toThrow('made anew');
    for (const note of ['', '42', 'topic-1:', 'topic-1:x']) {
      expect(() => readNote(note, 'topic-1')).toThrow('did not write');
    }
  });
});

describe('positions of partitions without records', () => {
  it('are noted at the start and once a day', () => {
    let nowMs = 5;
    const isDue = everyDay(() => nowMs);
    expect([isDue(), isDue()]).toEqual([true, false]);
    nowMs += 86_399_999;
    expect(isDue()).toBe(false);
    nowMs += 1;
    expect([isDue(), isDue()]).toEqual([true, false]);
  });
});

describe('records behind the last position', () => {
  const source = [record(10, 'a'), record(11, 'b'), record(15, 'c'), record(16, 'd')];

  it('are counted in the source, holes or not', () => {
    expect(sourceBehind([record(0, 'a'), record(1, 'b'), record(2, 'c')], source)).toBe(16);
  });

  it.each([
    ['the source has lost one since', [record(0, 'a'), record(1, 'gone'), record(2, 'b')], 1],
    ['somebody else wrote one', [record(0, 'x')], 0],
    ['the source has fewer', [...source, record(17, 'e')].map(({ value }, at) => record(at, `${value}`)), 4],
  ])('are refused where %s', (_, appended, offset) => {
    expect(() => sourceBehind(appended, source)).toThrow(`offset ${offset}`);
  });

  it('are compared whole: null is not empty, headers and timestamps count', () => {
    const one = { ...record(10, ''), headers: [{ key: 'h', value: null }] };
    expect(sourceBehind([one], [one])).toBe(11);
    for (const other of [
      { ...one, value: null },
      { ...one, key: Buffer.alloc(0) },
      { ...one, timestampMs: 1_001 },
      { ...one, headers: [] },
      { ...one, headers: [{ key: 'h', value: Buffer.alloc(0) }] },
      { ...one, headers: [{ key: 'g', value: null }] },
    ]) {
      expect(() => sourceBehind([one], [other])).toThrow();
    }
  });
});

describe('pieces of what was fetched', () => {
  it('fit a batch, keep the order, and leave nothing out', () => {
    const records = Array.from({ length: 30 }, (_, at) => record(at, 'x'.repeat(100_000)));
    const chunks = chunksOf([...records, record(30, 'x'.repeat(2_000_000)), record(31, 'y')]);
    expect(chunks.flat().map(({ offset }) => offset)).toEqual(Array.from({ length: 32 }, (_, at) => at));
    expect(chunks.map(({ length }) => length)).toEqual([7, 7, 7, 7, 2, 1, 1]);
  });

  it('of nothing are none', () => {
    expect(chunksOf([])).toEqual([]);
  });
});

describe('configs of the copy', () => {
  it('are those that do not change the records', () => {
    const configs = { 'retention.ms': '5', 'message.timestamp.type': 'LogAppendTime', 'flush.ms': '1' };
    expect(keptConfigs({ ...configs, 'cleanup.policy': undefined })).toEqual({ 'retention.ms': '5' });
  });
});
