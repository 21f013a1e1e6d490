// Six minutes, or with --hour an hour, through the courier and its module, faster than they pass: nothing grows, and
// nothing drifts. `npm run soak` is the hour.

import assert from 'node:assert/strict'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import vm from 'node:vm'
import { Scope } from './scope.mjs'

setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc')

const MINUTES = process.argv.includes('--hour') ? 60 : 6

test(`${MINUTES} minutes of recording at 44.1 kHz drift by nothing and grow by nothing`, (t) => {
  const { node, memory } = stage(44100, 'vivavoce-recorder')
  let [position, power] = [0, 0]
  node.worker.onmessage = ({ data }) => {
    if (data.type !== 'frame') return
    if (data.position !== position) assert.fail(`a frame at ${data.position} and not at ${position}`)
    position += 320
    power = new Int16Array(data.pcm).reduce((sum, sample) => sum + sample ** 2, 0) / 320
    node.worker.postMessage({ type: 'return', pcm: data.pcm }, [data.pcm])
  }
  const blocks = tone(44100, 500)
  const inputs = [[blocks[0]]]
  const outputs = [[new Float32Array(QUANTUM)]]
  const total = Math.ceil(SECONDS * 44100 / QUANTUM)
  const heaps = soak(node, total, (block) => {
    inputs[0][0] = blocks[block % blocks.length]
    node.processor.process(inputs, outputs)
    if (block % 10_000 === 9_999) assert.ok(Math.abs(10 * Math.log10(power / 1e4 ** 2 * 2)) < 0.2, `the tone has a power of ${power}`)
  })
  // To the sample: as many whole frames as the samples that went in, at the exact ratio of the rates.
  assert.equal(position, 320 * Math.floor(Math.ceil(total * QUANTUM * 160 / 441) / 320))
  assert.equal(node.processor.pool.length, 1, 'one buffer goes round')
  steady(t, heaps, memory)
})

test(`${MINUTES} minutes of playing at 48 kHz drift by nothing and grow by nothing`, (t) => {
  const { node, memory } = stage(48000, 'vivavoce-player')
  const wave = Int16Array.from({ length: 960 }, (_, i) => 10_000 * Math.sin(2 * Math.PI * i / 48))
  let [given, returned, last] = [0, 0, undefined]
  node.worker.onmessage = ({ data }) => {
    if (data.type === 'return') returned++
    if (data.type === 'report') last = data
  }
  const say = () => {
    node.worker.postMessage({ type: 'play', epoch: 1, position: given, pcm: wave.buffer.slice(0) })
    given += wave.length
  }
  const channel = new Float32Array(QUANTUM)
  const outputs = [[channel, new Float32Array(QUANTUM)]]
  let silent = 0
  const total = SECONDS * 48000 / QUANTUM
  const heaps = soak(node, total, (block) => {
    // What was played is replaced: two seconds are always ahead.
    while (given - block * QUANTUM / 2 < 48000) say()
    node.processor.process([], outputs)
    // A quarter of a period apart, a sine of 500 Hz is never zero at both.
    if (block > 2 && Math.max(Math.abs(channel[0]), Math.abs(channel[24])) < 0.1) silent++
  })
  assert.equal(silent, 0, 'it sounds all the time')
  // What was neither heard nor is buffered would be drift; the filter and the last tenth of a second lie between.
  const played = total * QUANTUM / 2
  assert.ok(last.heard <= played && played - last.heard < 2400 + 100, `${last.heard} heard of ${played} played`)
  assert.equal(last.underruns, 0)
  node.worker.postMessage({ type: 'end', epoch: 1, samples: given })
  let rest = 0
  for (; last.heard < given && rest < 3 * 48000; rest += QUANTUM) node.processor.process([], outputs)
  assert.equal(last.heard, given, 'every sample was heard')
  const most = 2 * (given - played) + 4800 + QUANTUM
  assert.ok(rest <= most, `the rest took ${rest} frames, of ${most} at most`)
  assert.equal(returned, given / wave.length, 'every buffer came back')
  steady(t, heaps, memory)
})

/** A node, and the memory of the module in its scope. */
function stage(rate, name) {
  const memories = []
  class Instance extends WebAssembly.Instance {
    constructor(...how) {
      super(...how)
      memories.push(this.exports.memory)
    }
  }
  const node = new Scope(rate, { globals: { WebAssembly: { Module: WebAssembly.Module, Instance } } }).node(name)
  assert.equal(memories.length, 1)
  const [memory] = memories
  return { node, memory: { memory, buffer: memory.buffer, bytes: memory.buffer.byteLength } }
}

/** Works off all blocks; the bytes of the heap after each tenth of it, but the first. */
function soak({ processor, page, worker }, total, work) {
  const heaps = []
  for (let block = 0; block < total; block++) {
    work(block)
    // The pretend ports write down all that they hear.
    if (block % 1000 === 0) for (const port of [processor.port, processor.peer, page, worker]) port.heard.length = 0
    if (block % Math.floor(total / 10) === 0 && block > 0) {
      // The second time waits until the buffers of the first are swept.
      collect()
      collect()
      heaps.push(process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers)
    }
  }
  return heaps
}

/** Nothing of ours grew: not the module's memory, and not the heap by what an hour's samples or messages would leave. */
function steady(t, heaps, { memory, buffer, bytes }) {
  assert.equal(memory.buffer, buffer, 'no view was detached')
  assert.equal(buffer.byteLength, bytes)
  const grown = heaps.at(-1) - heaps[0]
  t.diagnostic(`module ${bytes} bytes, heap ${heaps.map((heap) => (heap / 1e6).toFixed(2)).join(' ')} MB`)
  assert.ok(grown < GROWTH_BYTES, `the heap grew by ${grown} bytes`)
}

/** A tone of 10,000 of 32,768, in blocks that go round without a step. */
function tone(rate, hz) {
  // 500 Hz and 44.1 kHz meet after 441 samples.
  return Array.from({ length: 441 }, (_, block) => Float32Array.from({ length: QUANTUM }, (_, i) =>
    10_000 / 32_768 * Math.sin(2 * Math.PI * hz * (block * QUANTUM + i) / rate)))
}

const SECONDS = 60 * MINUTES
const QUANTUM = 128

/** Six minutes of frames weigh 11 MB; less than this are the engine's own affairs. */
const GROWTH_BYTES = 300_000
