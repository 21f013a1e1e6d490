// What a first call downloads stays within its budget. Needs the built page.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUDGET_BYTES, first, sizes, total, WHOLE_BUDGET_BYTES } from '../scripts/size.mjs'

test('a first call downloads no more than its budget', async (t) => {
  const measured = first(await sizes())
  t.diagnostic(`${total(measured)} bytes of ${BUDGET_BYTES}, brotli-compressed`)
  assert.ok(total(measured) <= BUDGET_BYTES, JSON.stringify(measured, null, 1))
})

test('with what comes in a call it stays within the greater budget', async (t) => {
  const measured = await sizes()
  t.diagnostic(`${total(measured)} bytes of ${WHOLE_BUDGET_BYTES}, brotli-compressed`)
  assert.ok(total(measured) <= WHOLE_BUDGET_BYTES, JSON.stringify(measured, null, 1))
})

test('the page downloads three modules, each compiled for browsers', async () => {
  const modules = (await sizes()).filter(({ name }) => name.endsWith('.wasm')).map(({ name }) => name.split('.')[0])
  assert.deepEqual(modules.sort(), ['vivavoce_bg', 'vivavoce_vad', 'vivavoce_worklet'])
})
