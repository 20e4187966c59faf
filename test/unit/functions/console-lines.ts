import { afterEach, beforeEach, vi } from 'vitest';

/** Lines that a function writes during a test, parsed: log lines and metrics. */
export function consoleLines(): { readonly lines: Record<string, unknown>[] } {
  const written: { lines: Record<string, unknown>[] } = { lines: [] };
  beforeEach(() => {
    written.lines = [];
    const take = (text: unknown): void => {
      written.lines.push(JSON.parse(String(text)) as Record<string, unknown>);
    };
    for (const method of ['log', 'info', 'warn', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation(take);
    }
    // Powertools writes to a console of its own unless it is told not to, and then leaves the metrics out.
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });
  return written;
}
