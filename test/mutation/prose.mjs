import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

const WORDING = 'wording is for people: what decides is spelled without a space'

/** Words for people: text with a space in it. Codes, event types, reasons and keys have none, and are mutated. */
const isProse = (node) => {
  if (node.type === 'StringLiteral') return / /.test(node.value)
  return node.type === 'TemplateLiteral' && node.quasis.some(({ value }) => / /.test(value.raw))
}

/** What a bug is called that stops the process: the second argument of `known` and `assert`. */
const isBugsName = ({ node, parent, listKey, key }) =>
  node.type === 'StringLiteral' && listKey === 'arguments' && key > 0 && ['known', 'assert'].includes(parent.callee?.name)

/** Leaves wording alone; everything else of the code is fair game. */
const prose = {
  shouldIgnore(path) {
    return isProse(path.node) || isBugsName(path) ? WORDING : undefined
  },
}

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'prose', prose)]
