import { describe, expect, it } from 'vitest';
import { readPushSettings } from '../../../lib/push/push-settings.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:orders';
const LEAST = { group: 'g', topics: ['orders'], functionArn: ARN };

describe('settings of pushing', () => {
  it('need a group, its topics and a function; all else has a default', () => {
    expect(readPushSettings(JSON.stringify([LEAST]))).toEqual([
      {
        ...LEAST,
        batchSize: 100,
        batchBytes: 1_048_576,
        maxRetries: 10,
        maxRecordAgeSeconds: 0,
        parallelPartitions: 10,
        startingPosition: 'earliest',
        bisect: true,
        lingerSeconds: 20,
      },
    ]);
  });

  it('take versions and aliases, and any group', () => {
    const entries = [
      { ...LEAST, functionArn: `${ARN}:live` },
      {
        ...LEAST,
        group: 'größe/1 ✓',
        functionArn: `${ARN}:$LATEST`,
        startingPosition: 'latest',
        bisect: false,
      },
    ];
    expect(readPushSettings(entries)).toMatchObject(entries);
  });

  it.each([
    ['[{', 'push: a JSON list'],
    ['{}', 'push: a JSON list'],
    [[1], 'push[0]: an object'],
    [[{ ...LEAST, group: '' }], 'push[0].group: 1 to 255 bytes of text; got ""'],
    [[{ ...LEAST, group: '\ud800' }], 'push[0].group'],
    [[{ ...LEAST, topics: [] }], 'push[0].topics: a list of topic names'],
    [[{ ...LEAST, topics: ['a', 'a'] }], 'push[0].topics'],
    [[{ ...LEAST, topics: ['a b'] }], 'push[0].topics'],
    [[LEAST, { ...LEAST }], 'push[1].group: "g" is pushed to a function already'],
    [[{ ...LEAST, functionArn: 'orders' }], 'push[0].functionArn: the ARN of a Lambda function'],
    [[{ ...LEAST, batchSize: 0 }], 'push[0].batchSize: a whole number from 1 to 10000; got 0'],
    [[{ ...LEAST, batchSize: '9' }], 'push[0].batchSize'],
    [[{ ...LEAST, batchBytes: 6_000_000 }], 'push[0].batchBytes'],
    [[{ ...LEAST, maxRetries: -1 }], 'push[0].maxRetries'],
    [[{ ...LEAST, lingerSeconds: 51 }], 'push[0].lingerSeconds'],
    [
      [{ ...LEAST, startingPosition: 'newest' }],
      'push[0].startingPosition: earliest or latest; got "newest"',
    ],
    [[{ ...LEAST, bisect: 'yes' }], 'push[0].bisect: true or false; got "yes"'],
    [
      [{ ...LEAST, topics: Array.from({ length: 300 }, (_, index) => `topic-${index}`) }],
      'push[0]: at most 2500 bytes in all',
    ],
    [[{ ...LEAST, batchsize: 5 }], 'push[0].batchsize: there is no such setting'],
  ])('refuses %j and says what may be said', (value, message) => {
    expect(() => readPushSettings(value)).toThrow(message);
  });
});
