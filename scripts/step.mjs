// One piece of work that the person at the terminal sees begin, go on and end.

import { CommandError } from './child.mjs'

/**
 * Does a piece of work and says so: a line when it starts, a line now and then while it lasts, a line with its time
 * at the end. `work` gets `tell`, which takes a line of progress to be shown when the next one is due.
 */
export async function step(name, work) {
  const begun = Date.now()
  let progress = ''
  console.log(`  … ${name}`)
  const beat = setInterval(() => console.log(`  … ${name}: ${elapsed(begun)}${progress && `, ${progress}`}`), BEAT_MS)
  try {
    const result = await work(line => { if (line.trim()) progress = line.trim().slice(0, LINE_CHARACTERS) })
    console.log(`  ✓ ${name} (${elapsed(begun)})`)
    return result
  } catch (error) {
    console.log(`  ✗ ${name} (${elapsed(begun)})`)
    throw error
  } finally {
    clearInterval(beat)
  }
}

/** The time since `begun` (milliseconds since 1970) as a person says it. */
export function elapsed(begun, now = Date.now()) {
  const seconds = (now - begun) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60).toString().padStart(2, '0')} s`
}

/** A reason to stop that is one sentence to the person at the terminal, without a stack. */
export class Obstacle extends Error {}

/** Runs a script's `main`; what stops it is told in words, and the exit code says that it was stopped. */
export async function telling(main) {
  try {
    await main()
  } catch (error) {
    if (error instanceof CommandError) console.error(`\n${lastLines(error.output)}\n\n${error.message}`)
    else if (error instanceof Obstacle) console.error(`\n${error.message}`)
    else console.error(error)
    process.exit(1)
  }
}

/** The end of a long output, where the error usually stands. */
function lastLines(output, count = 60) {
  return output.trimEnd().split('\n').slice(-count).join('\n')
}

// Often enough that nobody thinks it hangs, seldom enough that a CI log stays readable.
const BEAT_MS = 15_000
const LINE_CHARACTERS = 90
