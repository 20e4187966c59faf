import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { Table } from '../../../lib/storage/table.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, refusal } from '../../support/log-on-memory.ts';

let storage: LogOptions;
let log: Log;
const call = (): ReturnType<typeof newCall> => newCall(storage.clock);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
});

const names = async (): Promise<string[]> => (await log.listTopics(call())).map((topic) => topic.name);

describe('creating topics', () => {
  it('stores what was asked for, and lists by name', async () => {
    await log.createTopic({ name: 'b', partitionCount: 3, configs: { 'retention.ms': '1000' } }, call());
    await log.createTopic({ name: 'a' }, call());
    expect(await names()).toEqual(['a', 'b']);
    const described = await log.describeTopic('b', call());
    expect(described).toMatchObject({ name: 'b', partitionCount: 3, configs: { 'retention.ms': '1000' } });
    expect(described.topicId).toMatch(/^[\w-]{22}$/);
  });

  it('lets one of many concurrent creators win', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => log.createTopic({ name: 'one' }, call())),
    );
    expect(results.filter((result) => result.status === 'fulfilled').length).toBe(1);
  });

  it('does not bring a deleted topic back when the answer to its creation was lost', async () => {
    const { catalog } = storage;
    let isFirst = true;
    const put: Table<string>['put'] = async (item, options, forCall) => {
      const result = await catalog.put(item, options, forCall);
      if (item.pk !== 'topics' || !isFirst) return result;
      isFirst = false;
      // Stored, but the answer is lost; before it is sent again somebody deletes the topic.
      await log.deleteTopic('back', call());
      throw new StorageFault('interrupted', 'the connection broke');
    };
    const creator = await openMemoryLog({ ...storage, catalog: { ...catalog, put } });
    await creator.createTopic({ name: 'back' }, call());
    expect(
      (await log.produce({ topic: 'back', partition: 0, batches: batchOf('a') }, call())).baseOffset,
    ).toBe(0);
  });

  it('checks everything and stores nothing when asked to validate only', async () => {
    await log.createTopic({ name: 'dry', validateOnly: true }, call());
    expect(await names()).toEqual([]);
  });

  it.each([
    ['', 'INVALID_TOPIC_EXCEPTION'],
    ['.', 'INVALID_TOPIC_EXCEPTION'],
    ['..', 'INVALID_TOPIC_EXCEPTION'],
    ['a b', 'INVALID_TOPIC_EXCEPTION'],
    ['ünïcode', 'INVALID_TOPIC_EXCEPTION'],
    ['x'.repeat(250), 'INVALID_TOPIC_EXCEPTION'],
  ])('refuses the name %j', async (name, code) => {
    expect(await refusal(log.createTopic({ name }, call()))).toBe(code);
    expect(await names()).toEqual([]);
  });

  it.each([0, -1, 1.5, 10_001, Number.NaN])('refuses %d partitions', async (partitionCount) => {
    expect(await refusal(log.createTopic({ name: 't', partitionCount }, call()))).toBe('INVALID_PARTITIONS');
    expect(await names()).toEqual([]);
  });

  it.each<Record<string, string>>([
    { 'no.such.config': '1' },
    { 'retention.ms': 'soon' },
    { 'retention.ms': '-2' },
    { 'cleanup.policy': 'delete,delete' },
    { 'hot.retention.ms': '1000' },
    { 'hot.inline.max.bytes': '999999999' },
    { 'max.message.bytes': '-1' },
    { 'min.cleanable.dirty.ratio': '1.1' },
    { 'compression.type': 'brotli' },
    { toString: 'x' },
  ])('refuses the configs %j', async (configs) => {
    expect(await refusal(log.createTopic({ name: 't', configs }, call()))).toBe('INVALID_CONFIG');
    expect(await names()).toEqual([]);
  });
});

describe('changing topics', () => {
  beforeEach(async () => {
    await log.createTopic({ name: 't', partitionCount: 2 }, call());
  });

  it('adds partitions, never removes them', async () => {
    expect((await log.createPartitions('t', 5, call())).partitionCount).toBe(5);
    expect(await refusal(log.createPartitions('t', 5, call()))).toBe('INVALID_PARTITIONS');
    expect(await refusal(log.createPartitions('t', 1, call()))).toBe('INVALID_PARTITIONS');
    expect(await refusal(log.createPartitions('none', 9, call()))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  it('alters configs all or nothing, and resets them', async () => {
    const set = (name: string, value?: string): { name: string; value: string | undefined } => ({
      name,
      value,
    });
    const options = { validateOnly: false };
    const alterations = [set('retention.ms', '5000'), set('segment.bytes', 'many')];
    expect(await refusal(log.alterConfigs('t', alterations, options, call()))).toBe('INVALID_CONFIG');
    expect((await log.describeTopic('t', call())).configs).toEqual({});
    await log.alterConfigs('t', [set('retention.ms', '5000')], options, call());
    const source = async (): Promise<string | undefined> =>
      (await log.describeConfigs('t', call())).find(({ name }) => name === 'retention.ms')?.source;
    expect(await source()).toBe('DYNAMIC_TOPIC_CONFIG');
    await log.alterConfigs('t', [set('retention.ms')], { validateOnly: true }, call());
    expect(await source()).toBe('DYNAMIC_TOPIC_CONFIG');
    await log.alterConfigs('t', [set('retention.ms')], options, call());
    expect(await source()).toBe('DEFAULT_CONFIG');
  });

  it('lets concurrent changes of different configs all take effect', async () => {
    const configs = ['retention.ms', 'segment.ms', 'delete.retention.ms', 'min.compaction.lag.ms'];
    await Promise.all(
      configs.map((name) => log.alterConfigs('t', [{ name, value: '77' }], { validateOnly: false }, call())),
    );
    const { configs: set } = await log.describeTopic('t', call());
    expect(Object.keys(set).sort()).toEqual([...configs].sort());
  });
});

describe('deleting topics', () => {
  it('finishes a deletion that was cut off, before the name can be used again', async () => {
    await log.createTopic({ name: 't', partitionCount: 2 }, call());
    await log.produce({ topic: 't', partition: 1, batches: batchOf('old') }, call());
    const { topicId } = await log.describeTopic('t', call());
    const refusing = await openMemoryLog({ ...storage, hot: refusingPuts(storage.hot) });
    expect(await refusal(refusing.deleteTopic('t', call()))).toBe('KAFKA_STORAGE_ERROR');
    expect(await refusal(log.describeTopic('t', call()))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await names()).toEqual([]);

    await log.createTopic({ name: 't', partitionCount: 2 }, call());
    const page = await storage.hot.query(
      `${topicId}:1`,
      { reverse: true, limit: 1, consistent: true },
      call(),
    );
    expect(page.items[0]?.attributes.c).toBe(true);
    expect((await log.describeTopic('t', call())).topicId).not.toBe(topicId);
  });

  it('refuses a topic that is not there', async () => {
    expect(await refusal(log.deleteTopic('none', call()))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });
});

function refusingPuts(table: Table<number>): Table<number> {
  return {
    ...table,
    put: async () => {
      throw new StorageFault('refused', 'no puts today');
    },
  };
}
