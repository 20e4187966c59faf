/** Groups the requests that arrive together, so that one sync to disk serves all of them. */
export interface Gathering {
  /** A request has come in. */
  arrived(): void;
  /** Resolves at the end of a turn of the event loop in which none came, or after `turnsMax` turns. */
  gather(): Promise<void>;
}

const TURNS_MAX = 16;

/**
 * A commit holds the event loop until it is on disk. The first of many requests that are on their way at once would be
 * committed alone and the others would wait for it: it pays to read them first. A lone request waits for one turn of
 * an idle event loop, some microseconds.
 */
export function createGathering(turnsMax: number = TURNS_MAX): Gathering {
  let arrivedCount = 0;
  let underWay: Promise<void> | undefined;

  const quietTurn = async (): Promise<void> => {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      const before = arrivedCount;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (arrivedCount === before) break;
    }
    underWay = undefined;
  };

  return {
    arrived: () => {
      arrivedCount += 1;
    },
    gather: () => {
      underWay ??= quietTurn();
      return underWay;
    },
  };
}
