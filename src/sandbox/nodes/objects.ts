/** Where nodes read S3 objects from. Undefined: there is no such object. */
export interface ObjectStore {
  read(bucket: string, key: string): string | undefined
}

/** The bucket and key that a URL of Patch Manager's documents names: `s3://bucket/key`, or S3's https forms; undefined: something else. */
export function objectOf(url: string): Readonly<{ bucket: string; key: string }> | undefined {
  const forms = [
    /^s3:\/\/([^/]+)\/(.+)$/,
    /^https:\/\/s3[.-][a-z0-9-]+\.amazonaws\.com\/([^/?]+)\/([^?]+)/,
    /^https:\/\/s3\.amazonaws\.com\/([^/?]+)\/([^?]+)/,
    /^https:\/\/([a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com\/([^?]+)/,
  ]
  for (const form of forms) {
    const [, bucket, key] = form.exec(url) ?? []
    if (bucket !== undefined && key !== undefined) return { bucket, key }
  }
  return undefined
}
