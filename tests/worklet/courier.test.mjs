// The courier and the module together, in a pretend scope.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { feed, hash, moduleBytes, noise, pcm, Port, pull, ROOT, Scope, voice } from './scope.mjs'

const QUANTA = [64, 128, 256, 480, 1024, 5000]

test('both processors say that they are ready', () => {
  const scope = new Scope(48000)
  assert.equal(scope.recorder().page.of('ready').length, 1)
  assert.equal(scope.player().page.of('ready').length, 1)
})

test('what is recorded does not depend on the quantum', () => {
  const sound = noise(48000)
  const hashes = QUANTA.map((quantum) => {
    const node = new Scope(44100).recorder()
    feed(node, [sound], quantum)
    return hash(Buffer.concat(node.frames.map(({ pcm }) => pcm)))
  })
  assert.equal(new Set(hashes).size, 1, hashes.join())
})

test('what is played does not depend on the quantum', () => {
  const hashes = QUANTA.map((quantum) => {
    const node = new Scope(44100).player()
    node.worker.postMessage({ type: 'play', epoch: 1, position: 0, pcm: pcm(voice(24000)) })
    node.worker.postMessage({ type: 'end', epoch: 1, samples: 24000 })
    return hash(Buffer.from(pull(node, 48000, quantum).buffer))
  })
  assert.equal(new Set(hashes).size, 1, hashes.join())
})

test('wasm and native sound are the same bits', () => {
  const golden = readFileSync(join(ROOT, 'tests', 'worklet', 'golden.txt'), 'utf8').trim().split('\n')
  assert.ok(golden.length >= 12)
  for (const line of golden) {
    const [who, rate, expected] = line.split(' ')
    assert.equal(who === 'recorder' ? recorded(Number(rate)) : played(Number(rate)), expected, line)
  }
})

test('frames are 20 ms, in order, and their buffers are used again', () => {
  const node = new Scope(48000).recorder()
  feed(node, [noise(48000 * 10)])
  assert.equal(node.frames.length, 500)
  node.frames.forEach(({ position, pcm }, index) => {
    assert.equal(position, index * 320)
    assert.equal(pcm.length, 640)
  })
  assert.equal(node.processor.pool.length, 1, 'one buffer goes round')
})

test('without an input it records silence at the pace of the context', () => {
  const node = new Scope(48000).recorder()
  for (let block = 0; block < 375; block++) node.processor.process([[]], [[new Float32Array(128)]])
  assert.equal(node.frames.length, 50)
  assert.ok(node.frames.every(({ pcm }) => pcm.every((byte) => byte === 0)))
  for (let block = 0; block < 200; block++) node.processor.process([[]], [[new Float32Array(480)]])
  assert.equal(node.frames.length, 150)
})

test('nothing is lost while the Worker is away', () => {
  const node = new Scope(48000).node('vivavoce-recorder', { isLinked: false })
  feed(node, [noise(48000 * 31)], 480)
  const [far, worker] = Port.pair()
  node.page.postMessage({ type: 'link', port: far })
  const frames = worker.of('frame')
  assert.equal(frames.length, 1500, 'half a minute is kept')
  assert.deepEqual(frames.map(({ position }) => position), frames.map((_, index) => index * 320))
})

test('a flush is silence within 5 ms and one block, and is reported', () => {
  const node = new Scope(48000).player()
  node.worker.postMessage({ type: 'play', epoch: 3, position: 0, pcm: pcm(voice(24000)) })
  pull(node, 12800)
  node.worker.heard.length = 0
  node.worker.postMessage({ type: 'flush', epoch: 3 })
  const [report] = node.worker.of('report')
  assert.equal(report.epoch, 3)
  assert.ok(Math.abs(report.heard - 6400) <= 20, `heard ${report.heard}`)
  assert.equal(report.buffered, 0)
  const sound = pull(node, 48000)
  assert.ok(sound.subarray(0, 240).some((sample) => sample !== 0))
  assert.ok(sound.subarray(240).every((sample) => sample === 0))
})

