import { writeFileSync } from 'node:fs'

// Loaded before a program that is measured: at its end it writes what the process took to the file that BENCH_USAGE names.

const path = process.env['BENCH_USAGE']
if (path !== undefined) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage()
    writeFileSync(path, JSON.stringify({ cpuMs: (user + system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }))
  })
}
