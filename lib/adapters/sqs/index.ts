export { type SqsSenderOptions, sqsClient, sqsSender } from './sender.ts';
