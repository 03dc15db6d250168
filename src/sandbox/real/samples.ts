/** Why a version was published, as advisories tell it. */
export type Advisory = Readonly<{
  id: string
  kind: 'security' | 'bugfix' | 'enhancement'
  severity: 'Critical' | 'Important' | 'Moderate' | 'Low'
  cves: readonly string[]
  releasedAt: string
}>

/** What a package puts on the disk: a text, or that many bytes of zeros. */
export type SampleFile = Readonly<{ path: string; text?: string; zeroBytes?: number; executable?: boolean; config?: boolean }>

/** One version of a sample package. */
export type SampleVersion = Readonly<{
  epoch: number
  version: string
  release: string
  /** Null: the version that nodes begin with. */
  advisory: Advisory | null
  files: readonly SampleFile[]
  /** Package relations in words that both families understand: a name, or a name with `>= version-release`. */
  requires?: readonly string[]
  conflicts?: readonly string[]
  /** Shell, run as root by the package manager. */
  before?: string
  after?: string
  beforeRemoval?: string
  /** In no index: the repository has forgotten it. */
  forgotten?: boolean
  /** The index names another checksum than the file has. */
  corrupt?: boolean
}>

/** A package that is made to do one thing. */
export type Sample = Readonly<{ name: string; native: boolean; does: string; versions: readonly SampleVersion[] }>

/** Where a sample says which version of it works. */
const stamp = (name: string, version: string): SampleFile => ({ path: `/usr/share/${name}/version`, text: `${version}\n` })

/** The health script of sample-breaks-health, for a script check. */
export const HEALTH_SCRIPT = '/usr/libexec/sample-breaks-health/healthy'

/** How long the slow sample's script sleeps, unless /etc/sample-slow says otherwise. */
const SLOW_SECONDS = 3

/** Bytes that the huge sample unpacks to. */
export const HUGE_BYTES = 50 * 1_024 * 1_024

type Extra = Omit<Partial<SampleVersion>, 'epoch' | 'version' | 'release' | 'advisory' | 'files'> &
  Readonly<{ files?: readonly SampleFile[] }>

let advisories = 0

function advisory(kind: Advisory['kind'], severity: Advisory['severity']): Advisory {
  advisories += 1
  const number = String(advisories).padStart(4, '0')
  const cves = kind === 'security' ? [`CVE-2099-${number}`, `CVE-2099-1${number}`] : []
  return { id: `SAMPLE-2026-${number}`, kind, severity, cves, releasedAt: '2026-06-02 12:00:00' }
}

/** A sample with the version that nodes begin with and the newer one, which does it. */
function sample(
  name: string,
  does: string,
  newer: Extra,
  options: Readonly<{ severity?: Advisory['severity']; older?: Extra }> = {},
): Sample {
  const version = (text: string, found: Advisory | null, extra: Extra): SampleVersion => ({
    epoch: 0,
    version: text,
    release: '1',
    advisory: found,
    ...extra,
    files: [stamp(name, `${text}-1`), ...(extra.files ?? [])],
  })
  const newest = version('1.1', advisory('security', options.severity ?? 'Important'), newer)
  return { name, native: false, does, versions: [version('1.0', null, options.older ?? {}), newest] }
}

const health = (exit: number): SampleFile => ({ path: HEALTH_SCRIPT, text: `#!/bin/sh\nexit ${String(exit)}\n`, executable: true })

/** A version between the one that nodes have and the newest: what is exact must not become what is newest. */
const good = sample('sample-good', 'installs and works', {})
const middle: SampleVersion = {
  epoch: 0,
  version: '1.0.5',
  release: '2',
  advisory: advisory('bugfix', 'Low'),
  files: [stamp('sample-good', '1.0.5-2')],
}

/**
 * The packages of the local repositories. Nodes begin with the first version of each but of sample-newcomer; all newer ones wait in the
 * repository.
 */
