import type { EngineParts } from '../engine-parts.ts';
import type { Observation } from '../storage/observation.ts';

/** The topic configs that an append depends on. */
export interface AppendSettings {
  readonly hotRetentionMs: number;
  /** -1: the adapter's break-even decides. */
  readonly inlineBytesMax: number;
}

/** The largest chunk that is stored inline. */
export function inlineBytesMaxOf(
  { hot }: Pick<EngineParts, 'hot'>,
  { inlineBytesMax }: AppendSettings,
): number {
  return inlineBytesMax >= 0 ? inlineBytesMax : hot.inlineBytesBreakEven;
}

/** When a chunk that is appended behind `seen` expires: counted from the later of the local clock and storage's last date. */
export function chunkExpirySeconds(
  { clock }: Pick<EngineParts, 'clock'>,
  { hotRetentionMs }: AppendSettings,
  seen: Observation,
): number {
  const nowMs = Math.max(clock.wallMs(), seen.serverMs ?? 0);
  return Math.ceil((nowMs + hotRetentionMs) / 1000);
}
