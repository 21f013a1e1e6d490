// The rig itself, with a page of a few lines: what the stories hear and say is only worth as much as this.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { By } from 'selenium-webdriver'
import { compare } from '../sound/comparison.mjs'
import { until } from '../sound/fact.mjs'
import { pitch } from '../sound/flaw.mjs'
import { decibels, resample, rms, tone } from '../sound/signal.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { story } from './story.mjs'

for (const rate of [44100, 48000]) {
  story(`carries sound both ways at ${rate} Hz`, { rate }, async ({ engine, browser, card, note, after }) => {
    const page = await servePage(after)
    await browser.driver.get(page)
    await browser.driver.findElement(By.id('tap')).click()
    await until('the page hears', async () => (await browser.run('return window.blocks?.length ?? 0')) > 20)

    const said = speak(SENTENCES[0].text, { ...SENTENCES[0], rate })
    await card.speak(said)
    const context_rate = await browser.run('return context.sampleRate')
    const heard = await microphone(browser, 0.5)
    const result = compare(resample(said, context_rate), heard, context_rate)
    note(`microphone ${context_rate} Hz, SNR ${result.snr_db.toFixed(1)} dB, median ${result.median_db.toFixed(1)} dB, gain ${result.gain.toFixed(3)}, ` +
      `drift ${result.drift_ppm.toFixed(0)} ppm, ${result.jumps.map(jump => `jump of ${jump.samples.toFixed(1)} at ${jump.at_s} s`).join(', ')}`)
    // WebKitGTK's contexts run at 44.1 kHz whatever the device does.
    assert.equal(context_rate, engine === 'webkit' ? 44100 : rate)

    const recording = await card.listen()
    await browser.run('sound(440, 1)')
    await until('a tone sounds', () => recording.sounds(0.1))
    await until('it ends', () => !recording.sounds(0.1))
    await recording.stop()
    const back = compare(tone(440, 1, rate), recording.samples(), rate)
    note(`loudspeaker SNR ${back.snr_db.toFixed(1)} dB, level ${decibels(rms(recording.samples())).toFixed(1)} dB`)
    assert.ok(Math.abs(pitch(recording.samples(), rate) - 440) < 2)
    assert.ok(result.correlation > 0.5 && back.correlation > 0.95, 'a busy machine drops a buffer now and then, but not more')
  })
}

/** What the page's microphone heard, once it has been silent for `seconds`. */
async function microphone(browser, seconds) {
  const base64 = await until('the microphone is silent again', () => browser.run(`
    const quanta = Math.ceil(arguments[0] * context.sampleRate / 128)
    const loud = blocks.slice(-quanta).some(block => block.some(sample => Math.abs(sample) > 0.001))
    if (loud) return null
    const all = new Float32Array(blocks.length * 128)
    blocks.forEach((block, i) => all.set(block, 128 * i))
    let text = ''
    const bytes = new Uint8Array(all.buffer)
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
    return btoa(text)`, seconds))
  const bytes = Buffer.from(base64, 'base64')
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

async function servePage(after) {
  const server = createServer((request, response) => {
    const [type, body] = request.url === '/ear.js' ? ['text/javascript', EAR] : ['text/html', PAGE]
    response.setHeader('content-type', type)
    response.end(body)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  after(() => server.closeAllConnections())
  after(() => server.close())
  return `http://127.0.0.1:${server.address().port}/`
}

const EAR = `
registerProcessor('ear', class extends AudioWorkletProcessor {
  process([[channel]]) {
    if (channel) this.port.postMessage(channel.slice())
    return true
  }
})`

const PAGE = `<!doctype html><title>rig</title><button id=tap>Tap</button><script>
document.querySelector('#tap').onclick = async () => {
  window.context = new AudioContext()
  const resumed = context.resume()
  const asked = navigator.mediaDevices.getUserMedia({ audio:
    { echoCancellation: false, noiseSuppression: false, autoGainControl: false } })
  const module = context.audioWorklet.addModule('ear.js')
  const [stream] = await Promise.all([asked, module, resumed])
  const ear = new AudioWorkletNode(context, 'ear', { channelCount: 1, channelCountMode: 'explicit' })
  const blocks = []
  ear.port.onmessage = ({ data }) => blocks.push(data)
  context.createMediaStreamSource(stream).connect(ear).connect(context.destination)
  window.blocks = blocks
}
window.sound = (frequency, seconds) => {
  const [voice, volume, now] = [context.createOscillator(), context.createGain(), context.currentTime + 0.1]
  voice.frequency.value = frequency
  volume.gain.setValueAtTime(0, now)
  volume.gain.linearRampToValueAtTime(0.3, now + 0.01)
  volume.gain.setValueAtTime(0.3, now + seconds - 0.01)
  volume.gain.linearRampToValueAtTime(0, now + seconds)
  voice.connect(volume).connect(context.destination)
  voice.start(now)
  voice.stop(now + seconds)
}
</script>`
