/** Asked between batches: what is under way is finished first. */
export interface Stop {
  readonly isAsked: boolean;
  /** Resolves after a while, or at once when the end is asked for. */
  pause(ms: number): Promise<void>;
  ask(): void;
}

export function createStop(): Stop {
  const asked = Promise.withResolvers<void>();
  let isAsked = false;
  return {
    get isAsked() {
      return isAsked;
    },
    pause: async (ms) => {
      let timer: NodeJS.Timeout | undefined;
      const over = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
      });
      await Promise.race([over, asked.promise]);
      clearTimeout(timer);
    },
    ask: () => {
      isAsked = true;
      asked.resolve();
    },
  };
}
