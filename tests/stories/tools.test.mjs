// A tool that does something waits for the person, and does what they were shown.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { DIST } from '../../scripts/build.mjs'
import { until } from '../sound/fact.mjs'
import { Call } from './call.mjs'
import { House } from './house.mjs'
import { story } from './story.mjs'

const MAIL = { subject: 'Your <b>table</b>', text: 'Table 12,\nat seven.' }

story('does nothing that the person does not allow, and what they allow as they were shown it', {}, async ({ browser, after, explain }) => {
  const hook = await Webhook.open()
  after(() => hook.close())
  const house = await House.open({ page: DIST, env: { TOOL_SECRET: 'a long random text' }, config: `
    [[tools]]
    name = "send_email"
    description = "Sends an e-mail."
    url = "${hook.url}"
    secret_env = "TOOL_SECRET"
    allow_private = true`,
  script: { turn: [{ when: 'mail', says: 'So be it.', tool: [{ name: 'send_email', args: MAIL }] }] } })
  after(() => house.close())
  const call = await Call.open(browser, house.url)
  explain(async () => ({ page: await call.told(), simulator: await house.account() }))
  await call.tap()
  await call.reach('listening')

  await call.type('Please mail it.')
  assert.deepEqual(await shown(browser), ['send_email', 'subject', MAIL.subject, 'text', MAIL.text])
  await call.tap('refuse')
  await call.hears('it is not done', ({ type, state }) => type === 'tool' && state === 'failed')
  assert.equal(await browser.run('return partOf("question")'), null)
  await call.hears('the model goes on', ({ type, who }) => type === 'caption_end' && who === 'model')
  assert.deepEqual(hook.bodies, [])

  await call.type('Do mail it.')
  await shown(browser)
  await until('it can be allowed', () => browser.run('return !partOf("allow").disabled'))
  assert.deepEqual(hook.bodies, [])
  await call.tap('allow')
  await call.hears('it is done', ({ type, state }) => type === 'tool' && state === 'done')
  assert.equal(await browser.run('return partOf("question")'), null)
  const [{ name, arguments: sent, confirmed }, ...more] = hook.bodies
  assert.deepEqual({ name, sent, confirmed, more }, { name: 'send_email', sent: MAIL, confirmed: true, more: [] })
})

/** What the card says would be done, once there is one. */
function shown(browser) {
  return until('the person is asked', () => browser.run(`
    const card = partOf('question')
    return card && [...card.querySelectorAll('p, dt, dd')].map(({ textContent }) => textContent)`))
}

/** A webhook that does all that it is asked for, and keeps what it was sent. */
class Webhook {
  static async open() {
    const hook = new Webhook()
    await new Promise(resolve => hook.#server.listen(0, '127.0.0.1', resolve))
    hook.url = `http://127.0.0.1:${hook.#server.address().port}/`
    return hook
  }

  url

  bodies = []

  async close() {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #server = createServer(async (request, response) => {
    this.bodies.push(JSON.parse(Buffer.concat(await request.toArray())))
    response.setHeader('content-type', 'application/json').end('{"output":"Sent."}')
  })
}
