// The bench's own measures, and that it runs: figures are only worth as much as what made them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { judgeCapture, judgePlayback, through, waiting } from '../../bench/quality.mjs'
import { ROOT } from '../../scripts/child.mjs'

/** Every third sample, `chunk` of them at a time. */
const third = ({ chunk = 1 } = {}) => {
  const kept = []
  let at = 0
  return {
    push(block) {
      for (const sample of block) if (at++ % 3 === 0) kept.push(sample)
      return Float32Array.from(kept.splice(0, kept.length - kept.length % chunk))
    },
  }
}

test('taking every third sample is flat and aliases at full level', async () => {
  let line = third()
  const run = (samples, { isFresh } = {}) => {
    if (isFresh) line = third()
    return through(line, samples)
  }
  const { ripple_db, edge_hz, alias_near_db, alias_far_db, filter_ms } = await judgeCapture(run, 48000, 16000)
  assert.ok(ripple_db < 0.001 && edge_hz === 8000, `${ripple_db} dB, ${edge_hz} Hz`)
  assert.ok(Math.abs(alias_near_db) < 0.1 && Math.abs(alias_far_db) < 1, `${alias_near_db} dB, ${alias_far_db} dB`)
  assert.ok(Math.abs(filter_ms) < 0.01, `${filter_ms} ms`)
})

test('repeating every sample makes images and a delay of half a sample', async () => {
  const twice = (samples) => Float32Array.from({ length: 2 * samples.length }, (_, i) => samples[i >> 1])
  const { image_db, edge_hz, filter_ms } = await judgePlayback(twice, 24000, 48000)
  // The mean of a sample and the one before it passes cos(πf/48 kHz): of 14.4 kHz, the image of 9.6, −4.6 dB.
  assert.ok(Math.abs(image_db + 4.6) < 0.1, `${image_db} dB`)
  assert.ok(Math.abs(edge_hz - 7198) < 5, `${edge_hz} Hz`)
  assert.ok(Math.abs(filter_ms - 1000 / 48000 / 2) < 0.002, `${filter_ms} ms`)
})

test('a chunk is waited for', () => {
  assert.ok(waiting(third(), 48000, 16000) < 0.1)
  const found = waiting(third({ chunk: 160 }), 48000, 16000)
  assert.ok(found > 9 && found <= 10, `${found} ms`)
})

test('the bench measures our lines within their promises', { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/bench.mjs', '--only', 'node', '--quick', '--alone', '--json'],
    { cwd: ROOT, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const { node, sizes } = JSON.parse(stdout)
  for (const { from, to, rows: [ours] } of node.quality) {
    assert.equal(ours.name, 'vivavoce')
    if (to === 16000) {
      assert.ok(ours.ripple_db <= 0.2 && ours.edge_hz >= 7200, `${from}: ${ours.ripple_db} dB, ${ours.edge_hz} Hz`)
      assert.ok(ours.alias_far_db <= -80 && ours.alias_near_db <= -75, `${from}: ${ours.alias_far_db} dB, ${ours.alias_near_db} dB`)
      assert.ok(ours.filter_ms <= 2.2, `${from}: ${ours.filter_ms} ms`)
    } else {
      assert.ok(ours.image_db <= -76 && ours.filter_ms <= 1, `${to}: ${ours.image_db} dB, ${ours.filter_ms} ms`)
    }
  }
  for (const { rows } of node.speed.races) assert.ok(rows.every(({ ns }) => ns > 1 && ns < 10_000), JSON.stringify(rows))
  for (const { capture, playback, vad, together } of node.speed.loads) {
    assert.ok(capture > 0 && playback > 0 && vad > 0 && together < 0.1, `${capture}, ${playback}, ${vad}`)
    assert.equal(together, capture + playback + vad)
  }
  assert.ok(sizes.some(({ name }) => name === 'pkg/vivavoce_worklet.wasm'))
})
