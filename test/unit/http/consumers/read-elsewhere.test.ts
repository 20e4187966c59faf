import { describe, expect, it } from 'vitest';
import type { Vector } from '../../../../lib/groups.ts';
import { batchOf, newCall } from '../../../support/log-on-memory.ts';
import {
  isRead,
  type MergedWorld,
  mergedWorld,
  mingle,
  PLACE,
  seeded,
  vectorOf,
} from '../../client/merged-world.ts';
import { type Api, openApi, TEXT_V2, withMethods } from '../support.ts';
import { type Instance, instanceAt, newInstance } from './support.ts';

const GROUP = 'readers';
const COMMITS_ITSELF = { 'auto.commit.enable': 'false' };

/** The REST interface of one region; every fetch brings one batch. */
async function apiOf(world: MergedWorld, alias: string): Promise<Api> {
  const { storage } = world.region(alias);
  const { log } = await openApi({ storage });
  return openApi({
    storage,
    log: withMethods(log, { fetch: (request, call) => log.fetch({ ...request, maxBytes: 1 }, call) }),
  });
}

/** East has: east 0, east 1, west 0, west 1, west 4, west 5; its offset and what was read behind that is committed. */
async function committedIn(offset: number, vector: Readonly<Record<string, number>>): Promise<Scene> {
  const world = await mergedWorld('west', 'east');
  await world.produce('east', 2);
  await world.produce('west', 2);
  await world.copy('east', 'west');
  await world.copy('west', 'east');
  await world.produce('west', 2);
  await world.copy('west', 'east');
  await world.commit('east', offset, new Map(Object.entries(vector)));
  const api = await apiOf(world, 'east');
  return {
    world,
    api,
    instance: (config = {}) => newInstance(api, { group: GROUP, format: 'text', config }),
    position: async () => {
      const found = await world.committed('east');
      return found === undefined ? undefined : [found.offset, Object.fromEntries(found.vector ?? [])];
    },
  };
}

interface Scene {
  readonly world: MergedWorld;
  readonly api: Api;
  instance(config?: object): Promise<Instance>;
  /** What is committed in the east: the offset, and what has been read behind it. */
  position(): Promise<unknown>;
}

const valuesOf = (records: readonly string[]): string[] => records.map((text) => text.split('=')[1] ?? '');

/** Reads until a read has brought nothing and moved nothing. */
async function readOut(instance: Instance): Promise<string[]> {
  const values: string[] = [];
  for (let empty = 0; empty < 3; ) {
    const read = valuesOf(await instance.read());
    values.push(...read);
    empty = read.length === 0 ? empty + 1 : 0;
  }
  return values;
}

