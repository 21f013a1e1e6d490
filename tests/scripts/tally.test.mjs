import assert from 'node:assert/strict'
import { test } from 'node:test'
import { elapsed } from '../../scripts/step.mjs'
import { cargoTally, nodeTally } from '../../scripts/tally.mjs'

test('adds up the test binaries of cargo', () => {
  const output = `running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 7 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.20s
`
  assert.deepEqual(cargoTally(output), { passed: 9, failed: 1 })
  assert.deepEqual(cargoTally('error: could not compile'), { passed: 0, failed: 0 })
})

test('counts what Node cancelled as failed and keeps the figures', () => {
  const output = `✔ hears (12ms)
ℹ firefox: SNR 81.1 dB
ℹ tests 4
ℹ suites 0
ℹ pass 2
ℹ fail 1
ℹ cancelled 1
ℹ skipped 0
ℹ todo 0
ℹ duration_ms 67902.008602
`
  assert.deepEqual(nodeTally(output), { passed: 2, failed: 2, notes: ['firefox: SNR 81.1 dB'] })
})

test('says times as people do', () => {
  assert.deepEqual([340, 9_940, 12_600, 61_000, 754_000].map(time => elapsed(0, time)),
    ['0.3 s', '9.9 s', '13 s', '1 min 01 s', '12 min 34 s'])
})
