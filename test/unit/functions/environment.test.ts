import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../functions/environment.ts';

const WHOLE = {
  AWS_REGION: 'us-east-1',
  MILLRACE_HOT_TABLE: 'hot',
  MILLRACE_CATALOG_TABLE: 'catalog',
  MILLRACE_BUCKET: 'bucket',
};

describe("a function's environment", () => {
  it('names the storage; one request in a hundred is logged', () => {
    expect(readEnvironment(WHOLE)).toEqual({
      region: 'us-east-1',
      hotTable: 'hot',
      catalogTable: 'catalog',
      bucket: 'bucket',
      logSampleRate: 0.01,
    });
  });

  it('may set the share of requests that are logged', () => {
    expect(readEnvironment({ ...WHOLE, MILLRACE_LOG_SAMPLE_RATE: '0.5' }).logSampleRate).toBe(0.5);
  });

  it('may name its stack and the queue of tasks', () => {
    const more = { MILLRACE_STACK: 'Millrace', MILLRACE_TASK_QUEUE_URL: 'https://queue.invalid/tasks' };
    expect(readEnvironment({ ...WHOLE, ...more })).toMatchObject({
      stack: 'Millrace',
      taskQueueUrl: 'https://queue.invalid/tasks',
    });
  });

  it('may say which region it is in, and then has to say its number', () => {
    const region = { ...WHOLE, MILLRACE_REGION: 'eu', MILLRACE_REGION_NUMBER: '7' };
    expect(readEnvironment(region).own).toEqual({ alias: 'eu', number: 7 });
    expect(() => readEnvironment({ ...region, MILLRACE_REGION_NUMBER: '' })).toThrow(
      'MILLRACE_REGION_NUMBER must be a whole number, not ""',
    );
  });

  it('may name the other regions', () => {
    expect(readEnvironment({ ...WHOLE, MILLRACE_OTHER_REGIONS: 'us ap' }).others).toEqual(['us', 'ap']);
    expect(readEnvironment(WHOLE).others).toBeUndefined();
  });

  it('is refused with everything that is missing or wrong, at once', () => {
    const broken = {
      ...WHOLE,
      MILLRACE_HOT_TABLE: '',
      MILLRACE_BUCKET: undefined,
      MILLRACE_LOG_SAMPLE_RATE: '5',
    };
    expect(() => readEnvironment(broken)).toThrow(
      'MILLRACE_HOT_TABLE is not set; MILLRACE_BUCKET is not set; MILLRACE_LOG_SAMPLE_RATE must be a number from 0 to 1, not "5"',
    );
  });
});