export const SAMPLES: readonly Sample[] = [
  { ...good, versions: [...good.versions.slice(0, 1), middle, ...good.versions.slice(1)] },
  { ...sample('sample-library', 'is compiled for one architecture', {}, { severity: 'Critical' }), native: true },
  sample(
    'sample-breaks-health',
    'installs, and its health script fails from then on',
    { files: [health(1)] },
    { older: { files: [health(0)] } },
  ),
  sample('sample-failing-postinst', 'fails after it was unpacked', { after: 'echo "sample-failing-postinst: no" >&2\nexit 1' }),
  sample('sample-failing-preinst', 'fails before it is unpacked', { before: 'echo "sample-failing-preinst: no" >&2\nexit 1' }),
  sample('sample-failing-prerm', 'cannot be replaced once it is there', { beforeRemoval: 'exit 1' }),
  sample('sample-wants-reboot', 'asks for a reboot as distributions do', {
    after: 'touch /run/reboot-required\necho sample-wants-reboot >>/run/reboot-required.pkgs',
  }),
  sample('sample-conflicting', 'cannot stand beside sample-good', { conflicts: ['sample-good'] }),
  sample('sample-dependency', 'needs a package that is not installed', { requires: ['sample-newcomer'] }),
  sample('sample-needs-newer', 'needs a newer version of another package', { requires: ['sample-library >= 1.1-1'] }),
  sample('sample-unmet', 'needs a package that does not exist', { requires: ['sample-nowhere'] }),
  sample('sample-huge', 'unpacks to 50 MB', { files: [{ path: '/usr/share/sample-huge/zeros', zeroBytes: HUGE_BYTES }] }),
  sample('sample-slow', 'takes its time', {
    after: `sleep "$(cat /etc/sample-slow 2>/dev/null || echo ${String(SLOW_SECONDS)})"`,
  }),
  sample('sample-loud', 'prints 200 kB and bytes that are no text', {
    after: "i=0\nwhile [ $i -lt 2000 ]; do\n  printf '%099d\\n' $i\n  i=$((i + 1))\ndone\nprintf 'a\\000b\\377\\n'",
  }),
  sample(
    'sample-config',
    'brings a new configuration file',
    { files: [{ path: '/etc/sample-config', text: 'new = yes\n', config: true }] },
    {
      older: { files: [{ path: '/etc/sample-config', text: 'new = no\n', config: true }] },
    },
  ),
  sample('sample-forgotten', 'cannot be rolled back: its old version is in no index', {}, { older: { forgotten: true } }),
  sample('sample-corrupt', 'does not fit its checksum', { corrupt: true }),
  {
    name: 'amazon-ssm-agent',
    native: true,
    does: 'stands for the agent that runs the scripts',
    versions: [
      { epoch: 0, version: '3.3.1345.0', release: '1', advisory: null, files: [stamp('amazon-ssm-agent', '3.3.1345.0-1')] },
      {
        epoch: 0,
        version: '3.3.2299.0',
        release: '1',
        advisory: advisory('security', 'Moderate'),
        files: [stamp('amazon-ssm-agent', '3.3.2299.0-1')],
        after: '[ ! -e /etc/sample-agent ] || sleep "$(cat /etc/sample-agent)"',
      },
    ],
  },
  {
    name: 'sample-epoch',
    native: false,
    does: 'has an epoch, and a version that is older than it looks',
    versions: [
      { epoch: 1, version: '2.0~rc1', release: '1', advisory: null, files: [stamp('sample-epoch', '1:2.0~rc1-1')] },
      { epoch: 1, version: '2.0', release: '1', advisory: advisory('security', 'Moderate'), files: [stamp('sample-epoch', '1:2.0-1')] },
    ],
  },
  {
    name: 'sample-newcomer',
    native: false,
    does: 'is installed on no node',
    versions: [
      { epoch: 0, version: '1.0', release: '1', advisory: advisory('enhancement', 'Low'), files: [stamp('sample-newcomer', '1.0-1')] },
    ],
  },
]

/** With one of these installed a node can never be brought wholly up to date: dnf refuses to resolve all of it, apt keeps packages back. */
export const UNSOLVABLE: readonly string[] = ['sample-conflicting', 'sample-unmet']

/** Whether nodes begin with this package. */
export const isInstalled = ({ versions: [first] }: Sample): boolean => first?.advisory === null

/** The version as its family writes it: Debian's leave an epoch of 0 out. */
export const versionText = ({ epoch, version, release }: SampleVersion, family: 'deb' | 'rpm'): string =>
  `${epoch === 0 && family === 'deb' ? '' : `${String(epoch)}:`}${version}-${release}`