describe('an instance whose group has read behind its position', () => {
  it('is not answered what has been read, and commits what of it is still to come', async () => {
    const { world, instance, position } = await committedIn(1, { '': 2, west: 8 });
    const one = await instance();
    await one.subscribe(PLACE.topic);
    expect(await readOut(one)).toEqual([]);
    expect(await position()).toEqual([6, { west: 8 }]);
    await world.produce('west', 3);
    await world.copy('west', 'east');
    expect(await readOut(one)).toEqual(['west 8']);
    expect(await position()).toEqual([9, {}]);
  });

  it('is answered what stands in the middle of what has been read', async () => {
    const { instance, position } = await committedIn(0, { '': 1, west: 5 });
    const one = await instance();
    await one.subscribe(PLACE.topic);
    expect(await readOut(one)).toEqual(['east 1', 'west 5']);
    expect(await position()).toEqual([6, {}]);
  });

  it('waits for records behind what has been read, however much that is', async () => {
    const { world, instance } = await committedIn(0, { '': 2, west: 41 });
    for (let turn = 0; turn < 20; turn += 1) {
      await world.produce('west', 2);
      await world.copy('west', 'east');
    }
    const one = await instance();
    await one.subscribe(PLACE.topic);
    const answer = await one.get('records?timeout=5000', TEXT_V2);
    expect(answer.json.map(({ value }: { value: string }) => value)).toEqual(['west 41']);
  });

  it('reads once, however long it waits, what has been read', async () => {
    const { world, instance, api } = await committedIn(0, { '': 2, west: 6 });
    const one = await instance();
    await one.subscribe(PLACE.topic);
    const asked: number[] = [];
    const { log } = await openApi({ storage: world.region('east').storage });
    const watched = await openApi({
      storage: world.region('east').storage,
      log: withMethods(log, {
        fetch: (request, call) => {
          asked.push(request.offset);
          return log.fetch(request, call);
        },
      }),
    });
    const answer = await instanceAt(watched, one.path).get('records?timeout=20000', TEXT_V2);
    expect(answer.json).toEqual([]);
    expect(asked.filter((offset) => offset === 0)).toHaveLength(1);
    expect(api.faults).toEqual([]);
  });

  it('commits with the offsets of its client what was to be passed over behind them', async () => {
    const { instance, position } = await committedIn(0, { west: 5 });
    const one = await instance(COMMITS_ITSELF);
    await one.subscribe(PLACE.topic);
    expect(await readOut(one)).toEqual(['east 0', 'east 1', 'west 5']);
    // Of this dialect: the last record processed.
    await one.post('offsets', { offsets: [{ ...PLACE, offset: 0 }] });
    expect(await position()).toEqual([1, { west: 5 }]);
    await one.post('offsets', { offsets: [{ ...PLACE, offset: 4 }] });
    expect(await position()).toEqual([5, {}]);
    await one.post('offsets');
    expect(await position()).toEqual([6, {}]);
  });

  it('is answered everything behind the place that its client seeks, and commits that', async () => {
    const { instance, position } = await committedIn(1, { '': 2, west: 5 });
    const one = await instance();
    await one.subscribe(PLACE.topic);
    await one.post('positions', { offsets: [{ ...PLACE, offset: 1 }] });
    expect(valuesOf(await one.read()).slice(0, 2)).toEqual(['east 1', 'west 0']);
    const other = await committedIn(1, { west: 5 });
    const two = await other.instance(COMMITS_ITSELF);
    await two.subscribe(PLACE.topic);
    await two.post('positions', { offsets: [{ ...PLACE, offset: 1 }] });
    await two.post('offsets');
    expect(await other.position()).toEqual([1, {}]);
    expect(await position()).toEqual([1, {}]);
  });

  it('is answered everything where its position has been trimmed', async () => {
    const { world, instance } = await committedIn(1, { '': 2, west: 5 });
    await world.region('east').trimTo(3);
    const one = await instance();
    await one.subscribe(PLACE.topic);
    expect(await readOut(one)).toEqual(['west 1', 'west 4', 'west 5']);
  });

  it('is answered all of a topic that was made again, where its client chose the partition', async () => {
    const { world, api, instance } = await committedIn(1, { '': 6 });
    const one = await instance(COMMITS_ITSELF);
    await one.assign([PLACE.topic, PLACE.partition]);
    await api.log.deleteTopic(PLACE.topic, newCall(world.clock));
    await api.log.createTopic({ name: PLACE.topic, partitionCount: 1 }, newCall(world.clock));
    const batches = batchOf('east 0', 'east 1', 'east 2');
    await api.log.produce({ ...PLACE, batches }, newCall(world.clock));
    const later = instanceAt(await apiOf(world, 'east'), one.path);
    expect(await readOut(later)).toEqual(['east 1', 'east 2']);
  });

  it('hands on to the next owner what is to be passed over', async () => {
    const { instance } = await committedIn(0, { west: 5 });
    const one = await instance();
    await one.subscribe(PLACE.topic);
    expect(valuesOf(await one.read('&max_bytes=1'))).toEqual(['east 0']);
    await one.delete();
    const two = await instance();
    await two.subscribe(PLACE.topic);
    expect(await readOut(two)).toEqual(['east 1', 'west 5']);
  });
});

describe('a group of instances that moves to another region', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'is answered there exactly what it had not read, by whichever process (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const world = await mergedWorld('west', 'east');
      await mingle(world, random, 40);
      const there = await world.region('west').values();
      const vector: Vector = vectorOf('east', there.slice(0, random(there.length + 1)));
      const here = await world.region('east').values();
      const first = here.findIndex((value) => !isRead(vector, 'east', value));
      const position = first < 0 ? here.length : random(first + 1);
      await world.commit('east', position, vector);

      const given: string[] = [];
      for (let life = 0; life < 4; life += 1) {
        const apis = [await apiOf(world, 'east'), await openApi({ storage: world.region('east').storage })];
        const one = await newInstance(apis[0] as Api, { group: GROUP, format: 'text' });
        await one.subscribe(PLACE.topic);
        for (let reads = 0; reads < 12; reads += 1) {
          const through = instanceAt(apis[random(2)] as Api, one.path);
          given.push(...valuesOf(await through.read(`&max_bytes=${1 + random(400)}`)));
          if (random(3) === 0) await mingle(world, random, 2);
        }
        await one.delete();
      }
      const last = await newInstance(await apiOf(world, 'east'), { group: GROUP, format: 'text' });
      await last.subscribe(PLACE.topic);
      given.push(...(await readOut(last)));
      const values = await world.region('east').values();
      expect(given).toEqual(values.slice(position).filter((value) => !isRead(vector, 'east', value)));
    },
  );
});
