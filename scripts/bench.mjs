// Our sound beside the others': quality, speed and bytes, in Node and in Chromium. `npm run bench`

import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { cpus, loadavg } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { parseArgs } from 'node:util'
import { libsamplerate, ours, rubato, seed } from '../bench/contestants.mjs'
import { listen, Sound } from '../bench/load.mjs'
import { hurry, judge } from '../bench/rounds.mjs'
import { print } from '../bench/table.mjs'
import { build } from './build.mjs'
import { npm, ROOT, run } from './child.mjs'
import { setup } from './setup.mjs'
import { squeeze } from './size.mjs'
import { Obstacle, step, telling } from './step.mjs'

const HELP = `npm run bench [-- --json] [--only node] [--quick] [--alone]

  --json       prints all figures as one object and nothing else
  --only node  leaves the browser out
  --quick      fewer rounds: for a look, and for tests
  --alone      leaves rubato and libsamplerate out, which have to be fetched and built
`

async function main() {
  const wishes = options()
  if (wishes.help) return console.log(HELP)
  // Whoever asked for JSON gets nothing else on the standard output.
  if (wishes.json) console.log = console.error
  const isInBrowser = wishes.only !== 'node'
  await (isInBrowser ? setup({ tests: true }) : setup())
  await build()
  if (!wishes.alone) await peers()
  const how = wishes.quick ? { rounds: 5, seconds: 0.1, runs: 2, sound_s: 1 } : { rounds: 21, seconds: 0.5, runs: 50, sound_s: 20 }
  const node = await step('in Node', () => inNode(wishes.alone, how))
  const chromium = isInBrowser ? await step('in Chromium', () => inChromium(how)) : undefined
  const found = { machine: machine(), node, chromium, sizes: sizes(wishes.alone) }
  if (wishes.json) process.stdout.write(`${JSON.stringify(found, null, 1)}\n`)
  else print(found)
}

function options() {
  try {
    const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' }, quick: { type: 'boolean' },
      alone: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
    if (values.only && values.only !== 'node') throw new Error(`--only takes node, not "${values.only}".`)
    if (values.alone && values.only !== 'node') throw new Error('--alone goes with --only node.')
    return values
  } catch (error) {
    throw new Obstacle(`${error.message}\n\n${HELP}`)
  }
}

/** Fetches and builds what we are compared with; cargo and npm know what is there already. */
async function peers() {
  await step('rubato as WebAssembly', (tell) => run('cargo', ['build', '--locked', '--release', '--target', 'wasm32-unknown-unknown',
    '--manifest-path', join(ROOT, 'bench', 'rubato', 'Cargo.toml'), '--target-dir', join(ROOT, 'target', 'bench')],
  { onLine: tell, env: { RUSTFLAGS: '-C target-feature=+simd128' } }))
  if (existsSync(join(ROOT, LIBSAMPLERATE))) return
  await step('libsamplerate', (tell) => npm(['ci', '--no-audit', '--no-fund'], { cwd: join(ROOT, 'bench'), onLine: tell }))
}

async function inNode(isAlone, how) {
  const module = compiled(WORKLET)
  const others = () => [...rubato(compiled(DOOR)), ...libsamplerate(createRequire(import.meta.url)(join(ROOT, LIBSAMPLERATE)))]
  const contestants = [ours(module), seed(), ...(isAlone ? [] : others())]
  const source = readFileSync(join(ROOT, COURIER), 'utf8')
  const threads = (rate) => {
    const ear = detector(compiled(VAD))
    return Object.assign(new Sound(source, module, rate), { hear: (pcm) => listen(ear, pcm) })
  }
  return { quality: await judge(contestants), speed: await hurry(contestants, threads, how) }
}

/** The detector as src/js/vad.js has it, which fetches its module and so needs a page. */
function detector(module) {
  const { exports: calls } = new WebAssembly.Instance(module)
  const area = new Uint8Array(calls.memory.buffer, calls.samples_area(), 2 * calls.samples_capacity())
  return {
    push(pcm, sounding) {
      area.set(pcm)
      return calls.vad_push(pcm.length >> 1, sounding)
    },
  }
}

async function inChromium(how) {
  // Only here: setup may just have installed what it drives the browser with.
  const { Browser } = await import('../tests/stories/engine.mjs')
  const server = createServer(serve)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  // No sound card: without one Chromium's output runs at its own even pace.
  const browser = await Browser.open('chromium', { environment: { PULSE_SERVER: 'none' } })
  try {
    await browser.driver.manage().setTimeouts({ script: 600_000, pageLoad: 30_000 })
    await browser.driver.get(`http://127.0.0.1:${server.address().port}/bench/page.html`)
    await (await browser.run('return document.querySelector("#tap")')).click()
    const paths = { worklet: `/${WORKLET}`, door: `/${DOOR}`, courier: `/${COURIER}` }
    const version = await browser.run('return navigator.userAgent.match(/Chrome.[0-9.]+/)[0]')
    return { version, ...await browser.run('return bench(arguments[0])', { ...paths, how }) }
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
}

function serve(request, response) {
  const path = normalize(new URL(request.url, 'http://bench').pathname).slice(1)
  try {
    const body = readFileSync(join(ROOT, path))
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', ...ISOLATED }).end(body)
  } catch {
    response.writeHead(404).end()
  }
}

function sizes(isAlone) {
  const paths = [WORKLET, COURIER, 'pkg/vivavoce_bg.wasm', VAD, ...(isAlone ? [] : [DOOR, LIBSAMPLERATE])]
  return paths.filter((path) => existsSync(join(ROOT, path))).map((path) => {
    const bytes = readFileSync(join(ROOT, path))
    return { name: path, bytes: bytes.length, brotli: squeeze(bytes) }
  })
}

function machine() {
  const all = cpus()
  return { cpu: all[0]?.model.trim() ?? 'an unknown processor', cores: all.length, load: loadavg()[0], node: process.version }
}

const compiled = (path) => new WebAssembly.Module(readFileSync(join(ROOT, path)))

const WORKLET = 'pkg/vivavoce_worklet.wasm'
const VAD = 'pkg/vivavoce_vad.wasm'
const COURIER = 'src/js/worklet.js'
const DOOR = 'target/bench/wasm32-unknown-unknown/release/rubato_door.wasm'
const LIBSAMPLERATE = 'bench/node_modules/@alexanderolsen/libsamplerate-js/dist/libsamplerate.js'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' }

/** A page that shares its process with nobody has a clock of 5 µs, not 100. */
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

await telling(main)
