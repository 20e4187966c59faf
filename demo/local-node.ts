import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';

export interface DemoNode {
  /** Another one after a restart. */
  readonly url: string;
  readonly dataDir: string;
  readonly isTemporary: boolean;
  /** Ends it as `close` does and starts another one on the same data, which remembers nothing. Throws `StartError`. */
  restart(): Promise<void>;
  /** Lets what is in flight finish; then a temporary data directory is gone. */
  close(): Promise<void>;
}

/** What the node's thread says first. */
export type FromNode = { readonly url: string } | { readonly problem: string };

/** The node cannot start, for a reason that the person who started it can mend. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Throws `StartError`. */
export async function startDemoNode(givenDataDir: string | undefined): Promise<DemoNode> {
  const isTemporary = givenDataDir === undefined;
  const dataDir = isTemporary ? mkdtempSync(join(tmpdir(), 'millrace-demo-')) : resolve(givenDataDir);
  const remove = (): void => {
    if (isTemporary) rmSync(dataDir, { recursive: true, force: true });
  };
  // A second Ctrl-C ends the process at once; the directory goes all the same.
  process.once('exit', remove);
  let running = await startWorker(dataDir);
  return {
    get url() {
      return running.url;
    },
    dataDir,
    isTemporary,
    restart: async () => {
      await running.end();
      running = await startWorker(dataDir);
    },
    close: async () => {
      await running.end();
      remove();
    },
  };
}

interface RunningWorker {
  readonly url: string;
  /** May be called again. */
  end(): Promise<void>;
}

async function startWorker(dataDir: string): Promise<RunningWorker> {
  const worker = new Worker(new URL('./node-worker.ts', import.meta.url), { workerData: { dataDir } });
  const first = await new Promise<FromNode>((said, failed) => {
    worker.once('message', said).once('error', failed);
  });
  if ('problem' in first) {
    await worker.terminate();
    throw new StartError(first.problem);
  }
  const ended = new Promise<void>((done) => {
    worker.once('exit', () => done());
  });
  return {
    url: first.url,
    end: async () => {
      worker.postMessage('stop');
      await ended;
    },
  };
}
