import type { Observation } from '../storage/observation.ts';

/** When something was seen, by storage's own clock where it has one; else by that of the machine it is on. */
export function storageMs(observation: Observation): number {
  return observation.serverMs ?? observation.sentWallMs;
}
