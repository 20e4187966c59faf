import { BROKER_ID } from '../broker.ts';
import { notFound } from '../http-error.ts';
import { jsonResponse, MEDIA } from '../message.ts';
import { type Exchange, param, type Route } from '../route.ts';
import type { Schema } from '../schemas/common.ts';
import { Broker, BrokerList, Cluster, ClusterList } from '../schemas/v3.ts';
import { v3List, v3Names } from '../v3-links.ts';

function cluster(exchange: Exchange): object {
  const names = v3Names(exchange);
  return {
    kind: 'KafkaCluster',
    metadata: names.metadata([], {}),
    cluster_id: names.clusterId,
    controller: names.related('brokers', String(BROKER_ID)),
    acls: names.related('acls'),
    brokers: names.related('brokers'),
    broker_configs: names.related('broker-configs'),
    consumer_groups: names.related('consumer-groups'),
    topics: names.related('topics'),
    partition_reassignments: names.related('topics', '-', 'partitions', '-', 'reassignment'),
  };
}

function broker(exchange: Exchange): object {
  const names = v3Names(exchange);
  const id = String(BROKER_ID);
  return {
    kind: 'KafkaBroker',
    metadata: names.metadata(['brokers', id], { broker: id }),
    cluster_id: names.clusterId,
    broker_id: BROKER_ID,
    host: null,
    port: null,
    rack: null,
    configs: names.related('brokers', id, 'configs'),
    partition_replicas: names.related('brokers', id, 'partition-replicas'),
  };
}

function knownBroker(exchange: Exchange): object {
  const id = param(exchange, 'broker');
  if (id !== String(BROKER_ID)) throw notFound(404, `Broker ${id} cannot be found.`, 'INVALID_REQUEST');
  return broker(exchange);
}

function v3Get(
  path: string,
  doc: { readonly operationId: string; readonly summary: string; readonly answer: Schema },
  body: (exchange: Exchange) => object,
): Route {
  return {
    method: 'GET',
    path,
    group: 'admin',
    api: 'v3',
    doc: {
      operationId: doc.operationId,
      summary: doc.summary,
      responses: { 200: { description: doc.summary, content: { [MEDIA.json]: doc.answer } } },
    },
    handle: (exchange) => jsonResponse(200, MEDIA.json, body(exchange)),
  };
}

export const v3ClusterRoutes: readonly Route[] = [
  v3Get(
    '/clusters',
    { operationId: 'listClusters', summary: 'The one cluster.', answer: ClusterList },
    (exchange) => v3List('KafkaClusterList', `${exchange.v3Url}/clusters`, [cluster(exchange)]),
  ),
  v3Get(
    '/clusters/{cluster}',
    { operationId: 'getCluster', summary: 'The cluster.', answer: Cluster },
    cluster,
  ),
  v3Get(
    '/clusters/{cluster}/brokers',
    { operationId: 'listBrokers', summary: 'The one broker that stands for all.', answer: BrokerList },
    (exchange) => v3List('KafkaBrokerList', v3Names(exchange).url('brokers'), [broker(exchange)]),
  ),
  v3Get(
    '/clusters/{cluster}/brokers/{broker}',
    { operationId: 'getBroker', summary: 'A broker.', answer: Broker },
    knownBroker,
  ),
];
