import { parentPort, workerData } from 'node:worker_threads';
import { startLocalNode } from '../lib/local/node.ts';

/** A local node on a thread of its own: the demo's clients do not slow it down, and it cannot outlive them. */
const { dataDir } = workerData as { readonly dataDir: string };
const node = await startLocalNode({ host: '127.0.0.1', port: 0, dataDir });
parentPort?.once('message', () => {
  void node.close().then(() => process.exit(0));
});
parentPort?.postMessage(node.url);
