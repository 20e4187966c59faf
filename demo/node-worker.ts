import { parentPort, workerData } from 'node:worker_threads';
import { startLocalNode } from '../lib/local/node.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import type { FromNode } from './local-node.ts';

/** A local node on a thread of its own: the demo's clients do not slow it down, and it cannot outlive them. */
async function serve(dataDir: string): Promise<void> {
  const node = await startLocalNode({ host: '127.0.0.1', port: 0, dataDir });
  parentPort?.once('message', () => {
    // Nothing is left on this thread then, so it ends by itself: an exit in the middle of native work is not clean.
    void node.close().then(() => parentPort?.close());
  });
  say({ url: node.url });
}

function say(message: FromNode): void {
  parentPort?.postMessage(message);
}

/** Classes do not pass from thread to thread: what can be mended goes as words, anything else ends the worker. */
await serve((workerData as { readonly dataDir: string }).dataDir).catch((error: unknown) => {
  if (!(error instanceof StorageFault)) throw error;
  say({ problem: error.message });
});
