// Our proxy beside nginx and the handbook's: processor time, memory, round trips. `npm run bench:proxy`

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { handbook, load, nginx, pipe, service, villains, vivavoce } from '../bench/proxy/peers.mjs'
import { lines } from '../bench/table.mjs'
import { ask, find, ROOT, run } from './child.mjs'
import { setup } from './setup.mjs'
import { Obstacle, step, telling } from './step.mjs'

const HELP = `npm run bench:proxy [-- --quick] [--calls 200,400,800] [--idle 1000,10000] [--peers vivavoce,nginx,pipe,handbook]
                       [--rounds 3] [--seconds 15] [--handle-ms 1000] [--instructions] [--hostile 1000] [--json]

  --quick         one short round of few calls: for a look, and for tests
  --calls         how many talk at once
  --idle          how many are muted at once; 0: none
  --peers         who takes part
  --rounds        how often each is measured; medians are shown
  --seconds       how long each time
  --handle-ms     how often the service gives a handle to go on by; 0: once only
  --instructions  instructions per frame of our proxy, by callgrind, and nothing else
  --hostile       100 calls alone, and beside so many sockets that mean harm, and nothing else
  --json          prints all figures as one object and nothing else
`

async function main() {
  const wishes = options()
  if (wishes.help) return console.log(HELP)
  // Whoever asked for JSON gets nothing else on the standard output.
  if (wishes.json) console.log = console.error
  await setup()
  await programs()
  const found = { machine: machine(), wishes, ...await asked(wishes) }
  if (wishes.json) process.stdout.write(`${JSON.stringify(found, null, 1)}\n`)
  else print(found)
}

