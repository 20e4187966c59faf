import { routesOf } from '../mount.ts';
import type { Route } from '../route.ts';
import { v3GroupOffsetRoutes } from '../routes/v3-group-offsets.ts';
import { v3TranslationRoutes } from '../routes/v3-translation.ts';

/** The group `positions`, for a function that serves nothing else and need not load the rest. */
export const POSITION_ROUTES: readonly Route[] = routesOf(
  [...v3GroupOffsetRoutes, ...v3TranslationRoutes],
  'positions',
);
