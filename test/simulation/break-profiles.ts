import type { Rules } from '../../lib/rules.ts';
import { CALM, CALM_NETWORK, type Profile } from './profile.ts';

/** For each rule the conditions under which its absence does harm soon. With the rule in force they do none. */
export function breakProfile(rule: keyof Rules): Profile {
  return { ...CALM, name: rule, ...CONDITIONS[rule] };
}

const DAY_MS = 86_400_000;

const CONDITIONS: Readonly<Partial<Record<keyof Rules, Partial<Profile>>>> = {
  /** Answers get lost behind writes that took effect, so writers often lose to themselves. */
  tokenCheck: {
    keyedRate: 0,
    network: { ...CALM_NETWORK, brokenAfterRate: 0.3 },
  },
  /** A write took effect unheard, and before it is repeated the process is suspended for longer than the fence. */
  retryAtTail: {
    keyedRate: 0,
    network: { ...CALM_NETWORK, brokenAfterRate: 0.4 },
    freezeRate: 0.02,
    freezeKinds: ['minutes'],
    wallStandsRate: 0,
    monotonicStandsRate: 1,
    mishapsMax: 20,
  },
  /** A process comes back to a tail it knew days ago; the items behind it have expired. */
  fence: {
    eraCount: 4,
    gapsMs: [4 * DAY_MS, 9 * DAY_MS],
    producesPerEra: 3,
    readsPerEra: 1,
  },
  /** Hot retention passes between two bursts: segments alone tell where the log ends. */
  tailRule: {
    eraCount: 3,
    gapsMs: [4 * DAY_MS],
    producesPerEra: 3,
    readsPerEra: 1,
  },
  /** Topics go while several processes are writing to what they resolved a moment ago. */
  closedMarker: {
    eraCount: 2,
    topicChangeRate: 1,
    processCount: 3,
    producesPerEra: 20,
    thinkMsMax: 400,
  },
  /** Uploads whose pointer is written a day later, after the collector has been there. */
  firstReference: {
    eraCount: 2,
    gapsMs: [4 * DAY_MS],
    inlineBytesBreakEven: 100,
    valueBytesMax: 400,
    keyedRate: 0,
    sweeps: true,
    freezeRate: 0.03,
    freezeKinds: ['day'],
    wallStandsRate: 0.5,
    monotonicStandsRate: 1,
    mishapsMax: 4,
    processCount: 3,
  },
  /** Reads that miss some of the items written last. */
  gapCut: {
    staleMsMax: 2_000,
    writerCount: 4,
    readerCount: 4,
    readsPerEra: 12,
    thinkMsMax: 5,
  },
  /** Writes that fail for good, so that what was counted on never comes. */
  tailAfterAnswer: {
    producesPerEra: 12,
    network: { ...CALM_NETWORK, brokenBeforeRate: 0.7, timeoutMs: 300 },
  },
};
