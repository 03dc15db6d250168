import * as plans from '/work/main/test/explorer/plans.ts'
import { explore } from '/work/main/test/explorer/explore.ts'
import { setupOf } from '/work/main/test/explorer/sim.ts'
const [name, t, f, c, a, torn, rival] = process.argv.slice(2)
const began = performance.now()
const r = explore(setupOf((plans as any)[name!], { troubles: +t!, faults: +f!, crashes: +c!, acts: +a! }, { torn: torn === '1', rival: rival === '1' }))
console.log(name, t, JSON.stringify({ ...r, broken: undefined }), Math.round(process.cpuUsage().user/1000), 'ms', Math.round(process.memoryUsage().rss / 1e6), 'MB')
if (r.broken) console.log(r.broken.invariant, r.broken.message, '\n' + r.broken.journal.join('\n'))