function options() {
  try {
    const { values } = parseArgs({ options: { quick: { type: 'boolean' }, calls: { type: 'string' }, idle: { type: 'string' },
      peers: { type: 'string' }, rounds: { type: 'string' }, seconds: { type: 'string' }, 'handle-ms': { type: 'string' },
      instructions: { type: 'boolean' }, hostile: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
    const usual = values.quick ? QUICK : WHOLE
    const peers = values.peers?.split(',') ?? Object.keys(PEERS)
    const stranger = peers.find((name) => !PEERS[name])
    if (stranger) throw new Error(`--peers are of ${Object.keys(PEERS).join(', ')}, not "${stranger}".`)
    return { ...values, peers, calls: numbers(values.calls, usual.calls), idle: numbers(values.idle, usual.idle),
      rounds: numbers(values.rounds, [usual.rounds])[0], seconds: numbers(values.seconds, [usual.seconds])[0],
      handle_ms: numbers(values['handle-ms'], [1000])[0], hostile: numbers(values.hostile, [0])[0] }
  } catch (error) {
    throw new Obstacle(`${error.message}\n\n${HELP}`)
  }
}

function numbers(words, usual) {
  if (words === undefined) return usual
  const found = words.split(',').map(Number)
  if (!found.every(Number.isInteger)) throw new Error(`Whole numbers were expected, not "${words}".`)
  return found
}

/** Builds what is measured and what measures; cargo knows what is there already. */
async function programs() {
  await step('the proxy', (tell) => run('cargo', ['build', '--release', '--locked', '-p', 'vivavoce-proxy'], { onLine: tell }))
  await step('the load', (tell) => run('cargo', ['build', '--locked', '--release',
    '--manifest-path', join(ROOT, 'bench', 'proxy', 'Cargo.toml'), '--target-dir', join(ROOT, 'target', 'bench')], { onLine: tell }))
}

const asked = async (wishes) => {
  if (wishes.instructions) return { instructions: await instructions() }
  return wishes.hostile ? { siege: await siege(wishes) } : measures(wishes)
}

/** The same calls alone and beside those that mean harm, in turns. */
async function siege({ hostile, rounds, seconds, handle_ms }) {
  const upstream = await service(handle_ms)
  const rows = []
  try {
    for (let round = 0; round < rounds; round++) {
      for (const sockets of [0, hostile]) {
        const peer = await vivavoce(upstream.port)
        const label = `${HONEST} calls ${sockets ? `beside ${sockets} hostile sockets` : 'alone'}, round ${round + 1}`
        try {
          const harm = sockets ? villains(peer, sockets, seconds + 10) : undefined
          const row = await step(label, () => load('talk', 'vivavoce', peer, HONEST, seconds))
          rows.push({ round, sockets, ...row, ...await harm })
        } finally {
          await peer.close()
        }
      }
    }
  } finally {
    await upstream.close()
  }
  return rows
}

/** All peers, one after the other within each round, so that what else the machine does meets them alike. */
async function measures({ calls, idle, peers, rounds, seconds, handle_ms }) {
  const upstream = await service(handle_ms)
  const [talking, muted] = [[], []]
  const measure = async (list, kind, name, count, round) => {
    const { open, dialect } = PEERS[name]
    const peer = await open(upstream.port)
    try {
      const label = `${count} calls ${kind === 'talk' ? 'talk' : 'are muted'} through ${name}${rounds > 1 ? `, round ${round + 1}` : ''}`
      list.push({ name, round, ...await step(label, () => load(kind, dialect, peer, count, seconds)) })
    } finally {
      await peer.close()
    }
  }
  try {
    for (let round = 0; round < rounds; round++) {
      for (const count of calls) for (const name of peers) await measure(talking, 'talk', name, count, round)
    }
    for (const count of idle.filter((count) => count > 0)) await measure(muted, 'idle', 'vivavoce', count, 0)
  } finally {
    await upstream.close()
  }
  return { talking, muted }
}

/** Instructions that our proxy spends on a frame: of two runs of other lengths, the difference, so that starting costs nothing. */
async function instructions() {
  if (!find('valgrind')) throw new Obstacle('callgrind is missing: install valgrind.')
  const upstream = await service(1000)
  const counted = []
  try {
    for (const seconds of [4, 14]) {
      const folder = mkdtempSync(join(tmpdir(), 'vivavoce-bench-'))
      const out = join(folder, 'callgrind.out')
      const peer = await vivavoce(upstream.port, { wrapper: ['valgrind', '--tool=callgrind', `--callgrind-out-file=${out}`] })
      const { trips } = await step(`${seconds} s of ${FEW} calls under callgrind`, () => load('talk', 'vivavoce', peer, FEW, seconds))
      await peer.close('SIGTERM')
      counted.push({ trips, instructions: Number(readFileSync(out, 'utf8').match(/^(?:summary|totals): (\d+)/m)[1]) })
      rmSync(folder, { recursive: true })
    }
  } finally {
    await upstream.close()
  }
  const [short, long] = counted
  // An answer is one frame of 40 ms down, for two of 20 ms up.
  return { per_frame: (long.instructions - short.instructions) / (3 * (long.trips - short.trips)), counted }
}

function print({ machine, talking, muted, instructions, siege }) {
  console.log(`\n${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(1)}; Node ${machine.node}; ${machine.nginx}`)
  if (instructions) return console.log(`\n${Math.round(instructions.per_frame)} instructions per frame, both directions together`)
  if (siege) {
    console.log('')
    return lines(SIEGE, siege)
  }
  const rows = []
  for (const calls of [...new Set(talking.map((row) => row.calls))]) {
    for (const name of [...new Set(talking.map((row) => row.name))]) rows.push(summary(talking, calls, name))
  }
  console.log('')
  lines(TALKING, rows)
  if (muted.length) {
    console.log('\nmuted')
    lines(MUTED, muted)
  }
}

/** Medians of a peer's rounds, and of its ratios to ours within each. */
function summary(all, calls, name) {
  const mine = all.filter((row) => row.calls === calls && row.name === name)
  const of = (key) => median(mine.map((row) => row[key]))
  const ratio = (key) => median(mine.flatMap((row) => {
    const ours = all.find((other) => other.calls === calls && other.name === 'vivavoce' && other.round === row.round)
    return ours && row[key] > 0 ? [ours[key] / row[key]] : []
  }))
  return { calls, name, cpu: of('cpu_s_per_call_minute'), cpu_ratio: ratio('cpu_s_per_call_minute'), kib: of('kib_per_call'),
    p50: of('p50_ms'), p99: of('p99_ms'), p99_ratio: ratio('p99_ms'), lost: mine.reduce((sum, row) => sum + row.lost, 0),
    hung_up: mine.reduce((sum, row) => sum + row.hung_up, 0) }
}

function machine() {
  const all = cpus()
  return { cpu: all[0]?.model.trim() ?? 'an unknown processor', cores: all.length, load: loadavg()[0], node: process.version,
    nginx: ask('sh', '-c', 'PATH=$PATH:/usr/sbin nginx -v 2>&1')?.replace('nginx version: ', '') ?? 'no nginx' }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const shown = (value, digits) => (value === undefined ? '' : value.toFixed(digits))

const TALKING = [
  ['', ({ name }) => name],
  ['calls', ({ calls }) => String(calls)],
  ['CPU s/call-min', ({ cpu }) => shown(cpu, 4)],
  ['ours ×', ({ cpu_ratio }) => shown(cpu_ratio, 2)],
  ['KiB/call', ({ kib }) => shown(kib, 1)],
  ['p50 ms', ({ p50 }) => shown(p50, 2)],
  ['p99 ms', ({ p99 }) => shown(p99, 2)],
  ['ours ×', ({ p99_ratio }) => shown(p99_ratio, 2)],
  ['lost', ({ lost }) => String(lost)],
  ['hung up', ({ hung_up }) => String(hung_up)],
]

const MUTED = [
  ['', ({ name }) => name],
  ['calls', ({ calls }) => String(calls)],
  ['KiB/call', ({ kib_per_call: kib }) => shown(kib, 1)],
  ['CPU s/call-min', ({ cpu_s_per_call_minute: cpu }) => shown(cpu, 4)],
  ['hung up', ({ hung_up }) => String(hung_up)],
]

const SIEGE = [
  ['round', ({ round }) => String(round + 1)],
  ['hostile', ({ sockets }) => String(sockets)],
  ['misdeeds', ({ misdeeds }) => String(misdeeds ?? '')],
  ['calls', ({ calls }) => String(calls)],
  ['p50 ms', ({ p50_ms: p50 }) => shown(p50, 2)],
  ['p99 ms', ({ p99_ms: p99 }) => shown(p99, 2)],
  ['lost', ({ lost }) => String(lost)],
  ['hung up', ({ hung_up }) => String(hung_up)],
]

const PEERS = {
  vivavoce: { open: vivavoce, dialect: 'vivavoce' },
  nginx: { open: nginx, dialect: 'gemini' },
  pipe: { open: pipe, dialect: 'gemini' },
  handbook: { open: handbook, dialect: 'handbook' },
}

const WHOLE = { calls: [200, 400, 800], idle: [1000, 10_000], rounds: 3, seconds: 15 }
const QUICK = { calls: [20], idle: [50], rounds: 1, seconds: 2 }

/** Those who are to notice nothing. */
const HONEST = 100

/** As many calls as callgrind carries in real time. */
const FEW = 4

await telling(main)
