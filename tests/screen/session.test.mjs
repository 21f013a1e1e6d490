import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { Session } from '../../www/session.js'

const DOOR = 'https://proxy.example/v1/session'
const { fetch } = globalThis
const asked = []

afterEach(() => {
  globalThis.fetch = fetch
  asked.length = 0
})

test('shows_what_telegram_signed_and_after_that_the_newest_secret', async () => {
  answers([201, { ticket: 'a', refresh: 'r1' }], [201, { ticket: 'b', refresh: 'r2' }], [201, { ticket: 'c', refresh: 'r3' }])
  const session = new Session('query_id=AA&hash=%2B')
  assert.deepEqual([await session.ticket(DOOR), await session.ticket(DOOR), await session.ticket(DOOR)], ['a', 'b', 'c'])
  assert.deepEqual(asked, [{ init_data: 'query_id=AA&hash=%2B' }, { refresh: 'r1' }, { refresh: 'r2' }])
})

test('shows_nothing_outside_telegram', async () => {
  answers([201, { ticket: 'a' }], [201, { ticket: 'b' }])
  const session = new Session('')
  assert.deepEqual([await session.ticket(DOOR), await session.ticket(DOOR)], ['a', 'b'])
  assert.deepEqual(asked, [{}, {}])
})

test('begins_anew_where_a_secret_is_of_no_more_use', async () => {
  answers([201, { ticket: 'a', refresh: 'r1' }], [401, refusal('not_admitted')], [201, { ticket: 'b', refresh: 'r2' }])
  const session = new Session('signed')
  await session.ticket(DOOR)
  assert.equal(await session.ticket(DOOR), 'b')
  assert.deepEqual(asked, [{ init_data: 'signed' }, { refresh: 'r1' }, { init_data: 'signed' }])
})

test('says_what_the_proxy_says_and_keeps_its_secret_for_later', async () => {
  answers([201, { ticket: 'a', refresh: 'r1' }], [429, refusal('limited')], [201, { ticket: 'b', refresh: 'r2' }])
  const session = new Session('signed')
  await session.ticket(DOOR)
  await assert.rejects(session.ticket(DOOR), { code: 'no_ticket', message: 'Because of limited.' })
  assert.equal(await session.ticket(DOOR), 'b')
  assert.deepEqual(asked.slice(1), [{ refresh: 'r1' }, { refresh: 'r1' }])
})

test('what_may_pass_is_told_like_a_network_that_is_away_and_what_lasts_is_not', async () => {
  answers([429, refusal('limited')], [503, refusal('unavailable')], [502, undefined], [403, refusal('not_admitted')])
  const session = new Session('signed')
  for (const lasts of [false, false, false, true]) {
    const error = await session.ticket(DOOR).catch((error) => error)
    assert.equal((error.cause ?? error) instanceof TypeError, !lasts, error.message)
  }
})

const refusal = (code) => ({ error: { code, message: `Because of ${code}.` } })

/** A proxy that gives these answers. */
function answers(...all) {
  globalThis.fetch = async (url, { method, body, headers }) => {
    assert.deepEqual([url, method, headers], [DOOR, 'POST', undefined])
    asked.push(JSON.parse(body))
    const [status, json] = all.shift()
    return { status, json: async () => json ?? JSON.parse('<html>') }
  }
}