test('every buffer comes back, also those that found no room or died', () => {
  const node = new Scope(48000).player()
  for (let index = 0; index < 70; index++) {
    node.worker.postMessage({ type: 'play', epoch: 1, position: index * 24000, pcm: pcm(voice(24000)) })
  }
  const before = node.worker.of('return').length
  assert.ok(before >= 58 && before < 61, `${before} fit in`)
  pull(node, 48000 * 5, 480)
  assert.equal(node.worker.of('return').length, before + 5)
  node.worker.postMessage({ type: 'flush', epoch: 1 })
  assert.equal(node.worker.of('return').length, 70)
  node.worker.postMessage({ type: 'play', epoch: 1, position: 1680000, pcm: pcm(voice(100)) })
  assert.equal(node.worker.of('return').length, 71)
  assert.ok(node.worker.of('return').every(({ pcm }) => pcm instanceof ArrayBuffer))
})

test('a turn that waits for room loses nothing and a newer one follows it', () => {
  const node = new Scope(24000).player()
  const sound = voice(24000 * 65)
  for (let start = 0; start < sound.length; start += 24000) {
    node.worker.postMessage({ type: 'play', epoch: 1, position: start, pcm: pcm(sound.subarray(start, start + 24000)) })
  }
  node.worker.postMessage({ type: 'end', epoch: 1, samples: sound.length })
  node.worker.postMessage({ type: 'play', epoch: 2, position: 0, pcm: pcm(voice(2400)) })
  node.worker.postMessage({ type: 'end', epoch: 2, samples: 2400 })
  const played = pull(node, 24000 * 66, 480)
  const fade = 24000 * 0.003
  for (let index = fade; index < sound.length; index++) {
    if (played[index] !== sound[index] / 32768) assert.fail(`sample ${index}`)
  }
  const heard = node.worker.of('report').filter((report) => report.epoch === 1).at(-1)
  assert.equal(heard.heard, sound.length)
  assert.equal(node.worker.of('report').at(-1).heard, 2400)
  assert.equal(node.worker.of('report').at(-1).underruns, 0)
})

test('reports count the frames of the device, and the last word of a player that stops is how far it was heard', () => {
  const node = new Scope(44100).player()
  node.worker.postMessage({ type: 'play', epoch: 1, position: 4800, pcm: pcm(voice(24000)) })
  pull(node, 22050, 100)
  const before = node.worker.of('report').at(-1).heard
  node.page.postMessage({ type: 'stop' })
  const { heard, frames, rate } = node.worker.of('report').at(-1)
  assert.deepEqual([frames, rate], [22100, 44100])
  assert.ok(heard > before && Math.abs(heard - 4800 - 12000) < 60, `heard ${heard}`)
})

test('reports come ten times a second by the count of frames, and levels twenty times', () => {
  const node = new Scope(48000).player()
  pull(node, 48000 * 10)
  assert.ok(Math.abs(node.worker.of('report').length - 100) <= 8, `${node.worker.of('report').length}`)
  assert.ok(node.page.of('level').length <= 200 && node.page.of('level').length > 150)
})

test('the level is that of what sounds', () => {
  const scope = new Scope(48000)
  const [recorder, player] = [scope.recorder(), scope.player()]
  feed(recorder, [Float32Array.from({ length: 48000 }, (_, index) => 0.5 * Math.sin(index * 0.1))])
  const levels = recorder.page.of('level').map(({ rms }) => rms)
  assert.ok(levels.slice(5).every((rms) => Math.abs(rms - 0.3535) < 0.01), levels.join())
  pull(player, 9600)
  assert.ok(player.page.of('level').every(({ rms }) => rms === 0))
})

