// How many tests passed and failed, read from what their runners print.

/** `cargo test` and wasm-bindgen's runner: a line for each test binary. */
export function cargoTally(output) {
  const lines = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)]
  const sum = group => lines.reduce((all, line) => all + Number(line[group]), 0)
  return { passed: sum(1), failed: sum(2) }
}

/** Node's runner with its `spec` reporter; the figures that tests note are passed on. */
export function nodeTally(output) {
  const count = word => Number(output.match(new RegExp(`^ℹ ${word} (\\d+)`, 'm'))?.[1] ?? 0)
  const notes = [...output.matchAll(/^\s*ℹ (.+)/gm)].map(([, note]) => note).filter(note => !COUNTER.test(note))
  return { passed: count('pass'), failed: count('fail') + count('cancelled'), notes }
}

/** A command that is one test itself: its exit code says whether it failed. */
export const onceTally = () => ({ passed: 1, failed: 0 })

const COUNTER = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/
