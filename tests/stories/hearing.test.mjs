// What a person says arrives as it was said.

import assert from 'node:assert/strict'
import { DIST } from '../../scripts/build.mjs'
import { until } from '../sound/fact.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { Call } from './call.mjs'
import { Gate } from './gate.mjs'
import { House } from './house.mjs'
import { arrived } from './road.mjs'
import { story } from './story.mjs'
import { overhear, overheard, WITNESS } from './witness.mjs'

const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }

for (const rate of [44100, 48000]) {
  story(`hears every word from a microphone at ${rate} Hz`, { rate }, async ({ browser, card, note, after, explain }) => {
    const house = await House.open({ page: DIST, script: SILENT })
    after(() => house.close())
    const gate = await Gate.open(house, { script: WITNESS })
    after(() => gate.close())
    const call = await Call.open(browser, gate.url, { audio: UNTOUCHED })
    explain(async () => ({ page: await call.told(), simulator: await house.account() }))
    await call.tap()
    await call.reach('listening')
    await overhear(browser, 'microphone')

    const said = speak(SENTENCES[0].text, { ...SENTENCES[0], rate, silence_s: 0.3 })
    await card.speak(said)
    await call.hears('it was heard', ({ type, who }) => type === 'caption' && who === 'user')
    const given = await overheard(browser, 'microphone')
    await call.tap()
    await call.reach('ended')
    await until('the simulator wrote it down', () => house.heard().samples.length > 0)

    assert.equal(house.heard().rate, 16000)
    const fromPage = arrived('from the browser to the service', given, house.heard(), note)
    assert.ok(fromPage.snr_db > 27, `SNR ${fromPage.snr_db} dB`)
    assert.deepEqual(fromPage.jumps, [], 'nothing lost, nothing twice')
    assert.ok(Math.abs(fromPage.gain - 1) < 0.02, `gain ${fromPage.gain}`)
    // Between the sound card and the browser a busy machine drops buffers now and then: what came through must arrive, as
    // loud as it was said, or, where buffers are gone, as loud as the browser heard it.
    const toBrowser = arrived('from the mouth to the browser', said, given, note)
    const fromMouth = arrived('from the mouth to the service', said, house.heard(), note)
    assert.ok(toBrowser.correlation > 0.5, `the browser heard the sentence: correlation ${toBrowser.correlation}`)
    assert.ok(fromMouth.correlation > toBrowser.correlation - 0.1, `correlation ${fromMouth.correlation}`)
    const loud = toBrowser.jumps.length > 0 ? toBrowser.level : 1
    assert.ok(Math.abs(fromMouth.level - loud) < 0.2 * loud, `level ${fromMouth.level}, not ${loud}`)
  })
}

const SILENT = { turn: [{ heard: 'What was said.', silent: true }], after: 'silent' }
