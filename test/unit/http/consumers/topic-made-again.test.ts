import { expect, it } from 'vitest';
import { memoryStorage } from '../../../support/log-on-memory.ts';
import { type Api, newTopic, openApi, produce } from '../support.ts';
import { type Instance, instanceAt, newInstance } from './support.ts';

/** Two processes; the second still knows a topic `t` that the first has deleted and made again. */
async function processes(): Promise<{ readonly current: Api; readonly stale: Api }> {
  const storage = memoryStorage();
  const current = await openApi({ storage });
  const stale = await openApi({ storage });
  await newTopic(current, 't');
  await produce(stale, '/topics/t/partitions/0', [{ value: 'old' }]);
  await current.log.deleteTopic('t', current.newCall());
  await newTopic(current, 't');
  await produce(current, '/topics/t/partitions/0', [{ value: 'new' }, { value: 'newer' }]);
  return { current, stale };
}

/** What is read through the one process after everything else was done through the other. */
async function readThrough(
  stale: Api,
  current: Api,
  select: (instance: Instance) => Promise<void>,
): Promise<readonly string[]> {
  const instance = await newInstance(current);
  await select(instance);
  return instanceAt(stale, instance.path).read();
}

it('a member reads the topic that its group has given it, also where another of that name is remembered', async () => {
  const { current, stale } = await processes();
  const texts = await readThrough(stale, current, (instance) => instance.subscribe('t'));
  expect(texts).toEqual(['t:0:0=new', 't:0:1=newer']);
});

it('partitions that a client chose itself are those of whatever has the name', async () => {
  const { current } = await processes();
  const instance = await newInstance(current);
  await instance.assign(['t', 0]);
  await current.log.deleteTopic('t', current.newCall());
  await newTopic(current, 't');
  await produce(current, '/topics/t/partitions/0', [{ value: 'newest' }]);
  expect(await instance.read()).toEqual(['t:0:0=newest']);
});

it('what a member has read of a topic that is gone is committed nowhere, and troubles nobody', async () => {
  const api = await openApi();
  await newTopic(api, 't');
  await produce(api, '/topics/t/partitions/0', [{ value: 'old' }]);
  const instance = await newInstance(api);
  await instance.subscribe('t');
  expect(await instance.read()).toEqual(['t:0:0=old']);
  await api.log.deleteTopic('t', api.newCall());
  await newTopic(api, 't');
  await instance.read();
  expect(await api.groups.committed('g', undefined, api.newCall())).toEqual([]);
  expect(api.faults).toEqual([]);
});
