import { describe, expect, it } from 'vitest';
import { openTranslation } from '../../../../lib/open-translation.ts';
import type { TranslatedOffset, TranslationRequest } from '../../../../lib/translation.ts';
import { refusal } from '../../../support/log-on-memory.ts';
import { BOTH, fill, GROUP, type GroupWorld, groupWorld, pair } from '../groups/group-world.ts';

/** A process of eu that has just been started. */
const translate = (
  { world }: GroupWorld,
  request: Partial<TranslationRequest> = {},
): Promise<readonly TranslatedOffset[]> => {
  const { parts } = world.region('eu');
  const translation = openTranslation(parts, { region: 'eu', sources: world.sources });
  return translation.translate({ groupId: GROUP, source: 'us', ...request }, world.call());
};

const at = (offset: number, topic = 'orders', partition = 0) => ({ topic, partition, offset });

/** In eu: 100 of us, 20 of its own, 50 of us. In us: its own 150. */
async function merged(): Promise<GroupWorld> {
  const policy = 'merged';
  const g = await groupWorld(['us', 'eu'], [['eu', 'us', { policy }]]);
  await fill(g, 'us', 'orders', 100);
  await g.carry('eu', 'us');
  await fill(g, 'eu', 'orders', 20);
  await fill(g, 'us', 'orders', 50);
  await g.world.run('eu', 'us');
  return g;
}

