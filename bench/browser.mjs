// The browser's own resampling, and our worklet where it lives. Runs in a page.

import { judgeCapture, judgePlayback } from './quality.mjs'
import { ROADS } from './rounds.mjs'

/**
 * What a buffer source does with a buffer of another rate than its context's: how the handbook's player, and
 * every other that is built on buffer sources, resamples.
 */
export async function judgeBufferSource() {
  const found = []
  for (const [from, to] of ROADS) {
    const run = (samples) => render(from, to, samples)
    const quality = to === 16000 ? await judgeCapture(run, from, to) : await judgePlayback(run, from, to)
    found.push({ from, to, rows: [{ name: 'buffer source', ...quality, wait_ms: null }] })
  }
  return found
}

/** Nanoseconds per input sample of the same, the median of some rounds of ten seconds. */
export async function raceBufferSource({ rounds = 7 } = {}) {
  const found = []
  for (const [from, to] of ROADS) {
    const [samples, times] = [new Float32Array(10 * from).map(() => Math.random() - 0.5), []]
    for (let round = 0; round < rounds; round++) {
      const begun = performance.now()
      await render(from, to, samples)
      times.push((performance.now() - begun) * 1e6 / samples.length)
    }
    found.push({ from, to, rows: [{ name: 'buffer source', ns: median(times) }] })
  }
  return found
}

/**
 * What a 16 kHz context makes of a 48 kHz microphone: the handbook's recorder. The microphone is another context's
 * stream, so this runs in real time, tone after tone; needs a tap before it.
 */
export async function judgeContext() {
  const passed = [100, 950, 1800, 2650, 3500, 4350, 5200, 6900]
  const edge = Array.from({ length: 20 }, (_, i) => 6050 + 100 * i)
  const near = [8100, 8300, 8500, 8700, 8900]
  const far = Array.from({ length: 15 }, (_, i) => 9100 + 1000 * i)
  const all = [...passed, ...edge, ...near, ...far]
  const levels = await hearTones(all)
  const of = (some) => some.map((hz) => levels.get(hz))
  const down = edge.findIndex((hz) => levels.get(hz) < -1)
  const [above, below] = [levels.get(edge[down - 1]), levels.get(edge[down])]
  const edge_hz = down > 0 ? Math.round(edge[down - 1] + 100 * (above + 1) / (above - below)) : 8000
  return { from: 48000, to: 16000, rows: [{ name: '16 kHz context', ripple_db: Math.max(...of(passed).map(Math.abs)),
    edge_hz, alias_near_db: Math.max(...of(near)), alias_far_db: Math.max(...of(far)),
    filter_ms: null, wait_ms: null }] }
}

/** The level in dB, relative to what was said, that arrives of each tone. */
async function hearTones(frequencies) {
  const [mouth, ear] = [new AudioContext({ sampleRate: 48000 }), new AudioContext({ sampleRate: 16000 })]
  try {
    await Promise.all([mouth.resume(), ear.resume(), ear.audioWorklet.addModule(URL.createObjectURL(new Blob([EAR], { type: 'text/javascript' })))])
    const stream = mouth.createMediaStreamDestination()
    const node = new AudioWorkletNode(ear, 'ear')
    const blocks = []
    node.port.onmessage = ({ data }) => blocks.push(data)
    ear.createMediaStreamSource(stream.stream).connect(node).connect(ear.destination)
    const sound = mouth.createBuffer(1, Math.round((LEAD_S + SLOT_S * (frequencies.length + 1)) * 48000), 48000)
    fill(sound.getChannelData(0), frequencies)
    const source = new AudioBufferSourceNode(mouth, { buffer: sound })
    source.connect(stream)
    const ended = new Promise((resolve) => { source.onended = resolve })
    source.start(mouth.currentTime + 0.5)
    await ended
    // What is still on its way to the ear.
    const count = blocks.length + Math.ceil(0.5 * 16000 / 128)
    while (blocks.length < count) await new Promise((resolve) => setTimeout(resolve, 20))
    return read(blocks, frequencies)
  } finally {
    await Promise.all([mouth.close(), ear.close()])
  }
}

/** A tone that says where it begins, a pause, and a slot for each tone. */
function fill(samples, frequencies) {
  for (let i = 0; i < 0.2 * 48000; i++) samples[i] = 0.5 * Math.sin(2 * Math.PI * 1000 * i / 48000)
  frequencies.forEach((hz, slot) => {
    const start = Math.round((LEAD_S + slot * SLOT_S) * 48000)
    for (let i = 0; i < SLOT_S * 48000; i++) samples[start + i] = 0.5 * Math.sin(2 * Math.PI * hz * i / 48000)
  })
}

function read(blocks, frequencies) {
  const heard = blocks.flatMap((block) => [...block])
  const start = heard.findIndex((sample) => Math.abs(sample) > 0.2)
  if (start < 0) throw new Error('the 16 kHz context heard nothing')
  return new Map(frequencies.map((hz, slot) => {
    const middle = start + Math.round((LEAD_S + (slot + 0.25) * SLOT_S) * 16000)
    const part = heard.slice(middle, middle + SLOT_S / 2 * 16000)
    return [hz, 10 * Math.log10(part.reduce((sum, sample) => sum + sample ** 2, 0) / part.length / 0.125 + 1e-20)]
  }))
}

async function render(from, to, samples) {
  const context = new OfflineAudioContext(1, Math.floor(samples.length * to / from), to)
  const buffer = context.createBuffer(1, samples.length, from)
  buffer.copyToChannel(samples, 0)
  const source = new AudioBufferSourceNode(context, { buffer })
  source.connect(context.destination)
  source.start()
  return (await context.startRendering()).getChannelData(0)
}

const EAR = `
registerProcessor('ear', class extends AudioWorkletProcessor {
  process([[channel]]) {
    if (channel) this.port.postMessage(channel.slice())
    return true
  }
})`

const LEAD_S = 0.4
const SLOT_S = 0.2

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
