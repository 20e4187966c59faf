import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { partitionParam } from '../number-param.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { RecordsDelete, RecordsDeletion } from '../schemas/v3.ts';
import { v3Names } from '../v3-links.ts';
import { v3Body } from './v3-topics.ts';

/** Kafka's DeleteRecords, which the REST Proxy does not have, in the manner of its other actions. */
async function deleteRecords(exchange: Exchange): Promise<HttpResponse> {
  const partition = partitionParam(param(exchange, 'partition'));
  const { offset } = v3Body(exchange, RecordsDelete);
  const topic = param(exchange, 'topic');
  const { log } = exchange.services;
  const { logStartOffset } = await log.deleteRecords({ topic, partition, offset }, exchange.call);
  const names = v3Names(exchange);
  return jsonResponse(200, MEDIA.json, {
    kind: 'KafkaRecordsDeletion',
    metadata: names.metadata(['topics', topic, 'partitions', String(partition), 'offset'], {
      topic,
      partition,
    }),
    cluster_id: names.clusterId,
    topic_name: topic,
    partition_id: partition,
    log_start_offset: logStartOffset,
  });
}

export const v3DeletionRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/clusters/{cluster}/topics/{topic}/partitions/{partition}/records:delete',
    group: 'admin',
    api: 'v3',
    doc: {
      operationId: 'deleteRecords',
      summary: 'Deletes the records of a partition below an offset, or with -1 all there are.',
      body: { [MEDIA.json]: RecordsDelete },
      responses: {
        200: { description: 'Where the partition begins now.', content: { [MEDIA.json]: RecordsDeletion } },
      },
    },
    handle: deleteRecords,
  },
];
