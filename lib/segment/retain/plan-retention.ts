/** What of a topic's configs says how long records stay. */
export interface RetentionSettings {
  /** `cleanup.policy` includes `delete`; without it only what lies below the log start goes. */
  readonly isDeleted: boolean;
  /** -1: for ever. */
  readonly retentionMs: number;
  /** -1: any size. */
  readonly retentionBytes: number;
  /** Unsealed bytes never grow much beyond it. */
  readonly segmentBytes: number;
  readonly hotRetentionMs: number;
}

/** A segment or a chunk: what goes or stays as a whole. */
export interface Extent {
  readonly endOffset: number;
  readonly bytes: number;
  /** The largest timestamp of its records, or when it was stored if they have none; -∞ if no record is left in it. */
  readonly timestampMs: number;
}

/** As much of a partition as has been read. */
export interface RetentionView {
  readonly logStart: number;
  /** Those that end beyond the log start, ascending. With `retentionBytes` all of them, else up to the first that stays. */
  readonly segments: readonly Extent[];
  /** The unsealed chunks that end beyond the log start, ascending, as many as were read. */
  readonly chunks: readonly Extent[];
  /** Whether `chunks` are all there are. */
  readonly isWhole: boolean;
}

/**
 * Where the log begins from now on, by Kafka's rules (https://kafka.apache.org/documentation/#topicconfigs_retention.ms):
 * - size: the oldest segments go as long as at least `retention.bytes` remain, unsealed bytes included. What is unsealed
 *   is like Kafka's active segment: it goes as a whole or not at all.
 * - time: of the rest, from the oldest on, whatever has only records that are older than `retention.ms`; the first that
 *   has a younger one stays, with all behind it. Unsealed chunks count one by one.
 */
export function planRetention(view: RetentionView, settings: RetentionSettings, nowMs: number): number {
  if (!settings.isDeleted) return view.logStart;
  return endByTime({ ...view, logStart: endBySize(view, settings) }, settings, nowMs);
}

/** Whether chunks that have not been read yet could move the log start further. */
export function wantsMoreChunks(view: RetentionView, settings: RetentionSettings, nowMs: number): boolean {
  if (view.isWhole || !settings.isDeleted) return false;
  const newest = view.chunks.at(-1) ?? view.segments.at(-1);
  const byTime =
    settings.retentionMs >= 0 && planRetention(view, settings, nowMs) >= (newest?.endOffset ?? 0);
  if (byTime || settings.retentionBytes === 0) return true;
  const rest = { endOffset: 0, bytes: settings.segmentBytes, timestampMs: 0 };
  const most = { ...view, chunks: [rest] };
  return bytesOf(view.chunks) < rest.bytes && endBySize(most, settings) > endBySize(view, settings);
}

/** Kafka's comparison: exactly as old as `retentionMs` is not too old. -1 keeps for ever. */
export function isExpired({ timestampMs }: Extent, retentionMs: number, nowMs: number): boolean {
  return retentionMs >= 0 && nowMs - timestampMs > retentionMs;
}

function endByTime(view: RetentionView, { retentionMs }: RetentionSettings, nowMs: number): number {
  const extents = [...view.segments, ...view.chunks].filter(({ endOffset }) => endOffset > view.logStart);
  const staying = extents.findIndex((extent) => !isExpired(extent, retentionMs, nowMs));
  const last = staying === -1 ? extents.at(-1) : extents[staying - 1];
  return last?.endOffset ?? view.logStart;
}

function endBySize(view: RetentionView, { retentionBytes }: RetentionSettings): number {
  const { logStart, segments, chunks, isWhole } = view;
  if (retentionBytes < 0) return logStart;
  let surplus = bytesOf(segments) + bytesOf(chunks) - retentionBytes;
  let end = logStart;
  if (surplus < 0) return end;
  for (const { bytes, endOffset } of segments) {
    if (surplus < bytes) return end;
    surplus -= bytes;
    end = endOffset;
  }
  return isWhole && surplus >= bytesOf(chunks) ? (chunks.at(-1)?.endOffset ?? end) : end;
}

function bytesOf(extents: readonly Extent[]): number {
  return extents.reduce((total, { bytes }) => total + bytes, 0);
}
