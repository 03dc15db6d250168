import { GetObjectCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { userKey } from '../../../src/sandbox/callers.ts'
import { sandboxHandler } from '../../../src/sandbox/handler.ts'
import { nameOf } from '../../sandbox/front.ts'
import { apiFaults, CONTROL, EstateStage, failureOf, signal, STAGING } from './estate.ts'

/** S3's own client, as a node or a person would have it; in process, where the bucket is a part of the host's name. */
const s3Of = (stage: EstateStage, account: string): S3Client =>
  new S3Client({
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: userKey(account, 'operator'), secretAccessKey: 'x' },
    requestHandler: sandboxHandler(stage.sandbox),
  })

describe('objects', () => {
  it('are written as they are, and the same again', async () => {
    const stage = new EstateStage()
    const text = '# ä <&>\r\nall: true\n'
    for (let n = 0; n < 2; n += 1) await stage.do((aws) => aws.objects.put(STAGING, 'lists', 'runs/ä b+c/1.yaml', text, signal))
    const answer = await s3Of(stage, STAGING.account).send(new GetObjectCommand({ Bucket: 'lists', Key: 'runs/ä b+c/1.yaml' }))
    expect([await answer.Body?.transformToString(), answer.ContentType]).toEqual([text, 'text/yaml'])
  })

  it('a bucket that is not there is missing; no error shows the text', async () => {
    const stage = new EstateStage()
    const work = stage.do((aws) => aws.objects.put(CONTROL, 'none', 'k', 'hidden text', signal))
    expect(await failureOf(work)).toBe('aws.missing NoSuchBucket')
    expect(await work.catch((error: unknown) => String(error))).not.toContain('hidden')
  })

  it('what may have been done is done again', async () => {
    const stage = new EstateStage(apiFaults('failedAfterEffect: 50%, throttled: 20%'))
    await stage.do((aws) => aws.objects.put(CONTROL, 'lists', 'k', 'x', signal))
    stage.sandbox.setFaults(null)
    expect(
      await (await s3Of(stage, CONTROL.account).send(new GetObjectCommand({ Bucket: 'lists', Key: 'k' }))).Body?.transformToString(),
    ).toBe('x')
  })

  it('a missing key is told to who may list the bucket alone', async () => {
    const stage = new EstateStage()
    const get = (account: string, Bucket: string): Promise<string> =>
      nameOf(s3Of(stage, account).send(new GetObjectCommand({ Bucket, Key: 'none' })))
    expect([await get(CONTROL.account, 'lists'), await get(STAGING.account, 'lists'), await get(STAGING.account, 'none')]).toEqual([
      'NoSuchKey',
      'AccessDenied',
      'NoSuchBucket',
    ])
  })

  it('tells whether a bucket is there', async () => {
    const s3 = s3Of(new EstateStage(), CONTROL.account)
    const head = (Bucket: string): Promise<string> => nameOf(s3.send(new HeadBucketCommand({ Bucket })))
    expect([await head('lists'), await head('none')]).toEqual(['no error', 'NotFound'])
  })
})
