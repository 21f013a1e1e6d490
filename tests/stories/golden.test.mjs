// The same bits in every engine: a known signal through the worklets as they are shipped, sample by sample.
//
// It is rendered offline, so that nothing but the engine and our lines takes part. The recorder's frames are compared
// with what the native lines give (tests/worklet/golden.txt), the player's samples with those of the same module in
// Node, whose bits are the native lines' too (tests/worklet).

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { DIST } from '../../scripts/build.mjs'
import { hash, noise, pcm, ROOT, Scope, voice } from '../worklet/scope.mjs'
import { story } from './story.mjs'

const RATES = [44100, 48000]

story('gives the very bits of the native lines at 44.1 and 48 kHz', {}, async ({ engine, browser, note, after }) => {
  await browser.driver.get(await serve(after))
  for (const rate of RATES) {
    assert.equal(hash(await recorded(browser, rate)), golden('recorder', rate), `the recorder at ${rate} Hz`)

    const expected = playedHere(rate)
    const found = await played(browser, rate)
    for (const [side, channel] of found.entries()) {
      const first = expected.findIndex((sample, i) => sample !== channel[i])
      assert.equal(channel.length, expected.length)
      assert.ok(first < 0, `${engine}, ${rate} Hz, channel ${side}: sample ${first} is ${channel[first]} and not ${expected[first]}`)
    }
    const loud = expected.filter((sample) => sample !== 0).length
    assert.ok(loud > expected.length / 3 && loud < expected.length, `${loud} of ${expected.length} samples sound`)
    note(`${rate} Hz: 8000 recorded and ${expected.length} played samples, all the same bits`)
  }
})

/** The hash of what the native lines give. */
function golden(who, rate) {
  const lines = readFileSync(join(ROOT, 'tests', 'worklet', 'golden.txt'), 'utf8')
  return lines.match(new RegExp(`^${who} ${rate} (\\w+)`, 'm'))[1]
}

/** What the native test records: half a second of noise on two channels, the second half as loud. */
async function recorded(browser, rate) {
  const left = noise(rate >> 1)
  const frames = await browser.run('return record(...arguments)', rate, base64(left))
  frames.forEach(({ position }, index) => assert.equal(position, 320 * index))
  return Buffer.concat(frames.map(({ pcm }) => Buffer.from(pcm, 'base64')))
}

/** Both channels of what the player makes of the {@link script} in a browser. */
async function played(browser, rate) {
  const messages = script(rate).map(({ at, message }) => ({ at, message: { ...message, pcm: message.pcm && base64(message.pcm) } }))
  const channels = await browser.run('return play(...arguments)', rate, FRAMES, messages)
  return channels.map((text) => {
    const bytes = Buffer.from(text, 'base64')
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  })
}

/** The same in Node. */
function playedHere(rate) {
  const node = new Scope(rate).player({ module: shippedModule() })
  const [output, messages] = [new Float32Array(FRAMES), script(rate)]
  for (let frame = 0; frame < FRAMES; frame += 128) {
    while (messages[0]?.at <= frame) {
      const { message } = messages.shift()
      node.worker.postMessage({ ...message, pcm: message.pcm && pcm(message.pcm) })
    }
    const channels = [new Float32Array(128), new Float32Array(128)]
    node.processor.process([], [channels])
    output.set(channels[0], frame)
  }
  return output
}

/** A turn that starves, goes on and is cut off in its middle; what is late for it; one more that ends. */
function script(rate) {
  const sound = voice(24000)
  const at = (seconds) => 128 * Math.round(seconds * rate / 128)
  return [
    { at: 0, message: { type: 'play', epoch: 1, position: 0, pcm: sound.subarray(0, 4000) } },
    { at: at(0.25), message: { type: 'play', epoch: 1, position: 4000, pcm: sound.subarray(4000, 10000) } },
    { at: at(0.26), message: { type: 'play', epoch: 1, position: 10000, pcm: sound.subarray(10000, 16000) } },
    { at: at(0.5), message: { type: 'flush', epoch: 1 } },
    { at: at(0.5), message: { type: 'play', epoch: 1, position: 16000, pcm: sound.subarray(16000, 18000) } },
    { at: at(0.6), message: { type: 'play', epoch: 2, position: 0, pcm: sound.subarray(16000) } },
    { at: at(0.6), message: { type: 'end', epoch: 2, samples: 8000 } },
  ]
}

