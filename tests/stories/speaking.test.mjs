// What the model says sounds as it was sent, both sides' words stand on the page, and a voice over it silences it.

import assert from 'node:assert/strict'
import { DIST } from '../../scripts/build.mjs'
import { compare } from '../sound/comparison.mjs'
import { until } from '../sound/fact.mjs'
import { clickLevel, clicks, gaps, pitch, pitchRatio } from '../sound/flaw.mjs'
import { resample, shifted } from '../sound/signal.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { Call } from './call.mjs'
import { Gate } from './gate.mjs'
import { House } from './house.mjs'
import { story } from './story.mjs'
import { overhear, overheard, witnessAt } from './witness.mjs'

for (const rate of [44100, 48000]) {
  story(`speaks the reply whole at ${rate} Hz, and shows the words of both`, { rate }, async ({ browser, card, note, after, explain }) => {
    const house = await House.open({ page: DIST, script: { pace: { chunk_ms: [2000, 2000] }, turn: [{ heard: 'How is the weather?', says: 'Much as it was yesterday.' }] } })
    after(() => house.close())
    const gate = await Gate.open(house, { script: witnessAt(rate) })
    after(() => gate.close())
    const call = await Call.open(browser, gate.url)
    explain(async () => ({ page: await call.told(), simulator: await house.account() }))
    await call.tap()
    await call.reach('listening')
    await overhear(browser, 'player')
    const recording = await card.listen()
    await card.speak(speak(SENTENCES[1].text, { ...SENTENCES[1], rate: card.rate, silence_s: 0.3 }))
    await call.reach('speaking')
    await call.hears('the words of the answer are all there', ({ type, who }) => type === 'caption_end' && who === 'model')
    await call.reach('listening')
    await until('it is quiet', () => !recording.sounds(0.3))
    await recording.stop()
    const played = await overheard(browser, 'player')
    const captions = await call.captions()
    await call.tap()
    await call.reach('ended')
    await until('the simulator wrote it down', () => house.said().samples.length > 0)

    assert.equal(played.rate, rate)
    assert.ok(captions.some(({ who, text }) => who === 'user' && text.includes('How is the weather?')), JSON.stringify(captions))
    assert.ok(captions.some(({ who, text }) => who === 'model' && text.includes('Much as it was yesterday.')))
    isWhole(house.said(), played, note)
    isHeard(house.said(), { rate: recording.rate, samples: recording.samples() }, note)
  })
}