test('all channels play the same', () => {
  const { processor, worker } = new Scope(48000).player()
  worker.postMessage({ type: 'play', epoch: 1, position: 0, pcm: pcm(voice(24000)) })
  const output = [new Float32Array(480), new Float32Array(480), new Float32Array(480)]
  processor.process([], [output])
  assert.ok(output[0].some((sample) => sample !== 0))
  assert.deepEqual(output[1], output[0])
  assert.deepEqual(output[2], output[0])
})

test('the latency that the page knows is taken off what was heard', () => {
  const node = new Scope(48000).player()
  node.page.postMessage({ type: 'latency', seconds: 0.1 })
  node.worker.postMessage({ type: 'play', epoch: 1, position: 0, pcm: pcm(voice(24000)) })
  pull(node, 9600, 480)
  const { heard } = node.worker.of('report').at(-1)
  assert.ok(Math.abs(heard - 2400) <= 240, `heard ${heard}`)
})

test('thresholds can be set', () => {
  const node = new Scope(48000).player()
  node.worker.postMessage({ type: 'thresholds', start: 100, restart: 200 })
  node.worker.postMessage({ type: 'play', epoch: 1, position: 0, pcm: pcm(voice(100)) })
  assert.ok(pull(node, 128).some((sample) => sample !== 0))
})

test('stop ends the processor and closes its ports', () => {
  const scope = new Scope(48000)
  for (const node of [scope.recorder(), scope.player()]) {
    const output = [[new Float32Array(128)]]
    assert.equal(node.processor.process([[]], output), true)
    node.page.postMessage({ type: 'stop' })
    assert.equal(node.processor.process([[]], output), false)
    assert.ok(node.worker.other.isClosed && node.page.other.isClosed)
  }
})

test('a second call does not hear the first', () => {
  const scope = new Scope(48000)
  const [first, oldRecorder] = [scope.player(), scope.recorder()]
  first.worker.postMessage({ type: 'play', epoch: 9, position: 0, pcm: pcm(voice(24000)) })
  feed(oldRecorder, [noise(1000)])
  pull(first, 4800)
  const [second, newRecorder] = [scope.player(), scope.recorder()]
  assert.ok(pull(second, 4800).every((sample) => sample === 0))
  second.worker.postMessage({ type: 'play', epoch: 1, position: 0, pcm: pcm(voice(24000)) })
  first.worker.postMessage({ type: 'flush', epoch: 9 })
  assert.ok(pull(second, 4800).some((sample) => sample !== 0))
  assert.equal(pull(first, 4800).length, 0, 'the first one ends')
  feed(newRecorder, [noise(960)])
  assert.deepEqual(newRecorder.frames.map(({ position }) => position), [0])
})

test('an exception is silence, is told once, and the processor lives on', () => {
  const node = new Scope(48000).player()
  node.worker.postMessage({ type: 'play', epoch: 1, position: 0, pcm: pcm(voice(24000)) })
  const broken = { length: 128, set() { throw new Error('no such channel') }, fill() {} }
  for (let block = 0; block < 3; block++) assert.equal(node.processor.process([], [[broken]]), true)
  assert.deepEqual(node.page.of('fault').map(({ message }) => message), ['Error: no such channel'])
  assert.equal(node.processor.faults, 3)
  assert.ok(pull(node, 480).some((sample) => sample !== 0))
})

test('messages that are none do no harm', () => {
  const scope = new Scope(48000)
  const [recorder, player] = [scope.recorder(), scope.player()]
  for (const message of [{}, { type: 'play' }, { type: 'play', epoch: 1, position: 0, pcm: new ArrayBuffer(3) }, { type: 'end' },
    { type: 'flush' }, { type: 'thresholds' }, { type: 'return' }, { type: 'return', pcm: new ArrayBuffer(7) }]) {
    recorder.worker.postMessage(message)
    player.worker.postMessage(message)
  }
  player.page.postMessage({ type: 'latency' })
  player.worker.postMessage({ type: 'play', epoch: 2, position: 0, pcm: pcm(voice(24000)) })
  assert.ok(pull(player, 4800).some((sample) => sample !== 0))
  feed(recorder, [noise(48000)])
  assert.equal(recorder.frames.length, 50)
})

