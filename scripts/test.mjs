// Sets up what is missing, browsers included, and runs every test. `npm test`

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { CommandError, find, ROOT, run, TOOLS } from './child.mjs'
import { setup } from './setup.mjs'
import { elapsed, Obstacle, step, telling } from './step.mjs'
import { SoundCard } from '../tests/sound/card.mjs'
import { cargoTally, nodeTally, onceTally } from './tally.mjs'
import { cargoDeny } from './tools.mjs'

const ENGINES = ['chromium', 'firefox', 'webkit']

// The very binary that the native tests made.
const BINARY = process.env.VIVAVOCE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'vivavoce')

const HELP = `npm test [-- PART… [--browser chromium|firefox|webkit] [--name WORDS]]

Runs every part, or those whose names begin with one of the given words:
`

async function main() {
  const wishes = options()
  const parts = plan(wishes)
  if (wishes.help) return console.log(HELP + parts.map(({ name }) => `  ${name}`).join('\n'))
  const stranger = wishes.words.find(word => !parts.some(({ name }) => name.startsWith(word)))
  if (stranger) throw new Obstacle(`No part of the tests is called "${stranger}": see npm test -- --help.`)
  const results = [await perform({ name: 'setup', tally: onceTally, work: () => setup({ tests: true }), hasSteps: true })]
  if (results[0].failed === 0) {
    for (const part of parts) results.push(await perform(part, results))
  }
  summary(results)
}

function options() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: {
      browser: { type: 'string', multiple: true, default: ENGINES }, name: { type: 'string' },
      help: { type: 'boolean', short: 'h' } } })
    const stranger = values.browser.find(engine => !ENGINES.includes(engine))
    if (stranger) throw new Error(`--browser is one of ${ENGINES.join(', ')}, not "${stranger}".`)
    return { ...values, words: positionals }
  } catch (error) {
    throw new Obstacle(`${error.message}\n\n${HELP}`)
  }
}

