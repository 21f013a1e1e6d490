// n8n/email-agent.json in a real n8n, alone and behind the proxy. `npm run test:n8n`

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { ROOT, run } from '../../scripts/child.mjs'
import { Caller, HELLO } from '../protocol/caller.mjs'
import { until } from '../sound/fact.mjs'
import { BINARY, House } from '../stories/house.mjs'
import { Instance } from './instance.mjs'
import { Mailbox } from './mailbox.mjs'

const SECRET = 'a long random text'
process.env.EMAIL_TOOL_SECRET = SECRET

const WORKFLOW = JSON.parse(readFileSync(join(ROOT, 'n8n', 'email-agent.json'), 'utf8'))
const SETTINGS = readFileSync(join(ROOT, 'n8n', 'README.md'), 'utf8').split('```toml\n')[1].split('```')[0]
const FAILED = 'The e-mail could not be sent. Do not try again by yourself: say so.'

let n8n
let mailbox
before(async () => {
  mailbox = await Mailbox.open()
  n8n = await Instance.open({
    workflows: [WORKFLOW, renamed('NeverPublished01', 'off')],
    published: WORKFLOW.id,
    path: 'email-agent',
    credentials: [
      { id: 'VivavoceSecret01', name: 'Vivavoce tool secret', type: 'crypto', data: { hmacSecret: SECRET } },
      { id: 'VivavoceSmtp0001', name: 'SMTP', type: 'smtp',
        data: { user: '', password: '', host: '127.0.0.1', port: mailbox.port, secure: false, disableStartTls: true } },
    ],
  })
}, { timeout: 300_000 })
after(async () => {
  await n8n?.close()
  mailbox?.close()
})
beforeEach(() => { mailbox.letters = [] })

test('what is signed is sent, word for word', { timeout: 30_000 }, async () => {
  const text = 'Table 12, at seven.\n.\n.. bis später, {{ $json.mac }} = "…"'
  assert.deepEqual(await ask(wish({ text })), [200, { output: { status: 'sent' } }])
  assert.deepEqual(mailbox.letters, [{ from: 'voice@example.com', to: ['me@example.com'], subject: 'Your table', text }])
})

test('the same key sends once', { timeout: 30_000 }, async () => {
  const call = wish()
  assert.deepEqual(await ask(call), [200, { output: { status: 'sent' } }])
  for (const _ of [1, 2]) {
    const [status, { output }] = await ask(call)
    assert.equal(status, 200)
    assert.match(output.status, /not sent twice/)
  }
  assert.equal(mailbox.letters.length, 1)
})

test('a key that comes again while its e-mail is under way sends nothing', { timeout: 30_000 }, async t => {
  const call = wish()
  const release = mailbox.hold()
  t.after(release)
  const first = ask(call)
  await until('the mail server has it', () => mailbox.letters.length === 1)
  const [, { output }] = await ask(call)
  assert.match(output.status, /not sent twice/)
  release()
  assert.deepEqual(await first, [200, { output: { status: 'sent' } }])
  assert.equal(mailbox.letters.length, 1)
})

for (const [flaw, how] of [
  ['signed with another secret', { secret: 'another' }],
  ['too old', { age_s: 400 }],
  ['of a time to come', { age_s: -400 }],
  ['without a signature', { signature: '' }],
  ['with a beginning of the signature', { cut: 20 }],
  ['changed after it was signed', { forged: ' ' }],
  ['without a body', { forged: null }],
]) {
  test(`nothing is sent that is ${flaw}`, { timeout: 30_000 }, async () => {
    const call = wish()
    assert.deepEqual(await ask(call, how), [401, { error: 'The signature is wrong or too old.' }])
    // Its key is still good: whoever can't sign can't use keys up.
    assert.deepEqual(await ask(call), [200, { output: { status: 'sent' } }])
    assert.equal(mailbox.letters.length, 1)
  })
}

test('nothing is sent to a stranger, or without words', { timeout: 30_000 }, async () => {
  for (const user of [null, { by: 'local', id: 'somebody' }, { by: 'somebody', id: 'this machine' }]) {
    const [status, { error }] = await ask({ ...wish(), user })
    assert.equal(status, 200)
    assert.match(error, /no address/, user?.by)
  }
  const [, { error }] = await ask(wish({ text: undefined }))
  assert.match(error, /a text/)
  assert.deepEqual(mailbox.letters, [])
})

test('a mail server that refuses is told of in words, and the key is used up', { timeout: 30_000 }, async t => {
  mailbox.refuses = true
  t.after(() => { mailbox.refuses = false })
  const call = wish()
  assert.deepEqual(await ask(call), [200, { error: FAILED }])
  mailbox.refuses = false
  const [, { output }] = await ask(call)
  assert.match(output.status, /not sent twice/)
  assert.deepEqual(mailbox.letters, [])
})

