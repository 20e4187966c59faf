import { expect, it } from 'vitest';
import { at, codes, GROUP, positions, scene, take } from './offset-support.ts';

it('a position that names its topic is never committed for another of that name', async () => {
  const s = await scene();
  await s.assign(['a']);
  const member = await s.member('a');
  const process = await s.process();
  await take(process, member, [0], s.call());
  const commit = async (topicId: string): Promise<readonly string[]> =>
    codes(
      await process.groups.commit({ groupId: GROUP, member, offsets: [{ ...at(0, 5), topicId }] }, s.call()),
    );
  expect(await commit(s.topicId)).toEqual(['ok']);
  expect(await commit('of-the-one-before-this')).toEqual(['UNKNOWN_TOPIC_ID']);
  expect(await positions(process, s.call())).toEqual(['0:5']);
});
