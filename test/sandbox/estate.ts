import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { S3Client } from '@aws-sdk/client-s3'
import type { FleetFile } from '../../src/sandbox/fleet-file.ts'
import { parseFleet } from '../../src/sandbox/fleet-file.ts'
import type { sandboxHandler } from '../../src/sandbox/handler.ts'
import { operatorOf, STAGING } from './front.ts'

/** Three nodes of a group behind a balancer, one Debian beside them, and a bucket. */
export const ESTATE: FleetFile = parseFleet(
  `apiVersion: patchwave/v1
kind: Fleet
seed: 7
groups:
  - account: staging
    region: us-east-1
    count: 3
    platform: amazon-linux-2023
    dataVolumes: 2
    targetGroups: [{ name: web, port: 8080, drain: 2m }, { name: admin, port: 81 }]
    autoScaling: { name: web, min: 1 }
  - { account: staging, region: us-east-1, count: 1, platform: debian }
buckets: [lists]
`,
  'estate.yaml',
)

type Transport = Readonly<{ requestHandler?: ReturnType<typeof sandboxHandler>; endpoint?: string }>

/** SDK clients of the services that stand around instances, of one account. They never retry. */
export function estateClients(transport: Transport, account = STAGING) {
  const config = { region: 'us-east-1', credentials: operatorOf(account), maxAttempts: 1, ...transport }
  return {
    elb: new ElasticLoadBalancingV2Client(config),
    scaling: new AutoScalingClient(config),
    s3: new S3Client({ ...config, forcePathStyle: transport.endpoint !== undefined }),
  }
}