describe('positions of another region', () => {
  it('of a topic that both write: those that the group committed, as a flow would carry them over', async () => {
    const g = await merged();
    await g.commit('us', 'orders', 130);
    const [found, ...others] = await translate(g);
    expect(others).toEqual([]);
    expect(found).toEqual({
      ...{ sourceTopic: 'orders', topic: 'orders', partition: 0, sourceOffset: 130 },
      ...{ offset: 100, vector: new Map([['us', 130]]), state: 'TRANSLATED' },
    });
    await g.carry('eu', 'us');
    const [{ position } = {}] = await g.standing('eu');
    expect([position?.offset, position?.vector]).toEqual([found?.offset, found?.vector]);
  });

  it('of a topic that both write: named ones, with what has been read behind them', async () => {
    const g = await merged();
    const vector = new Map([['eu', 5]]);
    const offsets = [at(100), at(150), { ...at(150), vector }, at(0)];
    const found = await translate(g, { offsets });
    expect(found.map(({ offset, vector: rest }) => [offset, Object.fromEntries(rest ?? [])])).toEqual([
      [100, {}],
      [100, { us: 150 }],
      // What was meant by eu's fifth: the first five that it produced, which lie lower here.
      [100, { us: 150 }],
      [0, {}],
    ]);
    const further = { ...at(150), vector: new Map([['eu', 105]]) };
    expect(await translate(g, { offsets: [further] })).toMatchObject([
      { offset: 105, vector: new Map([['us', 150]]) },
    ]);
  });

  it('that have not been copied are bounded by the end, which is told', async () => {
    const g = await merged();
    const offsets = [{ ...at(160), vector: new Map([['eu', 120]]) }];
    await fill(g, 'us', 'orders', 10);
    expect(await translate(g, { offsets })).toMatchObject([
      { offset: 170, state: 'BOUNDED', vector: new Map([['us', 160]]) },
    ]);
    const copies = await pair();
    await copies.carry('eu', 'us');
    await fill(copies, 'us', 'orders', 10);
    expect(await translate(copies, { offsets: [at(100), at(105)] })).toMatchObject([
      { topic: 'us.orders', offset: 100, state: 'TRANSLATED' },
      { topic: 'us.orders', sourceOffset: 105, offset: 100, state: 'BOUNDED' },
    ]);
  });

  it('of copies are the same, in both directions and under identity', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    await fill(g, 'eu', 'paid', 10);
    await g.carry('us', 'eu');
    await g.commit('us', 'eu.paid', 7);
    await g.commit('us', 'orders', 60);
    expect(await translate(g)).toMatchObject([
      { sourceTopic: 'eu.paid', topic: 'paid', offset: 7 },
      { sourceTopic: 'orders', topic: 'us.orders', offset: 60 },
    ]);
    const same = await groupWorld(['us', 'eu'], [['eu', 'us', { policy: 'identity' }]]);
    await fill(same, 'us', 'orders', 10);
    await same.carry('eu', 'us');
    expect(await translate(same, { offsets: [at(4)] })).toMatchObject([{ topic: 'orders', offset: 4 }]);
  });

  it('before a copy begins that has what a promoted topic lacked are its beginning, once it has begun', async () => {
    const g = await groupWorld(['us', 'eu'], [['eu', 'us', { policy: 'identity' }]]);
    await fill(g, 'us', 'orders', 10);
    await g.carry('eu', 'us');
    await fill(g, 'us', 'orders', 5);
    const { flows } = g.world.region('eu');
    await flows.promote('us', g.world.call());
    await flows.create({ source: 'us', start: 'promotion' }, g.world.call());
    const offsets = [at(4), at(12)];
    expect(await refusal(translate(g, { offsets }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await g.carry('eu', 'us');
    expect(await translate(g, { offsets })).toMatchObject([
      { topic: 'us.orders', sourceOffset: 4, offset: 10, state: 'TRANSLATED' },
      { topic: 'us.orders', sourceOffset: 12, offset: 12, state: 'TRANSLATED' },
    ]);
  });

  it('that came from another region are not translated on', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    await g.commit('eu', 'us.orders', 30);
    await g.carry('us', 'eu');
    expect(await g.position('us', 'orders')).toBe(30);
    expect(await translate(g)).toEqual([]);
  });

  it('are what was carried over while the source does not answer, and none if nothing was', async () => {
    const g = await merged();
    await g.commit('us', 'orders', 130);
    g.world.cutOff.add('us');
    expect(await refusal(translate(g))).toBe('REQUEST_TIMED_OUT');
    g.world.cutOff.clear();
    await g.carry('eu', 'us');
    g.world.cutOff.add('us');
    const carried = {
      ...{ sourceTopic: 'orders', topic: 'orders', partition: 0, sourceOffset: 130 },
      ...{ offset: 100, vector: new Map([['us', 130]]), state: 'CARRIED_OVER' },
    };
    expect(await translate(g)).toEqual([carried]);
    expect(await translate(g, { offsets: [at(130)] })).toEqual([carried]);
    expect(await refusal(translate(g, { offsets: [at(130), at(131)] }))).toBe('REQUEST_TIMED_OUT');
    // Local clients have gone on: what was carried over is where it was.
    await g.commit('eu', 'orders', 140);
    expect(await translate(g)).toMatchObject([{ sourceOffset: 130, offset: 100 }]);
  });

  it.each<[string, Partial<TranslationRequest>, string]>([
    ['a region that nothing is copied from', { source: 'ap' }, 'UNKNOWN_FLOW'],
    ['a group that the source does not have', { groupId: 'other' }, 'GROUP_ID_NOT_FOUND'],
    ['no group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['a topic that the source does not have', { offsets: [at(0, 'none')] }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [
      'a partition that the source does not have',
      { offsets: [at(0, 'orders', 1)] },
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    ['a topic that is not copied', { offsets: [at(0, 'private')] }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['an offset beyond the end', { offsets: [at(101)] }, 'OFFSET_OUT_OF_RANGE'],
    [
      'a vector beyond the end of what was produced there',
      { offsets: [{ ...at(1), vector: new Map([['', 101]]) }] },
      'OFFSET_OUT_OF_RANGE',
    ],
    ['no offset', { offsets: [at(-1)] }, 'OFFSET_OUT_OF_RANGE'],
    ['half an offset', { offsets: [at(0.5)] }, 'OFFSET_OUT_OF_RANGE'],
    [
      'a vector of half offsets',
      { offsets: [{ ...at(1), vector: new Map([['eu', 0.5]]) }] },
      'INVALID_REQUEST',
    ],
  ])('%s: refused by name', async (_, request, code) => {
    const g = await groupWorld(['us', 'eu'], [['eu', 'us', { topics: ['orders'] }]]);
    await fill(g, 'us', 'orders', 100);
    await fill(g, 'us', 'private', 1);
    await g.carry('eu', 'us');
    await g.commit('us', 'orders', 60);
    expect(await refusal(translate(g, request))).toBe(code);
  });

  it('of a topic that was made anew under the name are none here', async () => {
    const g = await groupWorld(
      ['us', 'eu'],
      BOTH.map(([to, from]) => [to, from, { policy: 'merged' }] as const),
    );
    await fill(g, 'us', 'orders', 10);
    await g.carry('eu', 'us');
    await g.world.region('us').log.deleteTopic('orders', g.world.call());
    await fill(g, 'us', 'orders', 3);
    await g.commit('us', 'orders', 2);
    expect(await translate(g)).toEqual([]);
    expect(await refusal(translate(g, { offsets: [at(2)] }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });
});
