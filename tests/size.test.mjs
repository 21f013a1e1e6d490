// What a first call downloads stays within its budget. Needs the built page.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUDGET_BYTES, sizes, total } from '../scripts/size.mjs'

test('a first call downloads no more than its budget', async (t) => {
  const measured = await sizes()
  t.diagnostic(`${total(measured)} bytes of ${BUDGET_BYTES}, brotli-compressed`)
  assert.ok(total(measured) <= BUDGET_BYTES, JSON.stringify(measured, null, 1))
})

test('the page downloads two modules, each compiled for browsers', async () => {
  const modules = (await sizes()).filter(({ name }) => name.endsWith('.wasm')).map(({ name }) => name.split('.')[0])
  assert.deepEqual(modules.sort(), ['vivavoce_bg', 'vivavoce_worklet'])
})
