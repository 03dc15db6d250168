import type { CatalogueText } from './catalogue.ts'

/** Amazon Linux 2023, x86_64. Names and forms are the distribution's; versions and advisories are made up in its patterns. */
export const AMAZON_LINUX_2023: CatalogueText = {
  family: 'rpm',
  arch: 'x86_64',
  kernel: 'kernel',
  kernelDaysBefore: 60,
  installed: `
    amazon-ssm-agent 0:3.3.1345.0-1.amzn2023
    audit-libs 0:3.0.6-1.amzn2023.0.2
    bash 0:5.2.15-1.amzn2023.0.2
    bind-libs 32:9.18.28-1.amzn2023.0.1
    bind-license.noarch 32:9.18.28-1.amzn2023.0.1
    bind-utils 32:9.18.28-1.amzn2023.0.1
    ca-certificates.noarch 0:2023.2.68-1.0.amzn2023.0.1
    chrony 0:4.3-1.amzn2023.0.4
    cloud-init.noarch 0:22.2.2-1.amzn2023.1.12
    coreutils 0:8.32-30.amzn2023.0.3
    curl-minimal 0:8.3.0-1.amzn2023.0.2
    dbus 1:1.12.28-1.amzn2023.0.1
    dbus-libs 1:1.12.28-1.amzn2023.0.1
    dnf.noarch 0:4.14.0-1.amzn2023.0.5
    expat 0:2.6.3-1.amzn2023.0.1
    glib2 0:2.74.7-689.amzn2023.0.2
    glibc 0:2.34-52.amzn2023.0.11
    glibc-common 0:2.34-52.amzn2023.0.11
    glibc-minimal-langpack 0:2.34-52.amzn2023.0.11
    gnutls 0:3.8.0-376.amzn2023.0.2
    kernel 0:6.1.119-129.201.amzn2023
    kernel-debug 0:6.1.119-129.201.amzn2023
    kernel-tools 0:6.1.119-129.201.amzn2023
    krb5-libs 0:1.21.3-1.amzn2023.0.1
    less 0:608-2.amzn2023.0.2
    libarchive 0:3.5.3-2.amzn2023.0.2
    libcurl-minimal 0:8.3.0-1.amzn2023.0.2
    libgcc 0:11.4.1-2.amzn2023.0.2
    libxml2 0:2.10.4-1.amzn2023.0.6
    ncurses-libs 0:6.2-4.20200222.amzn2023.0.6
    nginx 1:1.26.2-1.amzn2023.0.1
    nginx-core 1:1.26.2-1.amzn2023.0.1
    openssh 0:8.7p1-8.amzn2023.0.11
    openssh-clients 0:8.7p1-8.amzn2023.0.11
    openssh-server 0:8.7p1-8.amzn2023.0.11
    openssl 1:3.0.8-1.amzn2023.0.14
    openssl-libs 1:3.0.8-1.amzn2023.0.14
    pam 0:1.5.1-8.amzn2023.0.4
    python3 0:3.9.16-1.amzn2023.0.9
    python3-libs 0:3.9.16-1.amzn2023.0.9
    python3-requests.noarch 0:2.25.1-1.amzn2023.0.3
    python3-urllib3.noarch 0:1.25.10-5.amzn2023.0.2
    rpm 0:4.16.1.3-29.amzn2023.0.6
    rsync 0:3.2.6-1.amzn2023.0.3
    sqlite-libs 0:3.40.0-1.amzn2023.0.4
    sudo 0:1.9.15-1.p5.amzn2023.0.1
    systemd 0:252.23-2.amzn2023
    systemd-libs 0:252.23-2.amzn2023
    systemd-udev 0:252.23-2.amzn2023
    tzdata.noarch 0:2024b-1.amzn2023.0.1
    vim-minimal 2:9.1.785-1.amzn2023.0.1
    xz-libs 0:5.2.5-9.amzn2023.0.1
    zlib 0:1.2.11-33.amzn2023.0.5
  `,
  advisories: `
    ALAS2023LIVEPATCH-2025-231 | Newpackage | None | 60 | | kernel-livepatch-6.1.119-129.201 0:1.0-0.amzn2023
    ALAS2023LIVEPATCH-2025-244 | Security | Important | 32 | CVE-2025-21756 | kernel-livepatch-6.1.119-129.201 0:1.0-1.amzn2023
    ALAS2023LIVEPATCH-2025-252 | Security | Important | 13 | CVE-2025-37797 CVE-2025-37890 | kernel-livepatch-6.1.119-129.201 0:1.0-2.amzn2023
    ALAS2023LIVEPATCH-2025-253 | Newpackage | None | 14 | | kernel-livepatch-6.1.134-150.224 0:1.0-0.amzn2023
    ALAS2023LIVEPATCH-2025-260 | Security | Important | 3 | CVE-2025-38001 | kernel-livepatch-6.1.134-150.224 0:1.0-1.amzn2023
    ALAS2023-2025-1281 | Security | Important | 44 | CVE-2025-30112 CVE-2025-30119 | glibc glibc-common glibc-minimal-langpack 0:2.34-117.amzn2023.0.1
    ALAS2023-2025-1284 | Security | Medium | 41 | CVE-2025-28841 | krb5-libs 0:1.21.3-1.amzn2023.0.3
    ALAS2023-2025-1290 | Bugfix | None | 40 | | tzdata.noarch 0:2025b-1.amzn2023.0.1
    ALAS2023-2025-1296 | Security | Important | 36 | CVE-2025-31498 | systemd systemd-libs systemd-udev 0:252.23-3.amzn2023
    ALAS2023-2025-1299 | Security | Low | 35 | CVE-2025-29768 | vim-minimal 2:9.1.1202-1.amzn2023.0.1
    ALAS2023-2025-1303 | Security | Important | 31 | CVE-2025-32414 CVE-2025-32415 | libxml2 0:2.10.4-1.amzn2023.0.9
    ALAS2023-2025-1308 | Bugfix | None | 28 | | ca-certificates.noarch 0:2025.2.76-1.0.amzn2023.0.1
    ALAS2023-2025-1311 | Security | Medium | 26 | CVE-2025-27113 | zlib 0:1.2.11-33.amzn2023.0.6
    ALAS2023-2025-1314 | Security | Important | 24 | CVE-2025-22868 | expat 0:2.6.3-1.amzn2023.0.3
    ALAS2023-2025-1317 | Security | Important | 22 | CVE-2025-12084 | rsync 0:3.4.0-1.amzn2023.0.1
    ALAS2023-2025-1320 | Security | Important | 20 | CVE-2025-0725 CVE-2025-0665 | curl-minimal libcurl-minimal 0:8.5.0-1.amzn2023.0.4
    ALAS2023-2025-1322 | Security | Medium | 19 | CVE-2025-24528 | libarchive 0:3.7.4-1.amzn2023.0.1
    ALAS2023-2025-1325 | Bugfix | None | 18 | | amazon-ssm-agent 0:3.3.1611.0-1.amzn2023
    ALAS2023-2025-1327 | Security | Medium | 17 | CVE-2025-47273 | python3-requests.noarch 0:2.25.1-1.amzn2023.0.5
    ALAS2023-2025-1328 | Bugfix | None | 17 | | python3-urllib3.noarch 0:1.25.10-5.amzn2023.0.5
    ALAS2023-2025-1330 | Security | Important | 15 | CVE-2025-4516 CVE-2025-4517 | python3 python3-libs 0:3.9.16-1.amzn2023.0.12
    ALAS2023-2025-1332 | Security | Important | 14 | CVE-2025-37797 CVE-2025-37890 CVE-2025-38001 | kernel kernel-tools 0:6.1.134-150.224.amzn2023
    ALAS2023-2025-1332 | Security | Important | 14 | CVE-2025-37797 CVE-2025-37890 CVE-2025-38001 | kernel-debug 0:6.1.134-150.224.amzn2023
    ALAS2023-2025-1335 | Security | Important | 12 | CVE-2025-26465 CVE-2025-26466 | openssh openssh-clients openssh-server 0:8.7p1-8.amzn2023.0.15
    ALAS2023-2025-1337 | Security | Medium | 11 | CVE-2025-40780 | bind-libs bind-license.noarch bind-utils 32:9.18.33-1.amzn2023.0.2
    ALAS2023-2025-1339 | Security | Critical | 9 | CVE-2025-15467 CVE-2025-69419 | openssl openssl-libs 1:3.0.8-1.amzn2023.0.18
    ALAS2023-2025-1341 | Security | Important | 8 | CVE-2025-53859 | nginx nginx-core 1:1.28.0-1.amzn2023.0.1
    ALAS2023-2025-1343 | Security | Moderate | 7 | CVE-2025-6965 | sqlite-libs 0:3.40.0-1.amzn2023.0.6
    ALAS2023-2025-1345 | Security | Important | 5 | CVE-2025-6020 | pam 0:1.5.1-8.amzn2023.0.6
    ALAS2023-2025-1347 | Newpackage | None | 50 | | kpatch-dnf.noarch kpatch-runtime.noarch 0:0.9.7-3.amzn2023
    ALAS2023-2025-1348 | Bugfix | None | 4 | | dnf.noarch 0:4.14.0-1.amzn2023.0.6
    ALAS2023-2025-1350 | Security | Important | 1 | CVE-2025-14017 | curl-minimal libcurl-minimal 0:8.11.1-4.amzn2023.0.3
    ALAS2023-2025-1351 | Security | Important | 2 | CVE-2025-13601 | glib2 0:2.74.7-689.amzn2023.0.4
    ALAS2023-2025-1352 | Security | Medium | 1 | CVE-2026-1234 | sudo 0:1.9.15-1.p5.amzn2023.0.3
    ALAS2023-2026-1355 | Security | Important | -2 | CVE-2026-1401 | gnutls 0:3.8.3-6.amzn2023.0.1
  `,
  needs: `
    python3-requests.noarch 0:2.25.1-1.amzn2023.0.5 python3-urllib3.noarch 0:1.25.10-5.amzn2023.0.5
  `,
}
