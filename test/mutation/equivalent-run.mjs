/** Mutants of core/run that no test can kill, by file: the line, what was there, what stands there then, and why nothing that matters is different. */
// prettier-ignore
export const IN_RUN = [
  ['src/core/run/bound.ts', [
    ['if (span === 0) continue', 'span === 0', ['false'], 'what took no time adds none'],
    ['if (at(state.groupSet, group) >= 0) for (const other of groups) if (other !== group) add(loads.of(group, other), span)', 'at(state.groupSet, group) >= 0', ['true'], 'what two groups share takes no longer than all that either carries; only where turns are added up does it count apart'],
  ]],
  ['src/core/run/codec.ts', [
    ["const at = typeof value === 'string' ? parseInstant(value) : undefined", "typeof value === 'string'", ['true'], 'what is no text reads as no instant'],
  ]],
  ['src/core/run/dispatch.ts', [
    ['const again = state.suspects > state.retrying ? state.suspects - state.retrying : 0', 'state.suspects > state.retrying', ['state.suspects >= state.retrying'], 'where both are the same their difference is the 0 of the other branch'],
    ["return nodes.length > 0 ? events({ type: 'NodesSkipped', nodes: [...new Set(nodes)], reason: 'disruption-held' }) : nothing", 'nodes.length > 0', ['true', 'nodes.length >= 0'], 'who waits stands in a lane, behind a group or behind another run, so that somebody is there'],
    ["return dropBatches(state, 'frozen') ?? wake(soonest(near ? nextFreeze(state, now) : (held?.wakeAt ?? null), startLimit(state)))", 'held?.wakeAt', ['held.wakeAt'], 'what is not near is held'],
    ['const again = state.suspects > state.retrying ? state.suspects - state.retrying : 0', 'state.suspects - state.retrying', ['state.suspects + state.retrying'], 'no more of them wait than the difference, however many may be taken'],
    ['const due = freedAt === null ? now : plus(freedAt, ROUND_MS)', 'freedAt === null', ['false'], 'a round from the beginning of time on has ended, too'],
  ]],
  ['src/core/run/evolve-commands.ts', [
    ['if (event.expiresAfter > command.expiresAfter) command.expiresAfter = event.expiresAfter', 'event.expiresAfter > command.expiresAfter', ['event.expiresAfter >= command.expiresAfter'], 'of two instants that are the same it does not matter which is kept'],
  ]],
  ['src/core/run/evolve-found.ts', [
    ['if (event.expiresAfter > known.expiresAfter) known.expiresAfter = event.expiresAfter', 'event.expiresAfter > known.expiresAfter', ['event.expiresAfter >= known.expiresAfter'], 'of two instants that are the same it does not matter which is kept'],
    ['if (at(state.nodes.stage, position) === STAGE.flying && before !== undefined) before.open -= 1', 'before !== undefined', ['true'], 'who is in flight has a command'],
  ]],
  ['src/core/run/evolve-isolation.ts', [
    ['const failing = [...(measure?.failing ?? [])].flatMap(([check, nodes]) => (nodes.includes(position) ? [`${check}: fail`] : []))', '[]', ['["Stryker was here"]'], 'the second letter of a text names no node'],
    ["const reason = state.nodes.reason[position] ?? ''", "''", ['"Stryker was here!"'], 'every node has a reason, if only an empty one'],
  ]],
  ['src/core/run/evolve-steps.ts', [
    ["const key = thingKey(position, BEFORE_OF.get(name) ?? '')", "''", ['"Stryker was here!"'], 'no thing is kept under either name'],
    ['if (wave !== undefined) wave.stopped ??= reason', 'wave !== undefined', ['true'], 'a node that a step is about is in a wave'],
  ]],
  ['src/core/run/evolve-waves.ts', [
    ["if (state.phase.name !== 'rolling-back') return", "state.phase.name !== 'rolling-back'", ['false'], 'whoever calls it has just begun, or advanced, a rollback'],
  ]],
  ['src/core/run/freezing.ts', [
    ["if (rule !== null && asked?.state !== 'given') return wake(asked?.state === 'asked' ? earliest(asked.expires, freeze.to) : freeze.to)", 'asked?.state', ['asked.state'], 'who was never asked is asked in the lines before'],
    ['const unbroken = (state: RunState): readonly Freeze[] => state.frost?.freezes.filter((freeze) => !state.broken.has(brokenKey(freeze))) ?? []', '[]', ['["Stryker was here"]'], 'what neither begins nor ends is no freeze'],
  ]],
  ['src/core/run/isolate-judge.ts', [
    ["return checks.filter((name) => NODE_CHECKS.has(plan.checks[name]?.type ?? ''))", "''", ['"Stryker was here!"'], 'neither is a type of check'],
    ["const reason = trying.refused ?? state.nodes.reason[position] ?? ''", "''", ['"Stryker was here!"'], 'every node has a reason, if only an empty one'],
    ['const whole = isolation.lists[trying.list]?.witnesses.values() ?? []', '[]', ['["Stryker was here"]'], 'what is tried is of a list that is known'],
    ['const whole = isolation.lists[trying.list]?.witnesses.values() ?? []', 'isolation.lists[trying.list]?.witnesses', ['isolation.lists[trying.list].witnesses'], 'what is tried is of a list that is known'],
  ]],
  ['src/core/run/isolate-search.ts', [
    ["const verdict = broken ? 'bad' : known(rest)", "'bad'", ['""'], 'what is neither good nor refused nor unclear nor unknown breaks'],
    ['const said = verdicts.get(keyOf(units)) ?? []', '[]', ['["Stryker was here"]'], 'a single word that is no verdict says nothing'],
    ['while (out.length > 1) {', 'out.length > 1', ['out.length >= 1'], 'a set of one has no parts: the loop ends at once'],
  ]],
  ['src/core/run/next-isolation.ts', [
    ["const [name = '', , version = ''] = line.split(' ')", "''", ['"Stryker was here!"'], 'a line of a list has three parts: name, architecture and version'],
    ["const [name = '', arch = '', version = ''] = line.split(' ')", "''", ['"Stryker was here!"'], 'a line of a list has three parts: name, architecture and version'],
  ]],
  ['src/core/run/next-steps.ts', [
    ['if (due === null || at < due) due = at', 'at < due', ['at <= due'], 'of two instants that are the same it does not matter which is kept'],
  ]],
  ['src/core/run/next.ts', [
    ["if (baseline === 'none' || state.plan.work !== 'apply') return undefined", "baseline === 'none'", ['false'], 'a rule that is none has no greatest age, and no instant is later than what is no number'],
    ["if (baseline === 'none' || state.plan.work !== 'apply') return undefined", "'none'", ['""'], 'a rule that is none has no greatest age, and no instant is later than what is no number'],
    ["case 'finished':", "'finished'", ['""'], 'a run that has finished is asked for nothing'],
    ['if (state.measure?.purpose !== purpose || state.measure.endedAt === null) return { pending: asked ?? nothing, why: [], failed: false }', '[]', ['["Stryker was here"]'], 'who still waits for a measurement looks at nothing else of it'],
    ['if (state.measure?.purpose !== purpose || state.measure.endedAt === null) return { pending: asked ?? nothing, why: [], failed: false }', 'false', ['true'], 'who still waits for a measurement looks at nothing else of it'],
    ['failed: false,', 'false', ['true'], 'who still waits for a measurement looks at nothing else of it'],
    ['pending: asked?.events.length ? asked : wake(now < until ? soonest(asked?.wakeAt ?? null, until) : (asked?.wakeAt ?? null)),', 'asked?.events', ['asked.events'], 'only a round that passed is not followed by another'],
    ['pending: asked?.events.length ? asked : wake(now < until ? soonest(asked?.wakeAt ?? null, until) : (asked?.wakeAt ?? null)),', 'asked?.wakeAt', ['asked.wakeAt'], 'only a round that passed is not followed by another'],
    ["if (wave.phase === 'drained' && wave.expired)", "wave.phase === 'drained'", ['true'], 'a gate has expired that still holds'],
    ["return wave.phase === 'failed' ? afterFailure(state, index, wave, now) : nothing", "wave.phase === 'failed'", ['true'], 'a run does not stay at a wave that has passed'],
    ['const rule = trial?.approval ?? null', 'trial?.approval', ['trial.approval'], 'only a trial stores'],
    ["case 'finished':", "case 'finished':", ["case 'finished':"], 'a run that has finished is asked for nothing'],
  ]],
  ['src/core/run/refused-cells.ts', [
    ['if (refused.size === 0) return nothing', 'refused.size === 0', ['false'], 'where no cell is refused nothing follows: it is only known sooner'],
    ['const later = [...due.values()].flatMap((when) => (when !== null && when > now ? [when] : []))', 'when !== null', ['true'], 'no instant is later than now that is none'],
    ['if (over.size === 0) return wake(later.reduce<Instant | null>((a, b) => (a !== null && a < b ? a : b), null))', 'a < b', ['a <= b'], 'of two instants that are the same it does not matter which is kept'],
  ]],
  ['src/core/run/standing.ts', [
    ["else end(state, position, 'failed', reason === 'gone' ? reason : (state.nodes.reason[position] ?? '') || reason)", "''", ['"Stryker was here!"'], 'every node has a reason, if only an empty one'],
  ]],
  ['src/core/run/state.ts', [
    ["return a.kind === b.kind && (a.kind !== 'gate' || (b.kind === 'gate' && a.wave === b.wave))", "b.kind === 'gate'", ['true'], 'both are of one kind'],
  ]],
  ['src/core/run/status-event.ts', [
    ['} catch {', '{', ['{}'], 'what is not returned is undefined too'],
  ]],
  ['src/core/run/turns.ts', [
    ["const isStuck = room !== Number.POSITIVE_INFINITY && this.#claimed.inGroup(key, run, wanted, 'stuck') > spare", 'room !== Number.POSITIVE_INFINITY', ['true'], 'where there is room nobody asks how the group stands'],
    ["return { limit, spare, standing: isStuck ? 'blocked' : 'full', turn: set === null ? 'free' : this.#turnOf(set, key), room }", "'full'", ['""'], 'anything that is neither free nor blocked waits alike'],
    ["return { limit, spare, standing: isStuck ? 'blocked' : 'full', turn: set === null ? 'free' : this.#turnOf(set, key), room }", 'set === null', ['false'], 'nobody asks whose turn it is where there are none'],
    ["return { limit, spare, standing: isStuck ? 'blocked' : 'full', turn: set === null ? 'free' : this.#turnOf(set, key), room }", "'free'", ['""'], 'nobody asks whose turn it is where there are none'],
    ["if (this.#claimed.inGroup(key, run, [], 'all') + ours <= atMost) return Number.POSITIVE_INFINITY", "this.#claimed.inGroup(key, run, [], 'all') + ours <= atMost", ['false', "this.#claimed.inGroup(key, run, [], 'all') + ours < atMost"], 'the count without those that are wanted says the same, at a higher price'],
    ["if (this.#claimed.inGroup(key, run, [], 'all') + ours <= atMost) return Number.POSITIVE_INFINITY", '[]', ['["Stryker was here"]'], 'no node has this name'],
    ['return others + ours <= atMost ? Number.POSITIVE_INFINITY : Math.max(0, atMost - others - before)', 'others + ours <= atMost', ['false', 'others + ours < atMost'], 'what is left is room for all that are wanted then, which are counted in `ours`'],
    ["return this.#claimed.beside(set, group, this.#ask.run, 'stuck') ? 'blocked' : 'full'", "'full'", ['""'], 'anything that is neither free nor blocked waits alike'],
    ['const waiting = this.#tickets.get(need.key) ?? []', '[]', ['["Stryker was here"]'], 'a ticket without a number is older than none'],
    ['if (waiting.length === 0 || this.#claimed.hands(node).includes(this.#ask.run)) return false', 'waiting.length === 0', ['false'], 'of nobody none is older: it is only known sooner'],
    ["(one) => one.run !== this.#ask.run && one.number < place && (one.side === '' || one.side !== need.side) && this.#isReady(one),", 'one.number < place', ['one.number <= place'], 'two runs never have the same number'],
    ['if (known !== undefined) return known', 'known !== undefined', ['false'], 'what counts is only looked up once'],
    ['this.#counts.set(ticket.number, counts)', 'this.#counts.set(ticket.number, counts)', [';'], 'what counts is only looked up once'],
    ["if (key.startsWith(groupKey(''))) return this.#claimed.inGroup(key.slice(groupKey('').length), run, [], 'stuck') > spare", '[]', ['["Stryker was here"]'], 'no node has this name'],
  ]],
  ['src/core/run/verdict.ts', [
    ["const line = output.slice(0, 2_500).split('\\n', 1)[0] ?? ''", "''", ['"Stryker was here!"'], 'what is split has a first part'],
    ['} catch {', '{', ['{}'], 'what was not read is no object, and is refused as such in the next line'],
    ["if (typeof value !== 'object' || value === null) return undefined", "typeof value !== 'object'", ['false'], 'a text or a number has no `pw`, without which it is no line of ours'],
    ["const found = raw[key] ?? ''", "''", ['"Stryker was here!"'], 'what has a space in it fits no form, and what does not fit is empty where it may be absent'],
    ["return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : 0", "typeof found === 'number'", ['true'], 'what is no number is no safe integer'],
    ["return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : 0", 'found >= 0', ['found > 0'], 'a 0 that does not count is a 0 all the same'],
  ]],
  ['src/core/run/view.ts', [
    ["const reason = nodes.reason[position] ?? ''", "''", ['"Stryker was here!"'], 'every node has a reason, if only an empty one'],
    ["const wave = phase.name === 'waves' ? (state.waves[phase.wave]?.name ?? null) : null", "phase.name === 'waves'", ['true'], 'another phase has no wave, and so none of the waves'],
    ["const wave = phase.name === 'waves' ? (state.waves[phase.wave]?.name ?? null) : null", 'state.waves[phase.wave]?.name', ['state.waves[phase.wave].name'], 'the wave of the phase is one of the run'],
    ['.sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))', 'a < b', ['a <= b'], 'each reason is there once'],
    ['return { name: wave.name, state: word, nodes, total: state.plan.waves[index]?.nodes.length ?? 0, checks, why: wave.held ?? wave.why }', 'state.plan.waves[index]?.nodes', ['state.plan.waves[index].nodes'], 'each wave of a run is one of its plan'],
  ]],
  ['src/core/run/waiting.ts', [
    ['for (const other of state.setMembers[set] ?? [])', '[]', ['["Stryker was here"]'], 'the set of a group has members'],
    ['if (other !== group && (free || outOf(state, other) > 0)) moveToLanes(state, other, false)', 'other !== group', ['true'], 'who waited behind the group itself has gone already'],
  ]],
]
