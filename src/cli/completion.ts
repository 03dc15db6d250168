import type { Command } from 'commander'

/** A completion script for the shell, made from the command tree; `undefined` for a shell that we do not know. */
export function completionScript(program: Command, shell: string): string | undefined {
  const rows = rowsOf(program, '')
  if (shell === 'bash') return bash(program.name(), rows)
  return shell === 'zsh' ? zsh(program.name(), rows) : undefined
}

/** Shells that have a script. */
export const SHELLS = ['bash', 'zsh'] as const

type Row = Readonly<{ path: string; words: readonly Word[] }>
type Word = Readonly<{ word: string; means: string }>

function rowsOf(command: Command, path: string): Row[] {
  const commands = command.commands.filter((one) => one.name() !== 'help')
  const words = [
    ...commands.map((one) => ({ word: one.name(), means: one.description() })),
    ...command.options.flatMap((option) => (option.long === undefined ? [] : [{ word: option.long, means: option.description }])),
    { word: '--help', means: 'show help' },
  ]
  return [{ path, words }, ...commands.flatMap((one) => rowsOf(one, `${path} ${one.name()}`.trim()))]
}

function bash(name: string, rows: readonly Row[]): string {
  const cases = rows.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`)
  return [
    `# bash completion of ${name}: eval "$(${name} completion bash)"`,
    `_${name}() {`,
    '  local cur=${COMP_WORDS[COMP_CWORD]} path="" word words=""',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    [[ $word == -* ]] && break',
    `    case "$path $word" in`,
    ...rows
      .filter(({ path }) => path !== '')
      .map(({ path }) => `      '${path.includes(' ') ? path : ` ${path}`}') path=\${path:+$path }$word ;;`),
    '    esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    '  [[ ${#COMPREPLY[@]} -eq 0 && $cur != -* ]] && COMPREPLY=($(compgen -f -- "$cur"))',
    '}',
    `complete -o filenames -F _${name} ${name}`,
  ].join('\n')
}

function zsh(name: string, rows: readonly Row[]): string {
  const quoted = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(':', '\\:')
  const cases = rows.map(
    ({ path, words }) => `    '${path}') choices=(${words.map(({ word, means }) => `'${quoted(word)}:${quoted(means)}'`).join(' ')}) ;;`,
  )
  return [
    `#compdef ${name}`,
    `# zsh completion of ${name}: eval "$(${name} completion zsh)"`,
    `_${name}() {`,
    '  local at="" word; local -a choices',
    '  for word in "${(@)words[2,$((CURRENT-1))]}"; do',
    '    [[ $word == -* ]] && break',
    '    case "$at $word" in',
    ...rows
      .filter(({ path }) => path !== '')
      .map(({ path }) => `      '${path.includes(' ') ? path : ` ${path}`}') at="\${at:+$at }$word" ;;`),
    '    esac',
    '  done',
    '  case "$at" in',
    ...cases,
    '  esac',
    `  _describe '${name}' choices || _files`,
    '}',
    `compdef _${name} ${name}`,
  ].join('\n')
}
