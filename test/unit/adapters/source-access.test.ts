import { describe, expect, it } from 'vitest';
import { refuseReplicas } from '../../../lib/adapters/dynamodb/index.ts';
import { readParameter } from '../../../lib/adapters/ssm/index.ts';
import { assumedRole } from '../../../lib/adapters/sts/index.ts';

const answering = <T>(answer: T | Error): { readonly send: () => Promise<T> } => ({
  send: async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  },
});
const refusal = (status: number, name = 'AccessDenied'): Error =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
const broken = new Error('socket hang up');

describe('the role of another region', () => {
  const role = (answer: object | Error) =>
    assumedRole({ client: answering(answer), roleArn: 'arn:aws:iam::1:role/r', sessionName: 's' });

  it('comes as credentials that end', async () => {
    const Expiration = new Date(1);
    const Credentials = { AccessKeyId: 'a', SecretAccessKey: 'b', SessionToken: 'c', Expiration };
    expect(await role({ Credentials })()).toEqual({
      accessKeyId: 'a',
      secretAccessKey: 'b',
      sessionToken: 'c',
      expiration: Expiration,
    });
  });

  it.each([
    ['refused', refusal(403)],
    ['interrupted', refusal(400, 'Throttling')],
    ['interrupted', refusal(500)],
    ['interrupted', broken],
    ['refused', {}],
  ])('that does not come is a fault of storage: %s', async (kind, answer) => {
    await expect(role(answer)()).rejects.toMatchObject({
      name: 'StorageFault',
      kind,
      mayHaveHappened: false,
    });
  });
});

describe('the parameter that tells where a log lies', () => {
  it('is read as it is', async () => {
    const client = answering({ Parameter: { Value: '{}' } });
    expect(await readParameter({ client, name: '/p' })).toBe('{}');
  });

  it.each([
    ['refused', refusal(400, 'ParameterNotFound')],
    ['interrupted', broken],
    ['refused', { Parameter: {} }],
  ])('that cannot be read is a fault of storage: %s', async (kind, answer) => {
    await expect(readParameter({ client: answering(answer), name: '/p' })).rejects.toMatchObject({
      name: 'StorageFault',
      kind,
    });
  });
});

describe("DynamoDB's global tables", () => {
  it('are refused, because their replicas judge conditions each for itself', async () => {
    const replicated = answering({ Table: { Replicas: [{ RegionName: 'eu-central-1' }] } });
    await expect(refuseReplicas(replicated, ['hot'])).rejects.toMatchObject({
      kind: 'refused',
      message: 'hot has replicas in other regions: a log cannot live in a global table',
    });
  });

  it('are no others: tables without replicas pass, and what cannot be told is no answer', async () => {
    await refuseReplicas(answering({ Table: { Replicas: [] } }), ['hot']);
    await refuseReplicas(answering({ Table: {} }), ['hot', 'catalog']);
    await expect(refuseReplicas(answering<Record<string, never>>(broken), ['hot'])).rejects.toMatchObject({
      kind: 'interrupted',
    });
  });
});
