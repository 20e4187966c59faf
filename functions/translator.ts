import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { POSITION_ROUTES } from '../lib/http/function-routes/positions.ts';
import { openPositions } from '../lib/open-positions.ts';
import { openTranslation } from '../lib/open-translation.ts';
import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';
import { type SourceSettings, sourceRegions } from './source-regions.ts';

const { MILLRACE_SOURCES = '[]' } = process.env;

/**
 * Positions of groups: `offsets:translate`, for which it reads the other regions, and `offsets:reset`, which the gateway cannot
 * tell from it.
 */
export const handler: HttpFunction = logFunction({
  service: 'translator',
  routes: POSITION_ROUTES,
  mayInitialize: false,
  services: ({ parts, log, environment: { own, region } }) => {
    const alias = own?.alias ?? '';
    const sources = sourceRegions({
      sources: JSON.parse(MILLRACE_SOURCES) as readonly SourceSettings[],
      own: { alias, region },
      clock: systemClock(),
      random: systemRandom(),
      codecs: parts.codecs,
    });
    return {
      positions: openPositions(parts, log),
      translation: openTranslation(parts, { region: alias, sources }),
    };
  },
});
