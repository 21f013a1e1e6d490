import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import vm from 'node:vm'
import { Telegram, atLeast, inkOn, isDark, launchParams, themeVariables } from '../../www/telegram.js'

const INIT = 'user=%7B%22first_name%22%3A%22A%20%2B%20B%22%7D&auth_date=1&hash=ab'
const FRAGMENT = `tgWebAppData=${encodeURIComponent(INIT)}&tgWebAppVersion=7.10&tgWebAppThemeParams=${encodeURIComponent('{"bg_color":"#17212b"}')}`
const early = await readFile(new URL('../../www/early.js', import.meta.url), 'utf8')

test('compares_versions_part_by_part', () => {
  for (const [have, need, expected] of [
    ['7.10', '7.9', true], ['7.9', '7.10', false], ['8.0', '8.0', true], ['8', '8.0', true], ['10.1', '9.9', true], ['6.0', '6.1', false], ['', '6.0', false],
  ]) assert.equal(atLeast(have, need), expected, `${have} at least ${need}`)
})

test('decodes_the_fragment_once', () => {
  assert.equal(launchParams(FRAGMENT).tgWebAppData, INIT)
  assert.equal(launchParams(`there?${FRAGMENT}`).tgWebAppVersion, '7.10')
  assert.deepEqual(launchParams(''), {})
})

test('takes_only_colours_from_a_theme', () => {
  assert.deepEqual(themeVariables({ bg_color: '#17212B', 'x;y': '#000000', hint_color: 'url(x)', text_color: null }), { '--tg-theme-bg-color': '#17212B' })
  assert.deepEqual(themeVariables(undefined), {})
})

test('knows_dark_from_light', () => {
  for (const [colour, expected] of [['#17212b', true], ['#ffffff', false], ['#efeff4', false], ['#000000', true], ['#1c1c1d', true]]) {
    assert.equal(isDark(colour), expected, colour)
  }
})

test('keeps_the_words_of_a_button_unless_they_cannot_be_read', () => {
  for (const [ground, wish, expected] of [
    ['#1d4f91', '#ffffff', '#ffffff'], ['#5288c1', '#ffffff', '#000000'], ['#2c2c2e', '#3a3a3c', '#ffffff'], ['#ffd60a', undefined, '#000000'], ['#767676', '#FFFFFF', '#FFFFFF'],
  ]) assert.equal(inkOn(ground, wish), expected, `${wish} on ${ground}`)
})

test('can_say_in_any_browser_that_it_is_too_old', () => {
  const { parse } = createRequire(createRequire(import.meta.url).resolve('webpack'))('acorn')
  parse(early, { ecmaVersion: 5 })
})

test('takes_the_fragment_out_of_the_address_and_survives_a_reload', () => {
  const first = pretendWindow({ hash: `#${FRAGMENT}` })
  vm.runInNewContext(early, first)
  assert.equal(first.vivavoceEarly.fragment, FRAGMENT)
  assert.deepEqual(first.addresses, ['/app/?a=1'])
  const second = pretendWindow({ hash: '', kept: first.kept })
  vm.runInNewContext(early, second)
  assert.equal(second.vivavoceEarly.fragment, FRAGMENT)
  assert.deepEqual(second.addresses, [])
})

test('leaves_a_foreign_fragment_and_a_closed_storage_alone', () => {
  const host = pretendWindow({ hash: '#chapter', kept: null })
  vm.runInNewContext(early, host)
  assert.equal(host.vivavoceEarly.fragment, '#chapter'.slice(1))
  assert.deepEqual(host.addresses, [])
  assert.equal(new Telegram({ host }).isInside, false)
})

test('keeps_events_that_come_before_the_bridge', () => {
  const host = pretendWindow({ hash: `#${FRAGMENT}` })
  vm.runInNewContext(early, host)
  host.Telegram.WebView.receiveEvent('viewport_changed', null)
  host.TelegramGameProxy.receiveEvent('viewport_changed', { height: 700, is_state_stable: true })
  host.TelegramGameProxy_receiveEvent('safe_area_changed', '{"top":20}')
  const schemes = []
  new Telegram({ host, onTheme: (scheme) => schemes.push(scheme) })
  assert.equal(host.variables['--tg-viewport-stable-height'], '700px')
  assert.equal(host.variables['--tg-safe-area-inset-top'], '20px')
  assert.equal(host.variables['--tg-theme-bg-color'], '#17212b')
  host.Telegram.WebView.receiveEvent('theme_changed', { theme_params: { bg_color: '#ffffff' } })
  assert.equal(host.variables['--tg-theme-bg-color'], '#ffffff')
  assert.deepEqual(schemes, ['dark', 'light'])
})