/** The audio thread's module as the page downloads it. */
function shippedModule() {
  const { buffer, byteOffset, byteLength } = readFileSync(join(DIST, shipped(/^vivavoce_worklet.*\.wasm$/)))
  return buffer.slice(byteOffset, byteOffset + byteLength)
}

/** The one file of the page with such a name. */
function shipped(name) {
  const [file, ...others] = readdirSync(DIST).filter((each) => name.test(each))
  assert.deepEqual(others, [], `one file of the page matches ${name}`)
  return file
}

async function serve(after) {
  const files = {
    '/courier.js': ['text/javascript', readFileSync(join(DIST, shipped(/^worklet.*\.js$/)))],
    '/module.wasm': ['application/wasm', readFileSync(join(DIST, shipped(/^vivavoce_worklet.*\.wasm$/)))],
    '/prompter.js': ['text/javascript', PROMPTER],
  }
  const server = createServer((request, response) => {
    const [type, body] = files[request.url] ?? ['text/html', PAGE]
    response.setHeader('content-type', type)
    response.end(body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.closeAllConnections())
  after(() => server.close())
  return `http://127.0.0.1:${server.address().port}/`
}

const base64 = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString('base64')

/** Somewhat more than the script needs, in whole blocks. */
const FRAMES = 128 * 480

/**
 * Runs in the audio thread before the courier: messages are not ordered against an offline rendering, so the player
 * is told what it would hear at the frames of a script, in its options.
 */
const PROMPTER = `
const register = globalThis.registerProcessor
globalThis.registerProcessor = (name, Processor) => register.call(globalThis, name, class extends Processor {
  constructor(options) {
    super(options)
    this.script = options.processorOptions.script ?? []
  }

  process(...how) {
    while (this.script[0]?.at <= currentFrame) this.hearPeer(this.script.shift().message)
    return super.process(...how)
  }
})`

const PAGE = `<!doctype html><title>golden</title><script>
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer

function textOf(buffer) {
  let text = ''
  const bytes = new Uint8Array(buffer)
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(text)
}

/** A context of so many frames with a node of ours, and what it says to the page. */
async function stage(rate, frames, name, options, processorOptions) {
  const context = new OfflineAudioContext(2, frames, rate)
  await context.audioWorklet.addModule('prompter.js')
  await context.audioWorklet.addModule('courier.js')
  const module = await (await fetch('module.wasm')).arrayBuffer()
  const node = new AudioWorkletNode(context, name, { ...options, processorOptions: { module, ...processorOptions } })
  const faults = []
  node.port.onmessage = ({ data }) => { if (data.type === 'fault') faults.push(data.message) }
  node.connect(context.destination)
  return { context, node, faults }
}

window.record = async (rate, left) => {
  const sound = new Float32Array(bytesOf(left))
  const { context, node, faults } = await stage(rate, sound.length, 'vivavoce-recorder', { outputChannelCount: [1] })
  const buffer = context.createBuffer(2, sound.length, rate)
  buffer.copyToChannel(sound, 0)
  buffer.copyToChannel(sound.map((sample) => sample / 2), 1)
  const source = new AudioBufferSourceNode(context, { buffer })
  source.connect(node)
  source.start()
  const frames = []
  const { port1, port2 } = new MessageChannel()
  const whole = new Promise((resolve) => {
    port2.onmessage = ({ data }) => {
      if (data.type === 'frame') frames.push({ position: data.position, pcm: textOf(data.pcm) })
      if (frames.length === 25) resolve()
    }
  })
  node.port.postMessage({ type: 'link', port: port1 }, [port1])
  await context.startRendering()
  await whole
  if (faults.length) throw new Error(faults.join())
  return frames
}

window.play = async (rate, frames, messages) => {
  const script = messages.map(({ at, message }) => ({ at, message: { ...message, pcm: message.pcm && bytesOf(message.pcm) } }))
  const { context, faults } = await stage(rate, frames, 'vivavoce-player', { numberOfInputs: 0, outputChannelCount: [2] }, { script })
  const rendered = await context.startRendering()
  if (faults.length) throw new Error(faults.join())
  return [0, 1].map((channel) => textOf(rendered.getChannelData(channel).buffer))
}
</script>`
