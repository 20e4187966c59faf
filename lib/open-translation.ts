import type { EngineParts } from './engine-parts.ts';
import { answered } from './partition/faults.ts';
import {
  createPositionTranslator,
  type PositionTranslator,
} from './replication/merged/translate-position.ts';
import type { SourceRegion, Sources } from './replication/source-region.ts';
import { translateOffsets } from './replication/translation/translate-offsets.ts';
import type { Translation } from './translation.ts';

export interface TranslationOptions {
  /** Alias of this region. */
  readonly region: string;
  /** The regions that flows copy from. They are only read. */
  readonly sources: Sources;
}

/** Opens translation into this region on its log's parts (`engineParts`); any number of processes may do so at once. */
export function openTranslation(target: EngineParts, { region, sources }: TranslationOptions): Translation {
  const opened = new Map<string, PositionTranslator>();
  const translatorOf = ({ alias, parts }: SourceRegion): PositionTranslator => {
    const translator =
      opened.get(alias) ??
      createPositionTranslator({ source: { ...parts, alias }, target: { ...target, alias: region } });
    opened.set(alias, translator);
    return translator;
  };
  const parts = { target, region, sources, translatorOf };
  return { region, translate: (request, call) => answered(() => translateOffsets(parts, request, call)) };
}
