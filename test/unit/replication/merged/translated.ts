import {
  createPositionTranslator,
  type LogPosition,
  type PositionTranslator,
  type TranslatedPosition,
} from '../../../../lib/replication/merged/translate-position.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { type MergedRegion, openMergedRegion } from './merged-regions.ts';

export const translatorOf = (source: MergedRegion, target: MergedRegion): PositionTranslator => {
  const side = ({ parts, alias }: MergedRegion) => ({ ...parts, alias });
  return createPositionTranslator({ source: side(source), target: side(target) });
};

export const positionIn = (
  source: MergedRegion,
  target: MergedRegion,
  position: LogPosition,
): Promise<TranslatedPosition> => {
  const place = { sourcePk: source.pk, targetPk: target.pk };
  return translatorOf(source, target).translate(place, position, target.call());
};

export const translated = async (
  source: MergedRegion,
  target: MergedRegion,
  offset: number,
): Promise<number> => (await positionIn(source, target, { offset })).offset;

export async function openAll(...aliases: readonly string[]): Promise<MergedRegion[]> {
  const clock = manualClock();
  return Promise.all(aliases.map((alias) => openMergedRegion(alias, clock)));
}
