import { describe, expect, it } from 'vitest';
import {
  CONTINUATIONS_MAX,
  continuedTask,
  encodeTask,
  parseTask,
  type Task,
} from '../../../lib/segment/tasks/tasks.ts';

const task: Task = {
  job: 'seal',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  topic: 'orders',
  partition: 3,
  continued: 0,
};
const message = (change: object): string => JSON.stringify({ ...JSON.parse(encodeTask(task)), ...change });

describe('a task as a message', () => {
  it('comes back as it was sent', () => {
    expect(parseTask(encodeTask(task))).toEqual({ kind: 'task', task });
    expect(encodeTask(task)).toBe(
      '{"f":1,"job":"seal","topicId":"AAAAAAAAAAAAAAAAAAAAAA","topic":"orders","partition":3,"continued":0}',
    );
  });

  it.each([
    ['what is no JSON', 'seal orders', 'not a JSON object'],
    ['a list', '[]', 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['nothing', '', 'not a JSON object'],
    ['a newer format', message({ f: 2 }), 'format 2; this version reads up to 1'],
    ['a missing format', message({ f: undefined }), 'its format is undefined'],
    ['an unknown job', message({ job: 'erase' }), 'no job "erase"'],
    ['a job by inheritance', message({ job: 'toString' }), 'no job "toString"'],
    ['an unknown field', message({ force: true }), "a field 'force'"],
    ['a topic id that is none', message({ topicId: '../..' }), 'topicId'],
    ['no topic', message({ topic: '' }), 'topic'],
    ['a negative partition', message({ partition: -1 }), 'partition'],
    ['a partition in text', message({ partition: '0' }), 'partition'],
    ['half a partition', message({ partition: 0.5 }), 'partition'],
    ['one that never ends', message({ continued: CONTINUATIONS_MAX + 1 }), 'continued 101 times'],
    ['one that is too long', message({ topic: 'x'.repeat(5_000) }), 'characters long'],
  ])('is refused by name if it is %s', (_, text, reason) => {
    expect(parseTask(text)).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) });
  });

  it('counts how often it was sent on, and is refused in the end', () => {
    let next = task;
    for (let times = 0; times < CONTINUATIONS_MAX; times += 1) next = continuedTask(next);
    expect(parseTask(encodeTask(next))).toMatchObject({ kind: 'task' });
    expect(parseTask(encodeTask(continuedTask(next)))).toMatchObject({ kind: 'refused' });
  });
});
