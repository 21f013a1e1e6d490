// What passes between the page and the browser's sound: the very samples that the page is given and gives.
//
// A machine that is short of time drops sound between the browser and its devices. That is heard in a recording, and
// is none of our doing; here it can be told apart.

/** Runs in the page before everything else: remembers the microphone's and the loudspeaker's side of the page's graph. */
export const WITNESS = `
  window.asked = []
  window.contexts = []
  window.sources = []
  window.sinks = []
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = wishes => {
    asked.push(JSON.parse(JSON.stringify(wishes)))
    return ask(wishes)
  }
  window.AudioContext = class extends AudioContext {
    constructor(how) {
      super({ ...how, ...(window.fixedRate && { sampleRate: window.fixedRate }) })
      contexts.push(this)
    }
    createMediaStreamSource(stream) {
      const source = super.createMediaStreamSource(stream)
      sources.push(source)
      return source
    }
  }
  const connect = AudioNode.prototype.connect
  AudioNode.prototype.connect = function (to, ...how) {
    if (to === this.context.destination && this.numberOfInputs === 0) sinks.push(this)
    return connect.call(this, to, ...how)
  }
  window.overhear = async (name, nodes) => {
    const [{ context }] = nodes
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([\`
      registerProcessor('\${name}', class extends AudioWorkletProcessor {
        process([[channel]]) {
          if (channel) this.port.postMessage({ channel: channel.slice(), at: Date.now() })
          return true
        }
      })\`], { type: 'text/javascript' })))
    const ear = new AudioWorkletNode(context, name, { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' })
    const blocks = window[name] = []
    ear.port.onmessage = ({ data }) => blocks.push(data)
    for (const node of nodes) node.connect(ear)
  }`

/** The same, for a page whose contexts run at a rate of ours, whatever the device has: WebKitGTK would take 44.1 kHz always. */
export const witnessAt = rate => `window.fixedRate = ${rate}\n${WITNESS}`

/** Begins to write down what the page's microphone gives (`microphone`) or what the page plays (`player`). */
export function overhear(browser, name) {
  return browser.run(`return overhear(arguments[0], arguments[0] === 'microphone' ? sources : sinks)`, name)
}

/**
 * What was written down so far: samples, their rate, and when each block of 128 passed, in milliseconds of the machine's
 * clock.
 */
export async function overheard(browser, name) {
  const [base64, rate, at] = await browser.run(`
    const blocks = window[arguments[0]]
    const all = new Float32Array(blocks.reduce((sum, { channel }) => sum + channel.length, 0))
    let end = 0
    for (const { channel } of blocks) {
      all.set(channel, end)
      end += channel.length
    }
    let text = ''
    const bytes = new Uint8Array(all.buffer)
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
    return [btoa(text), contexts.at(-1).sampleRate, blocks.map(({ at }) => at)]`, name)
  const bytes = Buffer.from(base64, 'base64')
  return { samples: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), rate, at }
}

/** For how many seconds it sounded since, and for how many it has been silent. */
export function sounded(browser, name) {
  return browser.run(`
    const isLoud = window[arguments[0]].map(({ channel }) => channel.some(sample => Math.abs(sample) > 0.001))
    const seconds = blocks => blocks * 128 / contexts.at(-1).sampleRate
    return { sound_s: seconds(isLoud.filter(Boolean).length), silence_s: seconds(isLoud.length - 1 - isLoud.lastIndexOf(true)) }`, name)
}
