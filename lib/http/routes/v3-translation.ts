import type { OffsetToTranslate, TranslatedOffset, Translation } from '../../translation.ts';
import { notFound } from '../http-error.ts';
import { vectorBody, vectorOf } from '../region-vector.ts';
import { type Exchange, param, type Route } from '../route.ts';
import {
  OffsetsTranslate,
  type OffsetsTranslateRequest,
  TranslatedOffsetList,
} from '../schemas/translation.ts';
import { GROUP, type GroupPath, groupPath, groupRoute } from '../v3-group-route.ts';
import { v3List, v3Names } from '../v3-links.ts';
import { v3Body } from './v3-topics.ts';

type NamedEntry = NonNullable<OffsetsTranslateRequest['data']>[number];

function translationOf({ services }: Exchange): Translation {
  if (services.translation !== undefined) return services.translation;
  const message = 'Nothing is to be translated: this deployment knows of no other regions (docs/regions.md).';
  throw notFound(404, message, 'INVALID_REQUEST');
}

function namedOf(entry: NamedEntry, source: string): OffsetToTranslate {
  const { topic_name: topic, partition_id: partition, offset, vector } = entry;
  const told = vector === undefined || vector === null ? {} : { vector: vectorOf(vector, source) };
  return { topic, partition, offset, ...told };
}

function translatedBody(
  { names, groupId }: GroupPath,
  { source, region }: { readonly source: string; readonly region: string },
  translated: TranslatedOffset,
): object {
  return {
    kind: 'MillraceTranslatedOffset',
    cluster_id: names.clusterId,
    consumer_group_id: groupId,
    source_region: source,
    source_topic_name: translated.sourceTopic ?? null,
    source_offset: translated.sourceOffset,
    topic_name: translated.topic,
    partition_id: translated.partition,
    offset: translated.offset,
    vector: vectorBody(translated.vector, region),
    state: translated.state,
  };
}

async function translateOffsets(exchange: Exchange): Promise<object> {
  const translation = translationOf(exchange);
  const { source_region: source, data } = v3Body(exchange, OffsetsTranslate);
  const path = groupPath(v3Names(exchange), param(exchange, 'group'));
  const { region } = translation;
  const named = data?.map((entry) => namedOf(entry, source));
  const request = { groupId: path.groupId, source, ...(named === undefined ? {} : { offsets: named }) };
  const translated = await translation.translate(request, exchange.call);
  const bodies = translated.map((one) => translatedBody(path, { source, region }, one));
  const self = `${path.names.url(...path.path, 'offsets')}:translate`;
  return v3List('MillraceTranslatedOffsetList', self, bodies);
}

export const v3TranslationRoutes: readonly Route[] = [
  {
    ...groupRoute(
      {
        path: `${GROUP}/offsets:translate`,
        method: 'POST',
        operationId: 'translateConsumerGroupOffsets',
        summary: 'Where a consumer group of another region goes on here. Nothing is stored.',
        body: OffsetsTranslate,
        answer: TranslatedOffsetList,
      },
      translateOffsets,
    ),
    group: 'positions',
  },
];
