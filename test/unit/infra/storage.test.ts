import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { stackTemplate } from './stack-template.ts';

const template = stackTemplate();
const tables = Object.entries(template.findResources('AWS::DynamoDB::Table'));

describe('storage', () => {
  it('keeps its logical ids: another id would be another, empty table', () => {
    const ids = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket'].flatMap((type) =>
      Object.keys(template.findResources(type)),
    );
    expect(ids).toEqual(['StorageHotBD6249BC', 'StorageCatalogBA94E8E8', 'StorageBucket5CB7C8EA']);
  });

  it.each([
    ['StorageHotBD6249BC', 'N'],
    ['StorageCatalogBA94E8E8', 'S'],
  ])('%s is keyed by a string and a sort key of type %s', (id, type) => {
    const table = template.findResources('AWS::DynamoDB::Table')[id];
    expect(table?.Properties).toMatchObject({
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: type },
      ],
    });
  });

  it.each(tables)('%s is paid by request, expires by x, and survives mistakes', (_, table) => {
    expect(table.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'x', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    });
    expect(table).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  });

  it('has tables without replicas: conditions there are judged per region', () => {
    template.resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
  });

  it('has one bucket: private, encrypted, kept, and without remains of broken uploads', () => {
    template.resourceCountIs('AWS::S3::Bucket', 1);
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        LifecycleConfiguration: {
          Rules: [
            {
              Id: 'abandoned-uploads',
              Status: 'Enabled',
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
            },
          ],
        },
      },
    });
  });

  it('has a lifecycle that never expires an object: only the engine knows what is still referred to', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: { Rules: Match.not(Match.arrayWith([{ ExpirationInDays: Match.anyValue() }])) },
    });
  });

  it.each([
    ['plain HTTP', { Bool: { 'aws:SecureTransport': 'false' } }],
    ['old TLS', { NumericLessThan: { 's3:TlsVersion': 1.2 } }],
  ])('refuses %s to the bucket, for everybody', (_, condition) => {
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Action: 's3:*',
            Principal: { AWS: '*' },
            Condition: condition,
          }),
        ]),
      },
    });
  });
});
