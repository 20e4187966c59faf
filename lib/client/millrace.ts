import type { Usage } from '../storage/meter.ts';
import { type Admin, createAdmin } from './admin.ts';
import type { ClientParts } from './client-parts.ts';
import { type Consumer, createConsumer } from './consumer/consumer.ts';
import type { ConsumerOptions } from './consumer/consumer-options.ts';
import { createProducer, type Producer, type ProducerOptions } from './producer/producer.ts';

/** An open log: make producers and consumers of it, as many as are needed. */
export interface Millrace {
  /** 22 base64url characters, the same for every process on the same storage. */
  readonly clusterId: string;
  readonly admin: Admin;
  /** What all calls made here have used so far, priced by AWS's rules even where the log is kept in a directory. */
  readonly usage: Usage;
  producer(options?: ProducerOptions): Producer;
  consumer(options: ConsumerOptions): Consumer;
  /** Closes what was made of it, producers last to be able to send what is left, then the storage. May be called again. */
  close(): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

interface Closable {
  close(): Promise<void>;
}

/** `closeStorage` is called once, after everything else is closed. */
export function createMillrace(parts: ClientParts, closeStorage: () => Promise<void>): Millrace {
  const producers = new Set<Closable>();
  const consumers = new Set<Closable>();
  const closeAll = async (): Promise<void> => {
    try {
      const closed = await Promise.allSettled([...consumers].map((consumer) => consumer.close()));
      await Promise.all([...producers].map((producer) => producer.close()));
      const failed = closed.find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    } finally {
      await closeStorage();
    }
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll();
    return closing;
  };
  return {
    clusterId: parts.log.clusterId,
    admin: createAdmin(parts),
    get usage() {
      return parts.meter.usage;
    },
    producer: (options) => keptIn(producers, createProducer(parts, options)),
    consumer: (options) => {
      const consumer = keptIn(consumers, createConsumer(parts, options));
      return { ...consumer, [Symbol.asyncDispose]: consumer.close };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Is kept until it is closed. */
function keptIn<T extends Closable>(open: Set<Closable>, made: T): T {
  open.add(made);
  return { ...made, close: () => made.close().finally(() => open.delete(made)) };
}
