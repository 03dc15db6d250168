import type { CatalogueText } from './catalogue.ts'

/** Ubuntu 22.04, amd64. Names and forms are the distribution's; versions and advisories are made up in its patterns. */
export const UBUNTU: CatalogueText = {
  family: 'deb',
  arch: 'amd64',
  kernel: 'linux-image-aws',
  installed: `
    amazon-ssm-agent 3.3.1345.0-1
    bash 5.1-6ubuntu1.1
    bind9-dnsutils 1:9.18.28-0ubuntu0.22.04.1
    bind9-libs 1:9.18.28-0ubuntu0.22.04.1
    ca-certificates.all 20230311ubuntu0.22.04.1
    coreutils 8.32-4.1ubuntu1.2
    curl 7.81.0-1ubuntu1.18
    dpkg 1.21.1ubuntu2.3
    libarchive13 3.6.0-1ubuntu1.1
    libc-bin 2.35-0ubuntu3.8
    libc6 2.35-0ubuntu3.8
    libcurl4 7.81.0-1ubuntu1.18
    libexpat1 2.4.7-1ubuntu0.4
    libglib2.0-0 2.72.4-0ubuntu2.3
    libgnutls30 3.7.3-4ubuntu1.5
    libpam-modules 1.4.0-11ubuntu2.4
    libpython3.10-stdlib 3.10.12-1~22.04.6
    libsqlite3-0 3.37.2-2ubuntu0.3
    libssl3 3.0.2-0ubuntu1.18
    libsystemd0 249.11-0ubuntu3.12
    libxml2 2.9.13+dfsg-1ubuntu0.4
    linux-image-aws 5.15.0.1072.76
    nginx-core 1.18.0-6ubuntu14.5
    openssh-client 1:8.9p1-3ubuntu0.10
    openssh-server 1:8.9p1-3ubuntu0.10
    openssl 3.0.2-0ubuntu1.18
    python3.10 3.10.12-1~22.04.6
    rsync 3.2.7-0ubuntu0.22.04.2
    sudo 1.9.9-1ubuntu2.4
    systemd 249.11-0ubuntu3.12
    tzdata.all 2024a-0ubuntu0.22.04.1
    vim-tiny 2:8.2.3995-1ubuntu2.18
    zlib1g 1:1.2.11.dfsg-2ubuntu9.2
  `,
  advisories: `
    USN-7755-1 | Security | Important | 43 | CVE-2025-30112 | libc6 libc-bin 2.35-0ubuntu3.11
    USN-7760-1 | Security | Medium | 36 | CVE-2025-31498 | systemd libsystemd0 249.11-0ubuntu3.16
    USN-7763-1 | Security | Low | 34 | CVE-2025-29768 | vim-tiny 2:8.2.3995-1ubuntu2.24
    USN-7768-1 | Security | Important | 30 | CVE-2025-32414 | libxml2 2.9.13+dfsg-1ubuntu0.7
    USN-7771-1 | Bugfix | None | 28 | | tzdata.all 2025b-0ubuntu0.22.04.1
    USN-7774-1 | Security | Important | 23 | CVE-2025-22868 | libexpat1 2.4.7-1ubuntu0.6
    USN-7777-1 | Security | Important | 20 | CVE-2025-0725 | curl libcurl4 7.81.0-1ubuntu1.21
    USN-7780-1 | Security | Important | 15 | CVE-2025-4516 | python3.10 libpython3.10-stdlib 3.10.12-1~22.04.11
    USN-7783-1 | Security | Important | 14 | CVE-2025-37797 | linux-image-aws 5.15.0.1084.88
    USN-7786-1 | Security | Important | 12 | CVE-2025-26465 | openssh-client openssh-server 1:8.9p1-3ubuntu0.13
    USN-7789-1 | Security | Critical | 9 | CVE-2025-15467 | openssl libssl3 3.0.2-0ubuntu1.20
    USN-7792-1 | Security | Important | 5 | CVE-2025-6020 | libpam-modules 1.4.0-11ubuntu2.6
    USN-7794-1 | Security | Important | 2 | CVE-2025-13601 | libglib2.0-0 2.72.4-0ubuntu2.6
    USN-7795-1 | Security | Medium | 1 | CVE-2026-1234 | sudo 1.9.9-1ubuntu2.5
    USN-7801-1 | Security | Important | -2 | CVE-2026-1401 | libgnutls30 3.7.3-4ubuntu1.7
  `,
  needs: ``,
}

/** Debian 12, amd64. */
export const DEBIAN: CatalogueText = {
  family: 'deb',
  arch: 'amd64',
  kernel: 'linux-image-cloud-amd64',
  installed: `
    amazon-ssm-agent 3.3.1345.0-1
    bash 5.2.15-2+b7
    ca-certificates.all 20230311
    coreutils 9.1-1
    curl 7.88.1-10+deb12u7
    dpkg 1.21.22
    libc-bin 2.36-9+deb12u7
    libc6 2.36-9+deb12u7
    libcurl4 7.88.1-10+deb12u7
    libexpat1 2.5.0-1
    libglib2.0-0 2.74.6-2+deb12u3
    libgnutls30 3.7.9-2+deb12u3
    libpam-modules 1.5.2-6+deb12u1
    libssl3 3.0.14-1~deb12u1
    libsystemd0 252.30-1~deb12u2
    libxml2 2.9.14+dfsg-1.3~deb12u1
    linux-image-cloud-amd64 6.1.106-3
    openssh-client 1:9.2p1-2+deb12u3
    openssh-server 1:9.2p1-2+deb12u3
    openssl 3.0.14-1~deb12u1
    python3.11 3.11.2-6+deb12u3
    rsync 3.2.7-1
    sudo 1.9.13p3-1+deb12u1
    systemd 252.30-1~deb12u2
    tzdata.all 2024a-0+deb12u1
    vim-tiny 2:9.0.1378-2
    zlib1g 1:1.2.13.dfsg-1
  `,
  advisories: `
    DSA-6041-1 | Security | Important | 43 | CVE-2025-30112 | libc6 libc-bin 2.36-9+deb12u10
    DSA-6046-1 | Security | Important | 30 | CVE-2025-32414 | libxml2 2.9.14+dfsg-1.3~deb12u4
    DSA-6049-1 | Bugfix | None | 28 | | tzdata.all 2025b-0+deb12u1
    DSA-6052-1 | Security | Important | 23 | CVE-2025-22868 | libexpat1 2.5.0-1+deb12u2
    DSA-6055-1 | Security | Important | 20 | CVE-2025-0725 | curl libcurl4 7.88.1-10+deb12u12
    DSA-6058-1 | Security | Important | 14 | CVE-2025-37797 | linux-image-cloud-amd64 6.1.137-1
    DSA-6061-1 | Security | Important | 12 | CVE-2025-26465 | openssh-client openssh-server 1:9.2p1-2+deb12u6
    DSA-6064-1 | Security | Critical | 9 | CVE-2025-15467 | openssl libssl3 3.0.17-1~deb12u2
    DSA-6067-1 | Security | Important | 2 | CVE-2025-13601 | libglib2.0-0 2.74.6-2+deb12u6
    DSA-6068-1 | Security | Medium | 1 | CVE-2026-1234 | sudo 1.9.13p3-1+deb12u2
    DSA-6074-1 | Security | Important | -2 | CVE-2026-1401 | libgnutls30 3.7.9-2+deb12u5
  `,
  needs: ``,
}
