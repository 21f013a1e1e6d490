// One tap is enough, and is not wasted on waiting.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { DIST } from '../../scripts/build.mjs'
import { until } from '../sound/fact.mjs'
import { Call } from './call.mjs'
import { Gate } from './gate.mjs'
import { House } from './house.mjs'
import { story } from './story.mjs'
import { WITNESS } from './witness.mjs'

story('listens soon after the tap', {}, async ({ browser, note, after }) => {
  const house = await House.open({ page: DIST })
  after(() => house.close())
  const call = await Call.open(browser, house.url)
  await call.tap()
  await call.reach('listening')
  const told = await call.told()
  const [tap, listening] = [told.find(({ type }) => type === 'tap'), told.find(({ state }) => state === 'listening')]
  note(`from tap to listening ${(listening.at - tap.at).toFixed(0)} ms`)
  assert.deepEqual(told.filter(({ type }) => type === 'error'), [])
})

story('asks for the microphone once, and for one fit for a conversation', {}, async ({ browser, after }) => {
  const house = await House.open({ page: DIST })
  after(() => house.close())
  const gate = await Gate.open(house, { script: WITNESS })
  after(() => gate.close())
  const call = await Call.open(browser, gate.url)
  await call.tap()
  await call.reach('listening')
  for (const pressed of [true, false]) {
    await call.tap('mute')
    await call.hears(`muted is ${pressed}`, ({ type, muted }) => type === 'muted' && muted === pressed)
  }
  await call.tap()
  await call.reach('ended')
  await call.tap()
  await call.reach('listening')

  const asked = await browser.run('return asked')
  assert.equal(asked.length, 1)
  const { echoCancellation, noiseSuppression, autoGainControl } = asked[0].audio
  assert.deepEqual({ echoCancellation, noiseSuppression, autoGainControl },
    { echoCancellation: true, noiseSuppression: true, autoGainControl: true })
})

story('spends the tap at once while the download is held back', {}, async ({ browser, after }) => {
  const house = await House.open({ page: DIST })
  after(() => house.close())
  const gate = await Gate.open(house, { held: /\.wasm$/, script: WITNESS })
  after(() => gate.close())
  const call = await Call.open(browser, gate.url)
  await call.tap()
  await until('the audio runs', () => browser.run('return contexts.length > 0 && contexts.every(context => context.state === "running")'))
  assert.equal((await browser.run('return asked')).length, 1)
  assert.equal(await call.state(), 'connecting')
  await until('the download waits', () => gate.waiting > 0)
  gate.release()
  await call.reach('listening')
})

story('gets a fresh ticket when the line drops before anybody answered', {}, async ({ browser, after }) => {
  const house = await House.open({ page: DIST, env: { VIVAVOCE_SIGNING_KEY: Buffer.alloc(32, 7).toString('base64') } })
  after(() => house.close())
  const gate = await Gate.open(house, { lost: 1 })
  after(() => gate.close())
  const call = await Call.open(browser, gate.url)
  await call.tap()
  await call.reach('listening')
  assert.deepEqual(gate.posted, ['/v1/session', '/v1/session'])
  assert.equal(gate.calledAt.length, 2)
  assert.deepEqual((await call.told()).filter(({ type }) => type === 'error'), [])
})

story('answers what is typed', {}, async ({ browser, after }) => {
  const house = await House.open({ page: DIST, script: { turn: [{ when: 'two and two', says: 'Four, as far as I know.' }] } })
  after(() => house.close())
  const call = await Call.open(browser, house.url)
  await call.tap()
  await call.reach('listening')
  await call.type('What is two and two?')
  await call.hears('the answer', ({ type, who }) => type === 'caption_end' && who === 'model')
  const captions = await call.captions()
  assert.ok(captions.some(({ who, text }) => who === 'user' && text.includes('What is two and two?')), JSON.stringify(captions))
  assert.ok(captions.some(({ who, text }) => who === 'model' && text.includes('Four, as far as I know.')), JSON.stringify(captions))
})

story('calls from a plain file server under a sub-path', {}, async ({ browser, after }) => {
  const files = await serveFiles('/pages/voice/')
  after(() => files.close())
  const house = await House.open({ page: DIST, config: `[admission]\norigins = ["${new URL(files.url).origin}"]\n` })
  after(() => house.close())
  files.config = { url: `ws://${house.host}/ws` }
  const call = await Call.open(browser, files.url)
  await call.tap()
  await call.reach('listening')
})

/** Serves dist/ under a path as any file server does, but for config.json, which it makes of `config`. */
async function serveFiles(path) {
  const files = { config: {} }
  const server = createServer(async (request, response) => {
    const name = request.url.split('?')[0]
    if (!name.startsWith(path)) return response.writeHead(404).end()
    if (name === `${path}config.json`) return response.end(JSON.stringify(files.config))
    try {
      const file = normalize(name.slice(path.length)) === '.' ? 'index.html' : normalize(name.slice(path.length))
      const body = await readFile(join(DIST, file))
      response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  files.url = `http://127.0.0.1:${server.address().port}${path}`
  files.close = () => {
    server.closeAllConnections()
    server.close()
  }
  return files
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.svg': 'image/svg+xml' }
