import type { ConfigAlteration } from '../../log.ts';
import { isTopicConfigName, type TopicConfigEntry } from '../../topic/configs.ts';
import { HttpError, notFound } from '../http-error.ts';
import { emptyResponse, type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { Config, ConfigList, ConfigsAlter, ConfigValue } from '../schemas/v3.ts';
import { type V3Names, v3List, v3Names } from '../v3-links.ts';
import { v3Body } from './v3-topics.ts';

const TOPIC = '/clusters/{cluster}/topics/{topic}';
const CONFIGS = `${TOPIC}/configs`;

function configBody(names: V3Names, topic: string, entry: TopicConfigEntry): object {
  return {
    kind: 'KafkaTopicConfig',
    metadata: names.metadata(['topics', topic, 'configs', entry.name], { topic, config: entry.name }),
    cluster_id: names.clusterId,
    topic_name: topic,
    name: entry.name,
    value: entry.value,
    is_default: entry.isDefault,
    is_read_only: false,
    is_sensitive: false,
    source: entry.source,
    synonyms: entry.synonyms,
  };
}

const unknownConfig = (name: string, topic: string): HttpError =>
  notFound(404, `Config ${name} cannot be found for Topic ${topic}.`, 'INVALID_CONFIG');

async function listConfigs(exchange: Exchange): Promise<HttpResponse> {
  const topic = param(exchange, 'topic');
  const names = v3Names(exchange);
  const entries = await exchange.services.log.describeConfigs(topic, exchange.call);
  const data = entries.map((entry) => configBody(names, topic, entry));
  const list = v3List('KafkaTopicConfigList', names.url('topics', topic, 'configs'), data);
  return jsonResponse(200, MEDIA.json, list);
}

async function listAllConfigs(exchange: Exchange): Promise<HttpResponse> {
  const { services, call } = exchange;
  const names = v3Names(exchange);
  const data: object[] = [];
  for (const { name } of await services.log.listTopics(call)) {
    const entries = await services.log.describeConfigs(name, call);
    data.push(...entries.map((entry) => configBody(names, name, entry)));
  }
  const list = v3List('KafkaTopicConfigList', names.url('topics', '-', 'configs'), data);
  return jsonResponse(200, MEDIA.json, list);
}

async function getConfig(exchange: Exchange): Promise<HttpResponse> {
  const topic = param(exchange, 'topic');
  const entries = await exchange.services.log.describeConfigs(topic, exchange.call);
  const entry = entries.find(({ name }) => name === param(exchange, 'name'));
  if (entry === undefined) throw unknownConfig(param(exchange, 'name'), topic);
  return jsonResponse(200, MEDIA.json, configBody(v3Names(exchange), topic, entry));
}

async function alter(
  exchange: Exchange,
  alterations: readonly ConfigAlteration[],
  validateOnly: boolean,
): Promise<HttpResponse> {
  const topic = param(exchange, 'topic');
  // A missing topic is reported before a missing config.
  await exchange.services.log.describeTopic(topic, exchange.call);
  const unknown = alterations.find(({ name }) => !isTopicConfigName(name));
  if (unknown !== undefined) throw unknownConfig(unknown.name, topic);
  await exchange.services.log.alterConfigs(topic, alterations, { validateOnly }, exchange.call);
  return emptyResponse(204);
}

function putConfig(exchange: Exchange): Promise<HttpResponse> {
  const { value } = v3Body(exchange, ConfigValue);
  return alter(exchange, [{ name: param(exchange, 'name'), value: value ?? undefined }], false);
}

const resetConfig = (exchange: Exchange): Promise<HttpResponse> =>
  alter(exchange, [{ name: param(exchange, 'name'), value: undefined }], false);

function alterConfigs(exchange: Exchange): Promise<HttpResponse> {
  const body = v3Body(exchange, ConfigsAlter);
  const alterations = body.data.map(({ name, value, operation }) => {
    if (operation === 'DELETE') return { name, value: undefined };
    if (value === null || value === undefined) {
      throw new HttpError(
        { status: 422, restCode: 42206, kafkaError: 'INVALID_CONFIG' },
        `${name} has no value`,
      );
    }
    return { name, value };
  });
  const names = new Set(alterations.map(({ name }) => name));
  if (names.size < alterations.length) {
    throw new HttpError(
      { status: 400, restCode: 40002, kafkaError: 'INVALID_REQUEST' },
      'A config is named twice',
    );
  }
  return alter(exchange, alterations, body.validate_only === true);
}

const admin = { group: 'admin', api: 'v3' } as const;
const done = { 204: { description: 'Done.' } } as const;
const list = {
  200: { description: 'The configs, defaults included.', content: { [MEDIA.json]: ConfigList } },
};

export const v3ConfigRoutes: readonly Route[] = [
  {
    ...admin,
    method: 'GET',
    path: CONFIGS,
    doc: { operationId: 'listTopicConfigs', summary: 'All configs of a topic.', responses: list },
    handle: listConfigs,
  },
  {
    ...admin,
    method: 'GET',
    path: '/clusters/{cluster}/topics/-/configs',
    doc: { operationId: 'listAllTopicConfigs', summary: 'All configs of all topics.', responses: list },
    handle: listAllConfigs,
  },
  {
    ...admin,
    method: 'GET',
    path: `${CONFIGS}/{name}`,
    doc: {
      operationId: 'getTopicConfig',
      summary: 'One config of a topic.',
      responses: { 200: { description: 'The config.', content: { [MEDIA.json]: Config } } },
    },
    handle: getConfig,
  },
  {
    ...admin,
    method: 'PUT',
    path: `${CONFIGS}/{name}`,
    doc: {
      operationId: 'setTopicConfig',
      summary: 'Sets one config; null resets it.',
      body: { [MEDIA.json]: ConfigValue },
      responses: done,
    },
    handle: putConfig,
  },
  {
    ...admin,
    method: 'DELETE',
    path: `${CONFIGS}/{name}`,
    doc: { operationId: 'resetTopicConfig', summary: 'Back to the default.', responses: done },
    handle: resetConfig,
  },
  {
    ...admin,
    method: 'POST',
    path: `${TOPIC}/configs:alter`,
    doc: {
      operationId: 'alterTopicConfigs',
      summary: 'Sets and resets several configs, all or none.',
      body: { [MEDIA.json]: ConfigsAlter },
      responses: done,
    },
    handle: alterConfigs,
  },
];
