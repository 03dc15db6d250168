import type { CatalogueText } from './catalogue.ts'

/** Amazon Linux 2, x86_64. Names and forms are the distribution's; versions and advisories are made up in its patterns. */
export const AMAZON_LINUX_2: CatalogueText = {
  family: 'rpm',
  arch: 'x86_64',
  kernel: 'kernel',
  kernelDaysBefore: 60,
  installed: `
    amazon-ssm-agent 0:3.3.1345.0-1.amzn2
    bash 0:4.2.46-34.amzn2
    bind-libs 32:9.11.4-26.P2.amzn2.13.8
    bind-license.noarch 32:9.11.4-26.P2.amzn2.13.8
    bind-utils 32:9.11.4-26.P2.amzn2.13.8
    ca-certificates.noarch 0:2023.2.68-1.0.amzn2.0.1
    chrony 0:4.2-5.amzn2.0.2
    cloud-init.noarch 0:19.3-46.amzn2.0.4
    coreutils 0:8.22-24.amzn2
    curl 0:8.3.0-1.amzn2.0.7
    dbus 1:1.10.24-7.amzn2.0.4
    dbus-libs 1:1.10.24-7.amzn2.0.4
    expat 0:2.1.0-15.amzn2.0.4
    glib2 0:2.56.1-9.amzn2.0.8
    glibc 0:2.26-64.amzn2.0.2
    glibc-common 0:2.26-64.amzn2.0.2
    glibc-minimal-langpack 0:2.26-64.amzn2.0.2
    gnutls 0:3.3.29-9.amzn2.0.1
    kernel 0:5.10.228-219.884.amzn2
    kernel-debug 0:5.10.228-219.884.amzn2
    kernel-tools 0:5.10.228-219.884.amzn2
    krb5-libs 0:1.15.1-55.amzn2.2.8
    less 0:458-9.amzn2.0.4
    libarchive 0:3.1.2-14.amzn2.0.1
    libcurl 0:8.3.0-1.amzn2.0.7
    libxml2 0:2.9.1-6.amzn2.5.14
    log4j.noarch 0:1.2.17-18.amzn2
    nspr 0:4.35.0-1.amzn2
    nss 0:3.90.0-2.amzn2.0.1
    nss-softokn 0:3.90.0-6.amzn2.0.1
    nss-util 0:3.90.0-1.amzn2.0.1
    openssh 0:7.4p1-22.amzn2.0.9
    openssh-clients 0:7.4p1-22.amzn2.0.9
    openssh-server 0:7.4p1-22.amzn2.0.9
    openssl 1:1.0.2k-24.amzn2.0.14
    openssl-libs 1:1.0.2k-24.amzn2.0.14
    pam 0:1.1.8-23.amzn2.0.1
    python 0:2.7.18-1.amzn2.0.10
    python-libs 0:2.7.18-1.amzn2.0.10
    python3 0:3.7.16-1.amzn2.0.11
    python3-libs 0:3.7.16-1.amzn2.0.11
    rpm 0:4.11.3-48.amzn2.0.4
    rsync 0:3.1.2-11.amzn2.0.4
    sqlite 0:3.7.17-8.amzn2.1.2
    sudo 0:1.8.23-10.amzn2.3.7
    systemd 0:219-78.amzn2.0.22
    systemd-libs 0:219-78.amzn2.0.22
    tzdata.noarch 0:2024b-1.amzn2.0.1
    vim-minimal 2:9.0.2153-1.amzn2.0.1
    xz-libs 0:5.2.2-1.amzn2.0.3
    yum.noarch 0:3.4.3-158.amzn2.0.7
    zlib 0:1.2.7-19.amzn2.0.3
  `,
  advisories: `
    ALAS2-2024-2600 | Newpackage | None | 50 | | yum-plugin-kernel-livepatch.noarch kpatch-runtime.noarch 0:1.0-0.11.amzn2
    ALAS2-2025-3061 | Security | Important | 45 | CVE-2025-30112 CVE-2025-30119 | glibc glibc-common glibc-minimal-langpack 0:2.26-64.amzn2.0.4
    ALAS2-2025-3064 | Security | Medium | 42 | CVE-2025-28841 | krb5-libs 0:1.15.1-55.amzn2.2.10
    ALAS2-2025-3068 | Bugfix | None | 40 | | tzdata.noarch 0:2025b-1.amzn2.0.1
    ALAS2-2025-3072 | Security | Important | 37 | CVE-2025-31498 | systemd systemd-libs 0:219-78.amzn2.0.24
    ALAS2-2025-3075 | Security | Low | 35 | CVE-2025-29768 | vim-minimal 2:9.1.1202-1.amzn2.0.1
    ALAS2-2025-3079 | Security | Important | 30 | CVE-2025-32414 CVE-2025-32415 | libxml2 0:2.9.1-6.amzn2.5.18
    ALAS2-2025-3083 | Security | Critical | 27 | CVE-2025-27151 | nss nss-util nss-softokn 0:3.101.0-1.amzn2
    ALAS2-2025-3083 | Security | Critical | 27 | CVE-2025-27151 | nspr 0:4.36.0-1.amzn2
    ALAS2-2025-3086 | Security | Medium | 25 | CVE-2025-27113 | zlib 0:1.2.7-19.amzn2.0.4
    ALAS2-2025-3089 | Security | Important | 23 | CVE-2025-22868 | expat 0:2.1.0-15.amzn2.0.6
    ALAS2-2025-3092 | Security | Important | 21 | CVE-2025-12084 | rsync 0:3.1.2-11.amzn2.0.6
    ALAS2-2025-3095 | Security | Important | 20 | CVE-2025-0725 CVE-2025-0665 | curl libcurl 0:8.3.0-1.amzn2.0.9
    ALAS2-2025-3098 | Bugfix | None | 18 | | amazon-ssm-agent 0:3.3.1611.0-1.amzn2
    ALAS2-2025-3101 | Security | Important | 16 | CVE-2025-4516 CVE-2025-4517 | python3 python3-libs 0:3.7.16-1.amzn2.0.14
    ALAS2-2025-3104 | Security | Important | 14 | CVE-2025-37797 CVE-2025-37890 | kernel kernel-tools 0:5.10.236-228.935.amzn2
    ALAS2-2025-3104 | Security | Important | 14 | CVE-2025-37797 CVE-2025-37890 | kernel-debug 0:5.10.236-228.935.amzn2
    ALAS2-2025-3107 | Security | Important | 12 | CVE-2025-26465 | openssh openssh-clients openssh-server 0:7.4p1-22.amzn2.0.11
    ALAS2-2025-3110 | Security | Medium | 11 | CVE-2025-40780 | bind-libs bind-license.noarch bind-utils 32:9.11.4-26.P2.amzn2.13.10
    ALAS2-2025-3113 | Security | Critical | 9 | CVE-2025-15467 CVE-2025-69419 | openssl openssl-libs 1:1.0.2k-24.amzn2.0.16
    ALAS2-2025-3116 | Security | Medium | 7 | CVE-2025-6965 | sqlite 0:3.7.17-8.amzn2.1.4
    ALAS2-2025-3119 | Security | Important | 5 | CVE-2025-6020 | pam 0:1.1.8-23.amzn2.0.3
    ALAS2-2025-3121 | Bugfix | None | 4 | | yum.noarch 0:3.4.3-158.amzn2.0.9
    ALAS2-2025-3123 | Security | Important | 2 | CVE-2025-13601 | glib2 0:2.56.1-9.amzn2.0.10
    ALAS2-2025-3124 | Security | Medium | 1 | CVE-2026-1234 | sudo 0:1.8.23-10.amzn2.3.9
    ALAS2-2026-3127 | Security | Important | -2 | CVE-2026-1401 | gnutls 0:3.3.29-9.amzn2.0.3
  `,
  needs: ``,
}
