import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sandboxHandler } from '../../src/sandbox/handler.ts'
import { serveSandbox, type ServedSandbox } from '../../src/sandbox/http.ts'
import { createSandbox } from '../../src/sandbox/sandbox.ts'
import { VirtualClock } from '../../src/adapters/system/virtual-clock.ts'
import { Buckets } from '../../src/sandbox/services/s3.ts'
import { readS3 } from '../../src/sandbox/wire/s3.ts'
import { ESTATE } from './estate.ts'
import { nameOf, operatorOf, START, STAGING } from './front.ts'

let served: ServedSandbox
beforeAll(async () => {
  served = await serveSandbox({ fleet: ESTATE })
})
afterAll(() => served.close())

const config = { region: 'us-east-1', credentials: operatorOf(STAGING), maxAttempts: 1 }
const inProcess = (): S3Client => {
  const sandbox = createSandbox({ clock: new VirtualClock(START), fleet: ESTATE })
  return new S3Client({ ...config, requestHandler: sandboxHandler(sandbox) })
}

describe.each<readonly [string, () => S3Client]>([
  ['in process, the bucket in the host’s name', inProcess],
  ['over HTTP, the bucket in the path', () => new S3Client({ ...config, endpoint: served.endpoint, forcePathStyle: true })],
])('S3 %s', (_, open) => {
  it('keeps bytes, their type and their tag', async () => {
    const s3 = open()
    const Body = new Uint8Array([0, 255, 10, 13])
    const put = await s3.send(new PutObjectCommand({ Bucket: 'lists', Key: 'a/b c/ü?.bin', Body, ContentType: 'application/x-test' }))
    const got = await s3.send(new GetObjectCommand({ Bucket: 'lists', Key: 'a/b c/ü?.bin' }))
    expect([await got.Body?.transformToByteArray(), got.ContentType, got.ETag]).toEqual([Body, 'application/x-test', put.ETag])
    expect((await s3.send(new HeadObjectCommand({ Bucket: 'lists', Key: 'a/b c/ü?.bin' }))).ETag).toBe(put.ETag)
  })

  it.each<readonly [string, (s3: S3Client) => Promise<unknown>]>([
    ['NoSuchBucket', (s3) => s3.send(new PutObjectCommand({ Bucket: 'none', Key: 'k', Body: 'x' }))],
    ['AccessDenied', (s3) => s3.send(new GetObjectCommand({ Bucket: 'lists', Key: 'none' }))],
    ['KeyTooLongError', (s3) => s3.send(new PutObjectCommand({ Bucket: 'lists', Key: 'k'.repeat(1_025), Body: 'x' }))],
    ['NotImplemented', (s3) => s3.send(new DeleteObjectCommand({ Bucket: 'lists', Key: 'k' }))],
  ])('answers %s', async (name, work) => {
    expect(await nameOf(work(open()))).toBe(name)
  })
})

describe('S3’s addresses', () => {
  const LOCAL = '127.0.0.1:4566'
  const read = (method: string, path: string, host: string): string => {
    try {
      const { operation, input } = readS3({ method, path, headers: { host }, body: '' })
      return `${operation} ${String(input['Bucket'])} ${String(input['Key'])}`
    } catch (error) {
      return String(Reflect.get(Object(error), 'code'))
    }
  }
  it.each<readonly [string, string, string, string]>([
    ['GET', '/lists/a/b', 'GetObject lists a/b', LOCAL],
    ['GET', '/a/b', 'GetObject lists a/b', 'lists.s3.us-east-1.amazonaws.com'],
    ['GET', '/a', 'GetObject my.lists a', 'my.lists.s3-eu-west-1.amazonaws.com'],
    ['PUT', '/lists/a%20b?x-id=PutObject', 'PutObject lists a b', LOCAL],
    ['HEAD', '/lists', 'HeadBucket lists undefined', LOCAL],
    ['GET', '/lists/a?acl', 'NotImplemented', LOCAL],
    ['GET', '/lists', 'NotImplemented', LOCAL],
    ['GET', '/', 'NotImplemented', LOCAL],
    ['GET', '/lists/%E0%A4', 'InvalidURI', LOCAL],
  ])('%s %s', (method, path, wanted, host) => {
    expect(read(method, path, host)).toBe(wanted)
  })
})

describe('buckets', () => {
  it('are read by nodes as text', () => {
    const buckets = new Buckets(['lists'])
    const { operation, input } = readS3({ method: 'PUT', path: '/lists/k', headers: {}, body: 'ä' })
    void buckets.operations()[operation]?.(input, { account: STAGING, region: 'us-east-1', arn: 'a', accessKey: 'k' })
    expect([buckets.read('lists', 'k'), buckets.read('lists', 'none'), buckets.read('none', 'k')]).toEqual(['ä', undefined, undefined])
  })

  it('a record shows how long an object is, never what it says', () => {
    const { input } = readS3({ method: 'PUT', path: '/lists/k', headers: {}, body: 'hidden' })
    expect(JSON.stringify(input)).toContain('{"bytes":6}')
  })
})