story('falls silent when spoken over, and answers again', {}, async ({ browser, card, note, after, explain }) => {
  const house = await House.open({ page: DIST, script: {
    turn: [
      { heard: 'A long story, please.', says: 'Once upon a time', audio: { tone: { hz: 330, ms: 20000 } } },
      { heard: 'That is enough.', says: 'As you like.', audio: { tone: { hz: 550, ms: 1500 } } },
    ] } })
  after(() => house.close())
  // No loudspeaker echoes into this microphone, and Chromium's canceller, finding no echo, takes the voice for one.
  const call = await Call.open(browser, house.url, { audio: { echoCancellation: false } })
  explain(async () => ({ page: await call.told(), simulator: await house.account() }))
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

story('shows what was heard, and stops there when spoken over', {}, async ({ browser, card, note, after, explain }) => {
  // Sixty words of 300 ms, all of them written down long before most are heard.
  const says = Array.from({ length: 60 }, (_, index) => [index * WORD_MS, `word${index + 1}`])
  const house = await House.open({ page: DIST, script: {
    pace: { transcript_lead_ms: 1500 },
    turn: [
      { heard: 'Count, please.', says, audio: { tone: { hz: 330, ms: 60 * WORD_MS } } },
      { heard: 'That is enough.', says: 'As you like.', audio: { tone: { hz: 550, ms: 500 } } },
    ] } })
  after(() => house.close())
  // As above: there is no echo here to cancel.
  const call = await Call.open(browser, house.url, { audio: { echoCancellation: false } })
  explain(async () => ({ page: await call.told(), simulator: await house.account() }))
  await call.tap()
  await call.reach('listening')
  const recording = await card.listen()
  const said = SENTENCES.map(sentence => speak(sentence.text, { ...sentence, rate: card.rate }))
  await card.speak(said[0])
  const from = await until('the count sounds', () => recording.sounds(0.05) && recording.length)
  await until('some words are heard', () => recording.length - from > 4 * card.rate)
  const [silent] = await Promise.all([
    until('the count is silent', () => !recording.sounds(0.05) && recording.length),
    card.speak(said[2]),
  ])
  const { epoch } = await call.hears('the count is cut', ({ type, who, cut }) => type === 'caption_end' && who === 'model' && cut)
  await call.hears('the answer begins', ({ type, who, epoch: of }) => type === 'caption' && who === 'model' && of > epoch)
  await recording.stop()

  const line = (await call.captions()).find(({ who, cut }) => who === 'model' && cut)
  const shown = (line.text.match(/word\d+/g) ?? []).length
  const heard_ms = (silent - from) / card.rate * 1000
  note(`shown ${shown} words, heard ${(heard_ms / WORD_MS).toFixed(1)}`)
  assert.ok(line.text.includes(`word${shown}`) && !line.text.includes(`word${shown + 1}`), line.text)
  // The recording's clock and the search for silence are coarse: a word for these, a word for the caption.
  assert.ok(Math.abs(shown - heard_ms / WORD_MS) <= 2, `shown ${shown} words, heard ${heard_ms} ms`)
})

/** How long each word of the count takes. */
const WORD_MS = 300

/** The reply as the page played it: nothing missing, nothing twice, no click, the same pitch. */
function isWhole(sent, played, note) {
  const { said, aligned, flaws, click_db, result } = lay('what the page played', sent, played, note)
  assert.deepEqual(flaws, { gaps: [], clicks: [], jumps: [] })
  assert.ok(result.snr_db > 40, `SNR ${result.snr_db} dB`)
  assert.ok(click_db < -70, `a click of ${click_db} dB`)
  hasPitchOf(said, aligned, played.rate)
}

/** The reply at the loudspeaker, on the way to which a busy machine drops a buffer now and then, and tears what is around it. */
function isHeard(sent, heard, note) {
  const { said, aligned, flaws, result } = lay('what the loudspeaker played', sent, heard, note)
  // The page gave it whole: isWhole saw to that. What is held here is that it sounds, and is this reply.
  const missing_ms = flaws.gaps.reduce((sum, { ms }) => sum + ms, 0)
  assert.ok(missing_ms <= 0.1 * said.length / heard.rate * 1000, `${missing_ms} ms are missing`)
  assert.ok(result.correlation > 0.9, `correlation ${result.correlation}`)
  hasPitchOf(said, aligned, heard.rate)
}

function lay(what, sent, { samples, rate }, note) {
  const said = resample(sent, rate)
  const result = compare(said, samples, rate)
  const aligned = samples.subarray(Math.round(result.delay)).map(sample => sample / result.gain)
  const flaws = { gaps: gaps(said, aligned, rate), clicks: clicks(said, aligned, rate), jumps: result.jumps }
  const click_db = clickLevel(said, shifted(samples, result.delay, said.length).map(sample => sample / result.gain), rate)
  note(`${what}: SNR ${result.snr_db.toFixed(1)} dB, correlation ${result.correlation.toFixed(4)}, gain ` +
    `${result.gain.toFixed(3)}, ${flaws.jumps.length} jumps, ${flaws.gaps.length} gaps, ${flaws.clicks.length} clicks, the loudest ${click_db.toFixed(1)} dB`)
  return { said, aligned, flaws, click_db, result }
}

function hasPitchOf(said, heard, rate) {
  const ratio = pitchRatio(said, heard, rate)
  assert.ok(Math.abs(ratio - 1) < 0.005, `its pitch is ${ratio} times what was sent`)
}
