import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of the example, started again as often as it is killed. */
export interface Worker {
  readonly name: string;
  /** Times it was killed. */
  readonly kills: number;
  /** Resolves when it next says something, or has ended. */
  word(): Promise<void>;
  /** `SIGKILL`, then another process in its place. */
  kill(): Promise<void>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
  /** Whatever it is at: it is gone, and no other comes. */
  end(): void;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<void>;
}

export interface WorkerOptions {
  readonly name: string;
  readonly file: 'shop.ts' | 'projection.ts';
  /** What a new process is told: made anew for each, from what the ones before have said. */
  readonly start: () => object;
  readonly onSaid: (said: never) => void;
}

export function startWorker({ name, file, start, onSaid }: WorkerOptions): Worker {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  ended.catch(() => undefined);
  const listeners: (() => void)[] = [];
  let kills = 0;
  let dying: ChildProcess | undefined;

  const launch = (): ChildProcess => {
    const child = fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.on('message', (said) => {
      onSaid(said as never);
      for (const listener of listeners.splice(0)) listener();
    });
    child.on('exit', (code) => {
      if (child === dying) return;
      if (code === 0) resolve();
      else reject(new Error(`${name} ended with code ${code}`));
    });
    child.send(start());
    return child;
  };
  let child = launch();

  return {
    name,
    ended,
    get kills() {
      return kills;
    },
    word: () => {
      const said = new Promise<void>((heard) => listeners.push(heard));
      return Promise.race([said, ended.catch(() => undefined)]);
    },
    kill: async () => {
      if (child.exitCode !== null) return;
      kills += 1;
      dying = child;
      child.kill('SIGKILL');
      await once(child, 'exit');
      child = launch();
    },
    end: () => {
      dying = child;
      child.kill('SIGKILL');
    },
    stop: async () => {
      if (child.exitCode === null) child.send('stop');
      await ended;
    },
  };
}
