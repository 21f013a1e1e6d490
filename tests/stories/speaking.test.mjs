// What the model says sounds as it was sent, both sides' words stand on the page, and a voice over it silences it.

import assert from 'node:assert/strict'
import { DIST } from '../../scripts/build.mjs'
import { compare } from '../sound/comparison.mjs'
import { until } from '../sound/fact.mjs'
import { clicks, gaps, pitch } from '../sound/flaw.mjs'
import { resample, rms } from '../sound/signal.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { Call } from './call.mjs'
import { House } from './house.mjs'
import { story } from './story.mjs'

story('speaks the reply whole, and shows the words of both', {}, async ({ browser, card, note, after }) => {
  const house = await House.open({ page: DIST, script: { turn: [{ heard: 'How is the weather?', says: 'Much as it was yesterday.' }] } })
  after(() => house.close())
  const call = await Call.open(browser, house.url)
  await call.tap()
  await call.reach('listening')
  const recording = await card.listen()
  await card.speak(speak(SENTENCES[1].text, { ...SENTENCES[1], rate: card.rate, silence_s: 0.3 }))
  await call.reach('speaking')
  await call.hears('the words of the answer are all there', ({ type, who }) => type === 'caption_end' && who === 'model')
  await call.reach('listening')
  await until('it is quiet', () => !recording.sounds(0.3))
  await recording.stop()
  const captions = await call.captions()
  await call.tap()
  await call.reach('ended')
  await until('the simulator wrote it down', () => house.said().samples.length > 0)

  assert.ok(captions.some(({ who, text }) => who === 'user' && text.includes('How is the weather?')), JSON.stringify(captions))
  assert.ok(captions.some(({ who, text }) => who === 'model' && text.includes('Much as it was yesterday.')))
  judge(house.said(), recording, note)
})

story('falls silent when spoken over, and answers again', {}, async ({ browser, card, note, after }) => {
  const house = await House.open({ page: DIST, script: {
    turn: [
      { heard: 'A long story, please.', says: 'Once upon a time', audio: { tone: { hz: 330, ms: 20000 } } },
      { heard: 'That is enough.', says: 'As you like.', audio: { tone: { hz: 550, ms: 1500 } } },
    ] } })
  after(() => house.close())
  // No loudspeaker echoes into this microphone, and Chromium's canceller, finding no echo, takes the voice for one.
  const call = await Call.open(browser, house.url, { audio: { echoCancellation: false } })
  await call.tap()
  await call.reach('listening')
  const recording = await card.listen()
  const said = SENTENCES.map(sentence => speak(sentence.text, { ...sentence, rate: card.rate }))
  await card.speak(said[0])
  await until('the story sounds', () => recording.sounds(0.3))

  const from = recording.length
  const [over] = await Promise.all([
    until('the story is silent', () => !recording.sounds(0.05, from) && recording.length - from > 0.05 * card.rate && recording.length),
    card.speak(said[2]),
  ])
  note(`silent ${((over - from) / card.rate * 1000 - 50).toFixed(0)} ms after the first word over it`)
  assert.ok((over - from) / card.rate < 3, 'before the sentence over it ended')
  await call.hears('the story is cut', ({ type, who, cut }) => type === 'caption_end' && who === 'model' && cut)

  await until('the next answer sounds', () => recording.sounds(0.3))
  const answer = recording.length
  await call.hears('the next answer is over', ({ type, who, cut, epoch }) => type === 'caption_end' && who === 'model' && !cut && epoch > 1)
  await until('it is quiet', () => !recording.sounds(0.3))
  await recording.stop()
  const heard = pitch(recording.samples(answer), card.rate)
  assert.ok(Math.abs(heard - 550) < 5, `the next answer has 550 Hz, heard ${heard}`)
})

/** The reply as the loudspeaker played it against the reply as it was sent. */
function judge(sent, recording, note) {
  const said = resample(sent, recording.rate)
  const heard = recording.samples()
  const result = compare(said, heard, recording.rate)
  const aligned = heard.subarray(Math.round(result.delay)).map(sample => sample / result.gain)
  const flaws = { gaps: gaps(said, aligned, recording.rate), clicks: clicks(said, aligned, recording.rate) }
  note(`loudspeaker: correlation ${result.correlation.toFixed(4)}, SNR ${result.snr_db.toFixed(1)} dB, ` +
    `median ${result.median_db.toFixed(1)} dB, gain ${result.gain.toFixed(3)}, ${result.jumps.length} jumps, ` +
    `${flaws.gaps.length} gaps, ${flaws.clicks.length} clicks, level ${rms(heard).toFixed(3)}`)
  assert.deepEqual(flaws, { gaps: [], clicks: [] })
  assert.deepEqual(result.jumps, [])
  assert.ok(result.correlation > 0.98, `correlation ${result.correlation}`)
  const [there, here] = [pitch(said, recording.rate), pitch(aligned, recording.rate)]
  assert.ok(Math.abs(here / there - 1) < 0.01, `pitch ${here} Hz for ${there}`)
}
