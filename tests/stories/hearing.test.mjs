// What a person says arrives as it was said.

import assert from 'node:assert/strict'
import { DIST } from '../../scripts/build.mjs'
import { compare } from '../sound/comparison.mjs'
import { until } from '../sound/fact.mjs'
import { lowPass, resample } from '../sound/signal.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { Call } from './call.mjs'
import { House } from './house.mjs'
import { story } from './story.mjs'

const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }

for (const rate of [44100, 48000]) {
  story(`hears every word from a microphone at ${rate} Hz`, { rate }, async ({ browser, card, note, after }) => {
    const house = await House.open({ page: DIST, script: SILENT })
    after(() => house.close())
    const call = await Call.open(browser, house.url, { audio: UNTOUCHED })
    await call.tap()
    await call.reach('listening')

    const said = speak(SENTENCES[0].text, { ...SENTENCES[0], rate, silence_s: 0.3 })
    await card.speak(said)
    await call.hears('it was heard', ({ type, who }) => type === 'caption' && who === 'user')
    await call.tap()
    await call.reach('ended')
    await until('the simulator wrote it down', () => house.heard().samples.length > 0)

    const heard = house.heard()
    assert.equal(heard.rate, 16000)
    // Where the filter ends, above 7 kHz, it is nobody's promise to keep the sound as it was.
    const [there, here] = [resample(said, 16000), heard.samples].map(samples => lowPass(samples, 7000, 16000))
    const result = compare(there, here, 16000)
    const kept = result.segments.filter(({ snr_db }) => snr_db > 20).length / result.segments.length
    note(`${(100 * kept).toFixed(0)} % kept, SNR ${result.snr_db.toFixed(1)} dB, median ${result.median_db.toFixed(1)} dB, gain ${result.gain.toFixed(3)}, ` +
      `${result.jumps.length} jumps`)
    assert.ok(result.correlation > 0.9, `correlation ${result.correlation}`)
    assert.ok(Math.abs(result.gain - 1) < 0.1, `gain ${result.gain}`)
    assert.ok(result.median_db > 25, `median SNR ${result.median_db} dB`)
  })
}

const SILENT = { turn: [{ heard: 'What was said.', silent: true }], after: 'silent' }
