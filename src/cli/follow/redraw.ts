import type { Io } from '../app.ts'

/** Lines on a terminal that are drawn over again. No line may be wider than the terminal. */
export class Redraw {
  readonly #io: Pick<Io, 'draw'>
  #lines: readonly string[] = []

  constructor(io: Pick<Io, 'draw'>) {
    this.#io = io
  }

  /** Puts these lines in the place of the last ones. */
  show(lines: readonly string[]): void {
    this.#io.draw(`${this.#erase()}${lines.map((line) => `${line}\n`).join('')}`)
    this.#lines = lines
  }

  /** Writes a line that stays, above the view. */
  print(line: string): void {
    const view = this.#lines
    this.#io.draw(`${this.#erase()}${line}\n${view.map((one) => `${one}\n`).join('')}`)
  }

  /** What is drawn now stays; the next view begins below it. */
  keep(): void {
    this.#lines = []
  }

  /** Up to the first line of the view, and everything below is cleared. */
  #erase(): string {
    return this.#lines.length === 0 ? '' : `\u001b[${String(this.#lines.length)}A\u001b[0J`
  }
}
