import { MillraceError } from '../../lib/errors.ts';
import { HungUp } from './pool.ts';
import type { World } from './world.ts';

/** The code a caller sees; anything but a MillraceError, and a confession of a bug, is noted as a surprise. */
export function noteSurprise(world: World, process: string, what: string, error: unknown): string {
  const known = error instanceof MillraceError;
  if (isHungUp(error)) return 'UNKNOWN_SERVER_ERROR';
  if (!known || error.code === 'UNKNOWN_SERVER_ERROR') {
    world.history.surprises.push({ process, what, atMs: world.scheduler.nowMs, error });
  }
  return known ? error.code : 'UNKNOWN_SERVER_ERROR';
}

function isHungUp(error: unknown): boolean {
  return error instanceof HungUp || (error instanceof Error && error.cause instanceof HungUp);
}
