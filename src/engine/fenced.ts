import { PatchwaveError } from '../kit/error.ts'
import { plus, SECOND, type Instant, type Ms } from '../kit/instant.ts'
import type { Commands } from '../ports/commands.ts'
import type { World } from './world.ts'

/**
 * What is left of a lease when a step, or what approves baselines, asks AWS for something: more than a request may take to leave (adapters keep it back after 25 s). So whoever
 * stood still, and whose lease another driver has by now, takes nothing out of service behind that one's back.
 */
const MARGIN_MS: Ms = 30 * SECOND

/**
 * The world of a driver's steps: what changes who serves, runs or boots is asked only while the lease certainly holds, and so are documents of others,
 * which no marker keeps from running once more, and the label of approved baselines, which a person may have moved since. @throws `aws.stale` otherwise
 */
export function fenced(world: World, heldUntil: () => Instant): World {
  const { balancers, scaling, machines, commands, parameters, clock } = world
  const held = <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>): ((...args: A) => Promise<T>) => {
    return (...args) => {
      if (plus(clock.now(), MARGIN_MS) < heldUntil()) return call(...args)
      return Promise.reject(
        new PatchwaveError('aws.stale', 'nothing was asked: the lease of this driver has not been renewed in time', {
          hint: 'it goes on when the store answers in time, unless another driver has the run',
        }),
      )
    }
  }
  const sendOfOthers = held<Parameters<Commands['send']>, Awaited<ReturnType<Commands['send']>>>((...args) => commands.send(...args))
  return {
    ...world,
    commands: {
      send: (...args) => (args[0].document.hash === null ? sendOfOthers(...args) : commands.send(...args)),
      sweep: (...args) => commands.sweep(...args),
      invocations: (...args) => commands.invocations(...args),
      cancel: (...args) => commands.cancel(...args),
      output: (...args) => commands.output(...args),
    },
    parameters: {
      get: (...args) => parameters.get(...args),
      below: (...args) => parameters.below(...args),
      history: (...args) => parameters.history(...args),
      put: (...args) => parameters.put(...args),
      label: held((...args) => parameters.label(...args)),
    },
    balancers: {
      targetsOf: (...args) => balancers.targetsOf(...args),
      health: (...args) => balancers.health(...args),
      drainSeconds: (...args) => balancers.drainSeconds(...args),
      deregister: held((...args) => balancers.deregister(...args)),
      register: held((...args) => balancers.register(...args)),
    },
    scaling: {
      membersOf: (...args) => scaling.membersOf(...args),
      enterStandby: held((...args) => scaling.enterStandby(...args)),
      exitStandby: held((...args) => scaling.exitStandby(...args)),
    },
    machines: {
      snapshots: (...args) => machines.snapshots(...args),
      deleteSnapshot: (...args) => machines.deleteSnapshot(...args),
      rootTasks: (...args) => machines.rootTasks(...args),
      start: held((...args) => machines.start(...args)),
      stop: held((...args) => machines.stop(...args)),
      snapshot: held((...args) => machines.snapshot(...args)),
      replaceRoot: held((...args) => machines.replaceRoot(...args)),
    },
  }
}