test('says_only_what_the_client_is_new_enough_for', () => {
  const host = pretendWindow({ hash: '#tgWebAppVersion=6.1' })
  vm.runInNewContext(early, host)
  const telegram = new Telegram({ host })
  telegram.ready()
  telegram.guard(true)
  telegram.tap()
  assert.deepEqual(host.sent.map(([type]) => type), [
    'web_app_request_theme', 'web_app_request_viewport', 'web_app_ready', 'web_app_expand', 'web_app_trigger_haptic_feedback',
  ])
  assert.deepEqual(host.sent[2], ['web_app_ready', '""'])
})

test('guards_a_call_against_closing_and_swiping', () => {
  const host = pretendWindow({ hash: '#tgWebAppVersion=8.0' })
  vm.runInNewContext(early, host)
  const telegram = new Telegram({ host })
  host.sent.length = 0
  telegram.guard(true)
  telegram.guard(false)
  assert.deepEqual(host.sent, [
    ['web_app_setup_closing_behavior', '{"need_confirmation":true}'], ['web_app_setup_swipe_behavior', '{"allow_vertical_swipe":false}'],
    ['web_app_setup_closing_behavior', '{"need_confirmation":false}'], ['web_app_setup_swipe_behavior', '{"allow_vertical_swipe":true}'],
  ])
})

test('taps_and_buzzes_as_the_client_can', () => {
  const host = pretendWindow({ hash: '#tgWebAppVersion=8.0' })
  vm.runInNewContext(early, host)
  const telegram = new Telegram({ host })
  host.sent.length = 0
  telegram.tap()
  telegram.buzz()
  telegram.buzz('warning')
  assert.deepEqual(host.sent.map(([, data]) => JSON.parse(data)), [
    { type: 'impact', impact_style: 'light' }, { type: 'notification', notification_type: 'error' },
    { type: 'notification', notification_type: 'warning' },
  ])
})

test('in_a_frame_hears_and_tells_telegrams_origin_only', () => {
  const posted = []
  const parent = { postMessage: (message, target) => posted.push([JSON.parse(message).eventType, target]) }
  const host = pretendWindow({ hash: '#tgWebAppVersion=8.0', parent })
  delete host.TelegramWebviewProxy
  vm.runInNewContext(early, host)
  const data = JSON.stringify({ eventType: 'viewport_changed', eventData: { height: 500, is_state_stable: true } })
  host.hear({ source: parent, origin: 'https://evil.example', data })
  host.hear({ source: {}, origin: 'https://web.telegram.org', data })
  host.hear({ source: parent, origin: 'https://web.telegram.org', data: 'not JSON' })
  host.hear({ source: parent, origin: 'https://web.telegram.org', data: 'null' })
  assert.equal(host.vivavoceEarly.events.length, 0)
  host.hear({ source: parent, origin: 'https://web.telegram.org', data })
  assert.equal(host.vivavoceEarly.events.length, 1)
  new Telegram({ host })
  assert.equal(host.variables['--tg-viewport-stable-height'], '500px')
  assert.deepEqual(posted[0], ['iframe_ready', 'https://web.telegram.org'])
  assert.ok(posted.every(([, target]) => target === 'https://web.telegram.org'))
  host.hear({ source: parent, origin: 'https://web.telegram.org', data: '{"eventType":"reload_iframe"}' })
  assert.equal(posted.at(-1)[0], 'iframe_will_reload')
  assert.equal(host.reloads, 1)
})

test('outside_telegram_says_nothing', () => {
  const host = pretendWindow({ hash: '' })
  vm.runInNewContext(early, host)
  const telegram = new Telegram({ host })
  telegram.ready()
  telegram.guard(true)
  telegram.buzz()
  assert.deepEqual(host.sent, [])
})

/** As much of a window as the bridge touches. `kept` is its storage, null where storage is closed. */
function pretendWindow({ hash, kept = {}, parent }) {
  const host = { kept, sent: [], addresses: [], variables: {}, reloads: 0, external: {} }
  host.window = host
  host.parent = parent ?? host
  host.location = { hash, pathname: '/app/', search: '?a=1', reload: () => { host.reloads += 1 } }
  host.history = { state: null, replaceState: (state, title, address) => host.addresses.push(address) }
  host.sessionStorage = {
    getItem: (key) => kept[key] ?? null,
    setItem: (key, value) => { kept[key] = value },
  }
  host.addEventListener = (type, hear) => { if (type === 'message') host.hear = hear }
  host.document = { documentElement: { style: { setProperty: (name, value) => { host.variables[name] = value } } } }
  host.TelegramWebviewProxy = { postEvent: (type, data) => host.sent.push([type, data]) }
  return host
}
