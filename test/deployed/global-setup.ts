import type { TestProject } from 'vitest/node';
import { bootstrapEmulator, deployToEmulator, type Emulator, emulatorApiUrl } from '../../infra/emulator.ts';
import { startMinistack } from '../tools/ministack.ts';
import { PUSHED, ROOT, type Stack } from './support/deployed.ts';
import { startIssuer } from './support/issuer.ts';

const AUDIENCE = 'millrace-test';

/**
 * One emulator for all files, with signatures, policies and TLS in force; the stack as it would be deployed to AWS, and
 * a second one that lets in tokens. Both stay until the last test has run.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const ministack = await startMinistack({ auth: true, tls: true });
  const issuer = await startIssuer();
  const teardown = async (): Promise<void> => {
    await issuer.close();
    await ministack.stop();
  };
  try {
    const { endpoint, caFile = '' } = ministack;
    const emulator: Emulator = {
      endpoint,
      region: 'us-east-1',
      accessKeyId: ROOT.accessKeyId,
      secretAccessKey: ROOT.secretAccessKey,
      environment: { NODE_EXTRA_CA_CERTS: caFile, AWS_CA_BUNDLE: caFile },
    };
    const deploy = async (stackName: string, context: Record<string, string>): Promise<Stack> => {
      const outputs = await deployToEmulator(emulator, { stackName, context, onLine: () => undefined });
      return { outputs, url: emulatorApiUrl(endpoint, outputs.ApiId ?? '') };
    };
    await bootstrapEmulator(emulator, () => undefined);
    project.provide('deployment', {
      endpoint,
      region: emulator.region,
      caFile,
      stack: await deploy('Millrace', { planMinutes: '1', push: JSON.stringify([PUSHED]) }),
      jwt: {
        stack: await deploy('MillraceTokens', { auth: 'jwt', jwtIssuer: issuer.url, jwtAudience: AUDIENCE }),
        issuer: issuer.url,
        audience: AUDIENCE,
        keyId: issuer.keyId,
        privateKey: issuer.privateKey,
        publicKey: issuer.publicKey,
      },
    });
    return teardown;
  } catch (error) {
    await teardown();
    throw error;
  }
}