test('the documented settings are good', { timeout: 30_000 }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'vivavoce.toml')
  writeFileSync(file, SETTINGS)
  await run(BINARY, ['check', '--config', file])
})

test('a call sends what the model asks for and the person allows, and nothing before', { timeout: 30_000 }, async t => {
  const { question, caller, told } = await asked(t, 'email-agent')
  assert.deepEqual(question.arguments, { subject: 'From a call', text: 'As promised, Zoë.' })
  assert.deepEqual(mailbox.letters, [])
  caller.say(word(question, true))
  await caller.hears(({ type, state }) => type === 'tool' && state === 'done')
  assert.deepEqual(mailbox.letters,
    [{ from: 'voice@example.com', to: ['me@example.com'], subject: 'From a call', text: 'As promised, Zoë.' }])
  assert.deepEqual(await told(), { output: { status: 'sent' } })
  await caller.hears(({ type, state }) => type === 'turn' && state === 'complete')
})

test('a call sends nothing that the person forbids', { timeout: 30_000 }, async t => {
  const { question, caller, told } = await asked(t, 'email-agent')
  caller.say(word(question, false))
  await caller.hears(({ type, state }) => type === 'tool' && state === 'failed')
  assert.match((await told()).error, /did not allow/)
  assert.deepEqual(mailbox.letters, [])
})

test('the model is told in words that the signature is wrong', { timeout: 30_000 }, async t => {
  process.env.EMAIL_TOOL_SECRET = 'another long random text'
  t.after(() => { process.env.EMAIL_TOOL_SECRET = SECRET })
  await fails(t, 'email-agent', /send_email failed: it answered with the error 401\./)
})

test('the model is told in words that the workflow is not published', { timeout: 30_000 }, async t => {
  await fails(t, 'off', /send_email failed: it answered with the error 404\./)
})

/** A call in which the person allows what then fails. */
async function fails(t, path, words) {
  const { question, caller, told } = await asked(t, path)
  caller.say(word(question, true))
  await caller.hears(({ type, state }) => type === 'tool' && state === 'failed')
  assert.match((await told()).error, words)
  assert.deepEqual(mailbox.letters, [])
}

/** A call as far as to the question whether the model may send an e-mail; `told` is what the model is told of it. */
async function asked(t, path) {
  const house = await House.open({
    script: { turn: [{ when: 'mail', says: 'Done.', audio: { tone: { hz: 330, ms: 100 } },
      tool: [{ name: 'send_email', args: { subject: 'From a call', text: 'As promised, Zoë.' } }] }] },
    config: SETTINGS.replace(/^url = .*$/m, `url = "${n8n.webhook(path)}"\nallow_private = true`),
  })
  t.after(() => house.close())
  const caller = await Caller.open(`${house.url.replace('http', 'ws')}ws`, { hello: HELLO })
  await caller.hears(({ type }) => type === 'ready')
  caller.say({ type: 'text', text: 'Please mail me that.' })
  const question = await caller.hears(({ type, state }) => type === 'tool' && state === 'confirm')
  const response = () => house.events().events?.find(({ event }) => event === 'tool_response')?.response
  return { question, caller, told: () => until('the model is told', response) }
}

/** The person's word on a question. */
const word = ({ id, confirmation }, approved) => ({ type: 'tool_confirm', id, confirmation, approved })

let wishes = 0

/** What the proxy would send, under a key of its own. */
function wish(words = {}) {
  return { v: 1, key: `k-${++wishes}`, id: 'call_1', name: 'send_email', arguments: { subject: 'Your table', text: 'Table 12.', ...words },
    confirmed: true, user: { by: 'local', id: 'this machine' }, call: 'c' }
}

/** Asks the webhook as the proxy would, but for what is said to be wrong: status and answer. */
async function ask(call, { secret = SECRET, age_s = 0, signature, cut, forged = '' } = {}) {
  const body = JSON.stringify(call)
  const timestamp = String(Math.floor(Date.now() / 1000) - age_s)
  const mac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  const answer = await fetch(n8n.webhook('email-agent'), { method: 'POST', body: forged === null ? undefined : body + forged, headers: {
    'Content-Type': 'application/json', 'Idempotency-Key': call.key, 'X-Vivavoce-Timestamp': timestamp,
    'X-Vivavoce-Signature': (signature ?? `sha256=${mac}`).slice(0, cut) } })
  const text = await answer.text()
  return [answer.status, text && JSON.parse(text)]
}

/** The workflow a second time, under other names. */
function renamed(id, path) {
  const nodes = WORKFLOW.nodes.map(node => node.type.endsWith('.webhook')
    ? { ...node, parameters: { ...node.parameters, path }, webhookId: `${node.webhookId.slice(0, -1)}4` } : node)
  return { ...WORKFLOW, id, name: id, nodes }
}