test('a module that is none, and a rate that is none, are faults and no exceptions', () => {
  for (const [rate, module] of [[48000, new ArrayBuffer(8)], [48000, null], [2000, moduleBytes()]]) {
    const scope = new Scope(rate)
    for (const node of [scope.recorder({ module }), scope.player({ module })]) {
      assert.equal(node.page.of('fault').length, 1)
      assert.equal(node.page.of('ready').length, 0)
      assert.equal(node.processor.process([[]], [[new Float32Array(128)]]), true)
      if (node.worker) node.worker.postMessage({ type: 'flush', epoch: 1 })
    }
  }
})

test('ten minutes take no memory and drift by nothing', () => {
  const scope = new Scope(44100)
  let frames = 0
  const recorder = scope.node('vivavoce-recorder')
  recorder.worker.onmessage = ({ data }) => {
    recorder.worker.heard.length = 0
    assert.equal(data.position, 320 * frames++)
    recorder.worker.postMessage({ type: 'return', pcm: data.pcm }, [data.pcm])
  }
  const player = scope.player()
  const input = [[noise(441)]]
  const [silent, output] = [[[new Float32Array(441)]], [[new Float32Array(441)]]]
  const sound = voice(2400)
  let blocks = 0
  for (let position = 0; position < 600 * 24000; position += 2400) {
    player.worker.postMessage({ type: 'play', epoch: 1, position, pcm: pcm(sound) })
    for (let block = 0; block < 10; block++, blocks++) {
      recorder.processor.process(input, silent)
      player.processor.process([], output)
    }
    if (position % 240000 === 0) player.worker.heard.length = player.page.heard.length = recorder.page.heard.length = 0
  }
  assert.equal(blocks, 60000)
  assert.equal(frames, 600 * 50)
  player.worker.postMessage({ type: 'flush', epoch: 0 })
  const { underruns, heard } = player.worker.of('report').at(-1)
  assert.equal(underruns, 0)
  assert.ok(heard > 599 * 24000)
  assert.equal(player.page.of('fault').length + recorder.page.of('fault').length, 0)
})

/** What the native test does, through the courier. */
function recorded(rate) {
  const node = new Scope(rate).recorder()
  const left = noise(rate >> 1)
  feed(node, [left, left.map((sample) => sample * 0.5)])
  return hash(Buffer.concat(node.frames.map(({ pcm }) => pcm)))
}

function played(rate) {
  const node = new Scope(rate).player()
  const sound = voice(24000)
  const play = (epoch, position, samples) => node.worker.postMessage({ type: 'play', epoch, position, pcm: pcm(samples) })
  // One block between two messages, so that they come at the same frames as natively.
  const quarter = rate >> 2
  play(1, 0, sound.subarray(0, 4000))
  const one = pull(node, quarter, quarter)
  play(1, 4000, sound.subarray(4000, 16000))
  const two = pull(node, quarter, quarter)
  node.worker.postMessage({ type: 'flush', epoch: 1 })
  play(2, 0, sound.subarray(16000))
  node.worker.postMessage({ type: 'end', epoch: 2, samples: 8000 })
  const three = pull(node, rate >> 1, rate >> 1)
  const tenth = Math.floor(rate / 10)
  const slow = Array.from({ length: 10 }, (_, part) => {
    play(3, part * 2400, sound.subarray(part * 2400, part * 2400 + 2400))
    node.worker.postMessage({ type: 'yield', how: [0, 0, 1, 2, 0][part % 5] })
    return pull(node, tenth, tenth)
  })
  return hash(Buffer.concat([one, two, three, ...slow].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))))
}
