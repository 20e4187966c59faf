import type { SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { sqsSender } from '../../../../lib/adapters/sqs/index.ts';

/** A queue that takes all messages but the one that is named. */
function queueOf(refused?: string): {
  readonly taken: string[];
  readonly atOnceMax: () => number;
  readonly send: (messages: readonly string[]) => Promise<void>;
} {
  const taken: string[] = [];
  let atOnce = 0;
  let atOnceMax = 0;
  const send = async ({ input }: SendMessageCommand): Promise<void> => {
    expect(input.QueueUrl).toBe('https://queue.invalid/tasks');
    atOnce += 1;
    atOnceMax = Math.max(atOnceMax, atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    atOnce -= 1;
    if (input.MessageBody === refused) throw new Error('the queue is gone');
    taken.push(input.MessageBody ?? '');
  };
  const sender = sqsSender({ client: { send }, queueUrl: 'https://queue.invalid/tasks' });
  return { taken, atOnceMax: () => atOnceMax, send: sender };
}

const messages = Array.from({ length: 100 }, (_, index) => `message ${index}`);

describe('sending to a queue', () => {
  it('sends every message, a bounded number of them at once', async () => {
    const queue = queueOf();
    await queue.send(messages);
    expect([...queue.taken].sort()).toEqual([...messages].sort());
    expect(queue.atOnceMax()).toBe(16);
  });

  it('asks for nothing when there is nothing to send', async () => {
    const queue = queueOf();
    await queue.send([]);
    expect(queue.atOnceMax()).toBe(0);
  });

  it('says so if a message was not taken, and sends the others all the same', async () => {
    const queue = queueOf('message 3');
    await expect(queue.send(messages)).rejects.toThrow('the queue is gone');
    expect(queue.taken).toHaveLength(99);
  });
});
