export { type LambdaInvokerOptions, lambdaClient, lambdaInvoker } from './invoker.ts';
export { type LambdaWakerOptions, lambdaWaker } from './waker.ts';
