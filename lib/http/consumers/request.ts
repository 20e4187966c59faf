import { unprocessable } from '../http-error.ts';
import { checkShape, readJson } from '../json-body.ts';
import { jsonCharset } from '../media-type.ts';
import { badQuery } from '../number-param.ts';
import type { Exchange } from '../route.ts';
import type { Schema } from '../schemas/common.ts';
import type { PlaceBody } from '../schemas/consumers.ts';

/** The JSON body of a v2 request; undefined if it is empty. 415, 400, 422. */
export function optionalBody<T>({ request }: Exchange, schema: Schema<T>): T | undefined {
  const charset = jsonCharset(request.headers['content-type'], request.body);
  return request.body.length === 0 ? undefined : checkShape(schema, readJson(request.body, charset));
}

/** 422 if it is empty. */
export function requiredBody<T>(exchange: Exchange, schema: Schema<T>): T {
  const body = optionalBody(exchange, schema);
  if (body === undefined) throw unprocessable('The body is empty');
  return body;
}

/** `?partitions=orders:0,orders:1`, for clients whose GET carries no body; undefined if it is missing. 400. */
export function placesQuery(query: URLSearchParams): readonly PlaceBody[] | undefined {
  const text = query.get('partitions');
  if (text === null) return undefined;
  return text.split(',').map((place) => {
    const [, topic, partition] = /^([^:]+):(\d{1,9})$/.exec(place.trim()) ?? [];
    if (topic === undefined || partition === undefined) {
      throw badQuery('partitions must be places such as orders:0, with commas between them');
    }
    return { topic, partition: Number(partition) };
  });
}