/** The parts to be run, quick ones first. */
function plan({ words, browser, name }) {
  const cargo = (...args) => tell => run('cargo', args, { onLine: tell })
  const parts = [
    { name: 'format', tally: onceTally, work: cargo('fmt', '--all', '--check') },
    { name: 'lint', tally: onceTally, work: cargo('clippy', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings') },
    { name: 'lint-wasm', tally: onceTally, work: cargo('clippy', '--locked', '--target', 'wasm32-unknown-unknown',
      '-p', 'vivavoce', '-p', 'vivavoce-worklet', '-p', 'vivavoce-vad', '--', '-D', 'warnings') },
    { name: 'lint-telemetry', tally: onceTally, work: cargo('clippy', '--locked', '-p', 'vivavoce-proxy', '--features', 'otel', '--all-targets', '--', '-D', 'warnings') },
    { name: 'deny', tally: onceTally, work: audit, hasSteps: true },
    // First, so that the program that is left for the others is the usual one.
    { name: 'telemetry', tally: cargoTally, work: cargo('test', '--locked', '-p', 'vivavoce-proxy', '--features', 'otel', '--test', 'telemetry') },
    { name: 'native', tally: cargoTally, work: cargo('test', '--locked', '--workspace', '--no-fail-fast') },
    { name: 'page', tally: onceTally, work: build, hasSteps: true },
    ...['scripts', 'bench', 'sound', 'screen', 'worklet', 'vad', 'call', 'protocol', 'sdk'].map(folder =>
      ({ name: folder, tally: nodeTally, work: nodeTests(suites(folder), { name }) })),
    { name: 'size', needs: ['page'], tally: nodeTally, work: nodeTests(suites().filter(file => /size/.test(file)), { name }) },
    { name: 'guards', tally: cargoTally, work: guards },
    ...browser.map(engine => ({ name: `stories-${engine}`, needs: ['page'], tally: nodeTally,
      work: nodeTests(suites('stories'), { name, env: { VIVAVOCE_BROWSERS: engine } }) })),
  ]
  const isWanted = part => words.length === 0 || words.some(word => part.name.startsWith(word))
  return parts.filter(isWanted).filter(({ work }) => work)
}

/** The suites in a folder of tests/, or beside the folders. */
function suites(folder = '') {
  const path = join(ROOT, 'tests', folder)
  if (!existsSync(path)) return []
  return readdirSync(path).filter(file => file.endsWith('.test.mjs')).map(file => join('tests', folder, file))
}

/** Runs suites one after the other: those that make sound must not disturb each other. */
function nodeTests(files, { name, env } = {}) {
  if (files.length === 0) return undefined
  const words = ['--test', '--test-reporter=spec', '--test-concurrency=1', ...(name ? [`--test-name-pattern=${name}`] : [])]
  return async tell => {
    if (files.some(file => /stories|protocol|sdk/.test(file))) await run('cargo', ['build', '--locked', '-p', 'vivavoce-proxy'], { onLine: tell })
    return run(process.execPath, [...words, ...files], { env: { VIVAVOCE_BIN: BINARY, ...env, FORCE_COLOR: '0' }, onLine: tell })
  }
}

/** The audit of the tree, by a program that nothing else needs. */
async function audit() {
  await cargoDeny()
  return step('deny', deny)
}

/** Licences, sources and doubles of all crates, as deny.toml says; advisories too, where the database can be had. */
async function deny(tell) {
  const check = (...what) => run('cargo-deny', ['--workspace', '--locked', 'check', '--hide-inclusion-graph', ...what], { onLine: tell })
  await check('licenses', 'bans', 'sources')
  const fetched = await run('cargo-deny', ['--workspace', '--locked', 'fetch', 'db'], { onLine: tell }).catch(() => undefined)
  return fetched === undefined ? tell('no advisories, for their database is out of reach') : check('advisories')
}

/** The browser crate's own tests, in two browsers; Firefox's audio stands still without a sound card. */
async function guards(tell) {
  const card = await SoundCard.open()
  try {
    return await run('wasm-pack', ['test', '--headless', '--chrome', '--firefox', '--mode', 'no-install', '--',
      '--locked', '--test', 'web'], { onLine: tell, env: { ...card.environment, WASM_BINDGEN_TEST_TIMEOUT: '120',
      CHROMEDRIVER: find('chromedriver'), GECKODRIVER: join(TOOLS, 'bin', 'geckodriver') } })
  } finally {
    await card.close()
  }
}

/** Does a part and tells how it went: counts, time, and on failure all that was printed. */
async function perform({ name, needs = [], tally, work, hasSteps }, before = []) {
  const begun = Date.now()
  const missing = before.find(part => needs.includes(part.name) && part.failed > 0)
  if (missing) return { name, passed: 0, failed: 1, time: 0, remark: `not run, for ${missing.name} failed` }
  let output = ''
  let failure
  try {
    output = await (hasSteps ? work() : step(name, work)) ?? ''
  } catch (error) {
    if (error instanceof Obstacle) throw error
    output = error.output ?? ''
    failure = error
    console.log(error instanceof CommandError ? `${output}\n${error.message}` : error)
  }
  const { passed, failed, notes = [] } = tally(output)
  for (const note of notes) console.log(`      ${note}`)
  const time = Date.now() - begun
  if (failure) return { name, passed: tally === onceTally ? 0 : passed, failed: Math.max(1, failed), time }
  if (passed + failed === 0) return { name, passed, failed: 1, time, remark: 'no test was run' }
  return { name, passed, failed, time }
}

function summary(results) {
  const total = key => results.reduce((sum, part) => sum + part[key], 0)
  console.log('\npart                  passed  failed  time')
  for (const { name, passed, failed, time, remark } of results) {
    console.log(`${name.padEnd(20)} ${String(passed).padStart(7)} ${String(failed).padStart(7)}  ${remark ?? elapsed(0, time)}`)
  }
  console.log(`${'together'.padEnd(36)}  ${elapsed(0, total('time'))}`)
  console.log(`\n${total('passed')} passed, ${total('failed')} failed`)
  process.exitCode = total('failed') > 0 ? 1 : 0
}

await telling(main)
