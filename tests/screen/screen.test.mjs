import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Builder, Key, logging } from 'selenium-webdriver'
import chrome from 'selenium-webdriver/chrome.js'
import { serve } from './serve.mjs'

const CONFIG = '/deep/www/config.json'
const CARD = '/deep/src/js/element/question.js'
const files = {}
let page
let browser

before(async () => {
  page = await serve(files)
  browser = await open()
})

after(async () => {
  await browser?.quit()
  await page?.close()
})

beforeEach(() => {
  files[CONFIG] = JSON.stringify({ url: '/ws', upstream: 'gemini', model: 'models/gemini-3.8-live' })
})

test('is_ready_and_says_who_will_answer', async () => {
  await visit()
  assert.equal(await text('state'), 'Ready to talk')
  assert.equal(await text('who'), 'gemini-3.8-live')
  assert.equal(await text('label'), 'Talk')
  assert.equal(await browser.getTitle(), 'Viva Voce')
})

test('says_that_it_is_the_simulator', async () => {
  files[CONFIG] = JSON.stringify({ url: '/ws', upstream: 'simulator', model: 'parrot' })
  await visit()
  assert.equal(await text('who'), 'Built-in simulator: it answers with your own voice')
  await emit('ready', { call: 'a', upstream: 'gemini', model: 'gemini-3.8-live' }, { start: true })
  assert.equal(await text('who'), 'gemini-3.8-live')
})

test('calls_whom_the_config_names', async () => {
  files[CONFIG] = JSON.stringify({ url: 'wss://voice.example/ws' })
  await visit('#tgWebAppPlatform=ios&tgWebAppVersion=8.0')
  await (await part('talk')).click()
  assert.equal(await browser.executeScript('return window.pretend.url'), 'wss://voice.example/ws')
  assert.equal(await browser.executeScript('return window.pretend.options.platform'), 'ios')
  await browser.executeScript('sessionStorage.clear()')
})

test('starts_the_call_inside_the_tap', async () => {
  await visit()
  await browser.executeScript(`part('talk').addEventListener('click', () => { window.toldInTap = window.pretend?.told.length })`)
  await (await part('talk')).click()
  assert.equal(await browser.executeScript('return window.toldInTap'), 1)
  assert.deepEqual(await told(), [['start']])
  assert.equal(await text('state'), 'Connecting…')
  assert.equal(await text('label'), 'Stop')
})

test('says_each_state_in_words', async () => {
  await visit()
  await (await part('talk')).click()
  for (const [state, words] of [
    ['listening', 'Listening'], ['speaking', 'Speaking'], ['reconnecting', 'Reconnecting…'], ['connecting', 'Connecting…'],
  ]) {
    await emit('state', { state })
    assert.equal(await text('state'), words)
    assert.equal(await browser.executeScript('return document.querySelector("viva-voce").getAttribute("state")'), state)
  }
  await emit('ended', { reason: 'The proxy is going down.' })
  assert.equal(await text('state'), 'Call ended')
  assert.equal(await text('hint'), 'The proxy is going down.')
  assert.equal(await text('label'), 'Talk')
})

test('works_from_the_keyboard_alone', async () => {
  await visit()
  const order = []
  for (let step = 0; step < 4; step += 1) {
    await press(Key.TAB)
    order.push(await focused())
  }
  assert.deepEqual(order, ['talk', 'mute', 'text', 'send'])
  await browser.executeScript('part("talk").focus()')
  await press(Key.SPACE)
  await emit('state', { state: 'listening' })
  await press('m')
  assert.equal(await attribute('mute', 'aria-pressed'), 'true')
  assert.equal(await text('hint'), 'Your microphone is off.')
  await press('m')
  assert.equal(await attribute('mute', 'aria-pressed'), 'false')
  await press(Key.ESCAPE)
  assert.equal(await text('state'), 'Call ended')
  await press(Key.ENTER)
  assert.deepEqual(await told(), [['start'], ['muted', true], ['muted', false], ['stop'], ['start']])
})

test('in_push_to_talk_a_button_is_held_by_finger_and_by_key', async () => {
  await visit()
  assert.equal(await browser.executeScript('return part("hold").hidden'), true)
  await browser.executeScript('document.querySelector("viva-voce").setAttribute("mode", "push-to-talk")')
  await (await part('talk')).click()
  await emit('state', { state: 'listening' })
  const hold = await part('hold')
  await browser.actions().move({ origin: hold }).press().pause(50).move({ x: 1, y: 1 }).release().perform()
  assert.deepEqual((await told()).slice(-2), [['press'], ['release']])
  assert.equal(await attribute('hold', 'aria-pressed'), 'false', 'let go wherever the finger is')
  await browser.executeScript('part("hold").focus()')
  for (const key of [Key.SPACE, Key.ENTER]) {
    await browser.actions().keyDown(key).perform()
    assert.equal(await attribute('hold', 'aria-pressed'), 'true')
    await browser.actions().keyUp(key).perform()
  }
  await browser.executeAsyncScript('setTimeout(arguments[0], 150)')
  await browser.executeScript('part("hold").click()')
  await emit('muted', { muted: true })
  const presses = (await told()).flat().filter((word) => /press|release/.test(word))
  assert.deepEqual(presses, Array(4).fill(['press', 'release']).flat())
})

test('an_m_in_the_text_is_a_letter', async () => {
  await visit()
  await (await part('talk')).click()
  await (await part('text')).sendKeys('mmm')
  assert.equal(await attribute('mute', 'aria-pressed'), 'false')
  assert.equal(await browser.executeScript('return part("text").value'), 'mmm')
})

test('an_m_elsewhere_in_the_page_is_not_its_own', async () => {
  await visit()
  await browser.executeScript('document.activeElement.blur()')
  await press('m')
  assert.equal(await attribute('mute', 'aria-pressed'), 'false')
  await browser.executeScript(`
    const note = document.createElement('p')
    note.slot = 'name'
    note.contentEditable = true
    document.querySelector('viva-voce').append(note)
    note.focus()`)
  await press('m')
  assert.equal(await attribute('mute', 'aria-pressed'), 'false')
  assert.equal(await browser.executeScript('return document.querySelector("viva-voce > p").textContent'), 'm')
  await browser.executeScript('part("talk").focus()')
  await press('m')
  assert.equal(await attribute('mute', 'aria-pressed'), 'true')
})

test('shows_the_words_of_both_and_marks_a_cut', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('caption', { who: 'user', epoch: 0, text: ' What is' })
  await emit('caption', { who: 'user', epoch: 0, text: ' a leek?' })
  await emit('caption', { who: 'model', epoch: 1, text: 'A leek is <b>a</b>' })
  await emit('caption_end', { who: 'user', epoch: 0, cut: false })
  await emit('caption_end', { who: 'model', epoch: 1, cut: false })
  await emit('caption_end', { who: 'model', epoch: 1, cut: true })
  await emit('caption', { who: 'user', epoch: 0, text: ' Hm.' })
  assert.deepEqual(await captions(), [
    ['user', 'What is a leek? Hm.', false], ['model', 'A leek is <b>a</b> — interrupted', true],
  ])
})

test('tells_a_screen_reader_finished_words_and_no_pieces', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('state', { state: 'listening' })
  await emit('caption', { who: 'model', epoch: 1, text: 'A leek' })
  await emit('state', { state: 'speaking' })
  await emit('caption', { who: 'model', epoch: 1, text: ' is tall.' })
  await emit('state', { state: 'listening' })
  assert.deepEqual(await spoken(), ['Connecting…', 'Listening'])
  await emit('caption_end', { who: 'model', epoch: 1, cut: false })
  assert.deepEqual(await spoken(), ['Connecting…', 'Listening', 'Gemini: A leek is tall.'])
  await emit('state', { state: 'reconnecting' })
  assert.deepEqual(await spoken(), ['Listening', 'Gemini: A leek is tall.', 'Reconnecting…'])
  assert.equal(await attribute('said', 'aria-live'), 'polite')
  assert.equal(await attribute('log', 'tabindex'), '0')
})

test('keeps_the_page_bounded_and_lets_the_reader_read', async () => {
  await visit()
  await (await part('talk')).click()
  await browser.executeScript(`
    for (let epoch = 0; epoch < 200; epoch += 1) {
      window.pretend.emit('caption', { who: 'model', epoch, text: 'Number ' + epoch })
      window.pretend.emit('caption_end', { who: 'model', epoch, cut: false })
    }`)
  assert.equal((await captions()).length, 80)
  await browser.wait(() => browser.executeScript('return part("log").scrollTop + part("log").clientHeight >= part("log").scrollHeight - 40'), 5000, 'scrolled to the end')
  await browser.executeScript('part("log").scrollTop = 300')
  await browser.wait(() => browser.executeScript('return !part("latest").hidden'), 5000, 'a way back to the end')
  const place = await browser.executeScript('return part("log").scrollTop')
  await emit('caption', { who: 'model', epoch: 199, text: ' and more' })
  assert.equal(await browser.executeScript('return part("log").scrollTop'), place)
  await (await part('latest')).click()
  assert.ok(await browser.executeScript('return part("log").scrollTop + part("log").clientHeight >= part("log").scrollHeight - 2'))
})

test('shows_a_sentence_that_stays_until_it_is_dismissed', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('error', { code: 'service_key', message: 'Gemini refused the key: set another GEMINI_API_KEY.' })
  await emit('ended', { reason: 'Gemini refused the key: set another GEMINI_API_KEY.' })
  assert.equal(await text('trouble'), 'Gemini refused the key: set another GEMINI_API_KEY.')
  assert.equal(await text('hint'), 'Tap to talk again.')
  assert.equal(await browser.executeScript('return part("alert").parentNode.getAttribute("role")'), 'alert')
  await (await part('dismiss')).click()
  assert.equal(await browser.executeScript('return part("alert").hidden'), true)
  assert.equal(await focused(), 'talk')
})

test('has_words_of_its_own_for_an_error_without_any', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('error', { code: 'new_in_2030', message: '' })
  assert.match(await text('trouble'), /Something went wrong. Tap to try again/)
})

test('takes_a_complaint_back_when_the_voice_is_heard_after_all', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('state', { state: 'listening' })
  await emit('error', { code: 'microphone_lost', message: 'The microphone went away.' })
  await emit('level', { microphone: 0, model: 0.2 })
  assert.equal(await text('trouble'), 'The microphone went away.')
  await emit('level', { microphone: 0.1, model: 0 })
  assert.equal(await browser.executeScript('return part("alert").hidden'), true)
  assert.equal(await text('hint'), 'Go ahead.')
})

test('takes_back_that_the_sound_is_held_back_once_it_moves', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('error', { code: 'audio_suspended', message: 'Tap anywhere.' })
  assert.equal(await text('trouble'), 'Tap anywhere.')
  await emit('level', { microphone: 0, model: 0 })
  assert.equal(await browser.executeScript('return part("alert").hidden'), true)
})

test('takes_a_dropped_line_back_when_it_is_up_again', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('error', { code: 'going_away', message: 'The proxy is going down; the call is tried again.' })
  await emit('state', { state: 'reconnecting' })
  assert.equal(await text('trouble'), 'The proxy is going down; the call is tried again.')
  await emit('state', { state: 'listening' })
  assert.equal(await browser.executeScript('return part("alert").hidden'), true)
})

test('says_that_words_are_kept_while_the_line_is_away_and_which_were_lost_when_it_is_up', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('state', { state: 'reconnecting' })
  assert.equal(await text('hint'), 'The line dropped. Go on talking: what you say is kept.')
  await emit('state', { state: 'listening' })
  await emit('error', { code: 'words_lost', message: 'Some of what you said was lost: say it again.' })
  await emit('state', { state: 'speaking' })
  assert.equal(await text('trouble'), 'Some of what you said was lost: say it again.')
  assert.equal(await browser.executeScript('return part("alert").hidden'), false)
})

test('sends_what_is_typed_while_the_microphone_is_denied', async () => {
  await visit()
  await (await part('text')).sendKeys('  Hello there ', Key.ENTER)
  await emit('state', { state: 'listening' })
  await emit('error', { code: 'microphone_denied', message: '' })
  assert.equal(await text('hint'), 'There is no microphone: type below.')
  await (await part('text')).sendKeys('Again', Key.ENTER)
  await (await part('text')).sendKeys('   ', Key.ENTER)
  assert.deepEqual(await told(), [['start'], ['say', 'Hello there'], ['say', 'Again']])
  assert.deepEqual(await captions(), [['user', 'Hello there', false], ['user', 'Again', false]])
  assert.equal(await browser.executeScript('return part("text").value'), '')
})

test('says_what_to_do_about_a_missing_or_broken_config', async () => {
  for (const config of [undefined, '{', '{}', '{"url":7}', 'null']) {
    if (config === undefined) delete files[CONFIG]
    else files[CONFIG] = config
    await browser.get(page.url + `?${Math.random()}`)
    await browser.wait(() => browser.executeScript(`${PART}; return part && part('trouble').textContent`), 5000, 'a sentence')
    assert.match(await text('trouble'), /config\.json/, config)
    assert.equal(await text('state'), 'Ready to talk')
  }
})

test('says_that_the_connection_is_missing_and_tries_again_at_a_tap', async () => {
  await visit()
  await browser.executeScript(`
    window.online = window.fetch
    window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))
    document.querySelector('viva-voce').url = null
    part('talk').click()`)
  await browser.wait(() => browser.executeScript('return !part("alert").hidden'), 5000, 'a sentence')
  assert.match(await text('trouble'), /could not be loaded\. Check the connection/)
  assert.equal(await text('state'), 'Call ended')
  await browser.executeScript('window.fetch = window.online')
  await (await part('talk')).click()
  await browser.wait(() => browser.executeScript('return window.pretend.url'), 5000, 'an address')
})

test('says_so_where_the_page_cannot_start', async () => {
  for (const [why, script] of [['gone', undefined], ['too new', 'class A { #{'], ['broken', 'null.x']]) {
    if (script === undefined) files['/deep/www/index.html'] = (await (await fetch(page.url)).text()).replace('"main.js"', '"main.old.js"')
    else files['/deep/www/main.old.js'] = script
    await browser.get(`${page.url}index.html?${Math.random()}`)
    assert.match(await browser.executeScript('return document.body.innerText'), /^Viva Voce could not start here\. Reload the page/, why)
  }
  delete files['/deep/www/index.html']
  delete files['/deep/www/main.old.js']
  await browser.manage().logs().get(logging.Type.BROWSER)
})

test('calls_in_the_tap_even_if_the_address_comes_later', async () => {
  await visit()
  await browser.executeScript(`
    const late = document.createElement('viva-voce')
    late.addEventListener('wanted', () => { window.isWanted = true })
    document.querySelector('viva-voce').replaceWith(late)
    late.start()`)
  assert.deepEqual(await told(), [['start']])
  assert.equal(await browser.executeScript('return window.isWanted'), true)
  assert.equal(await text('state'), 'Connecting…')
  await browser.executeScript(`document.querySelector('viva-voce').url = 'ws://late.example/ws'`)
  assert.equal(await browser.executeScript('return window.pretend.url'), 'ws://late.example/ws')
})

test('calls_once_however_often_it_is_told_and_only_in_a_page', async () => {
  await visit()
  await browser.executeScript(`
    const { pretend } = window
    const loose = document.createElement('viva-voce')
    loose.stop()
    loose.start()
    window.looseState = loose.isLive
    window.isSame = pretend === window.pretend
    const screen = document.querySelector('viva-voce')
    screen.start()
    screen.start()`)
  assert.equal(await browser.executeScript('return window.looseState'), false)
  assert.equal(await browser.executeScript('return window.isSame'), true)
  assert.deepEqual(await told(), [['start']])
})

test('keeps_what_was_set_before_the_page_knew_it', async () => {
  await visit()
  await browser.executeScript(`
    const early = document.createElement('later-voce')
    Object.assign(early, { options: { platform: 'ios' }, url: 'ws://early.example/ws' })
    document.querySelector('viva-voce').replaceWith(early)
    const VivaVoceElement = customElements.get('viva-voce')
    customElements.define('later-voce', class extends VivaVoceElement {})
    early.start()`)
  assert.equal(await browser.executeScript('return window.pretend.options.platform'), 'ios')
  assert.equal(await browser.executeScript('return window.pretend.url'), 'ws://early.example/ws')
})

test('has_no_url_after_null', async () => {
  await visit()
  assert.equal(await browser.executeScript('const screen = document.querySelector("viva-voce"); screen.url = null; return screen.url'), null)
})

test('asks_for_the_config_again_at_a_tap_after_it_was_missing', async () => {
  delete files[CONFIG]
  await browser.get(page.url + `?${Math.random()}`)
  await browser.wait(() => browser.executeScript(`${PART}; return part('trouble').textContent`), 5000, 'a sentence')
  files[CONFIG] = JSON.stringify({ url: '/ws' })
  await (await part('talk')).click()
  await browser.wait(() => browser.executeScript('return window.pretend.url'), 5000, 'an address')
  assert.equal(await browser.executeScript('return part("alert").hidden'), true)
})

test('hangs_up_when_it_leaves_the_page_but_not_when_it_moves_in_it', async () => {
  await visit()
  await (await part('talk')).click()
  await browser.executeScript('document.body.append(document.querySelector("viva-voce"))')
  assert.deepEqual(await told(), [['start']])
  await browser.executeScript('document.querySelector("viva-voce").remove()')
  assert.deepEqual(await told(), [['start'], ['stop'], ['close']])
})

test('writes_on_its_button_legibly_in_every_theme', async () => {
  for (const [button_color, button_text_color] of [['#5288c1', '#ffffff'], ['#40a7e3', '#ffffff'], ['#2c2c2e', '#3a3a3c'], ['#ffd60a', undefined], ['#1d4f91', '#ffffff']]) {
    const theme = { bg_color: '#ffffff', text_color: '#000000', button_color, button_text_color }
    await visit(`#tgWebAppVersion=8.0&tgWebAppThemeParams=${encodeURIComponent(JSON.stringify(theme))}`)
    const ratio = contrast(await style('label', 'color'), await style('talk', 'background-color'))
    assert.ok(ratio >= 4.5, `${button_text_color} on ${button_color}: ${ratio}`)
  }
  await browser.executeScript('sessionStorage.clear()')
})

test('wears_the_theme_of_telegram_and_obeys_its_manners', async () => {
  const theme = { bg_color: '#17212b', text_color: '#f5f5f5', button_color: '#5288c1' }
  const { identifier } = await browser.sendAndGetDevToolsCommand('Page.addScriptToEvaluateOnNewDocument', { source: `
    window.sent = []
    window.TelegramWebviewProxy = { postEvent: (type, data) => window.sent.push([type, JSON.parse(data)]) }
    document.addEventListener('readystatechange', () => {
      if (document.readyState === 'interactive') window.Telegram.WebView.receiveEvent('safe_area_changed', { top: 31, bottom: 0, left: 0, right: 0 })
    })` })
  await visit(`#tgWebAppVersion=8.0&tgWebAppThemeParams=${encodeURIComponent(JSON.stringify(theme))}`)
  await browser.sendDevToolsCommand('Page.removeScriptToEvaluateOnNewDocument', { identifier })
  assert.equal(new URL(await browser.getCurrentUrl()).hash, '')
  assert.equal(await style('room', 'color'), 'rgb(245, 245, 245)')
  assert.equal(await style('talk', 'background-color'), 'rgb(82, 136, 193)')
  assert.equal(await browser.executeScript('return getComputedStyle(document.body).backgroundColor'), 'rgb(23, 33, 43)')
  assert.equal(await browser.executeScript('return document.querySelector("viva-voce").getAttribute("scheme")'), 'dark')
  assert.ok(parseFloat(await style('room', 'padding-top')) > 31, 'room for the notch')
  await browser.wait(() => browser.executeScript('return window.sent.some(([type]) => type === "web_app_ready")'), 5000, 'web_app_ready')
  await (await part('talk')).click()
  await emit('ended', { reason: '' })
  const guards = await browser.executeScript('return window.sent.filter(([type]) => type === "web_app_setup_closing_behavior").map(([, data]) => data.need_confirmation)')
  assert.deepEqual(guards, [true, false])
  await browser.executeScript('sessionStorage.clear()')
})

test('is_legible_and_large_enough_in_light_and_dark', async () => {
  for (const value of ['light', 'dark']) {
    await browser.sendDevToolsCommand('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }, { name: 'prefers-reduced-motion', value: 'reduce' }] })
    await visit()
    for (const name of ['talk', 'mute', 'send', 'text']) {
      const { width, height } = await (await part(name)).getRect()
      assert.ok(width >= 44 && height >= 44, `${name}: ${width} × ${height}`)
    }
    const paper = await style('room', 'background-color', 'return getComputedStyle(document.querySelector("viva-voce")).backgroundColor')
    for (const [name, ground] of [['state', paper], ['hint', paper], ['who', paper], ['label', await style('talk', 'background-color')]]) {
      const ratio = contrast(await style(name, 'color'), ground)
      assert.ok(ratio >= 4.5, `${name} in ${value}: ${ratio}`)
    }
  }
  await browser.sendDevToolsCommand('Emulation.setEmulatedMedia', { features: [] })
})

test('asks_before_a_tool_acts_and_shows_the_very_arguments', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('state', { state: 'listening' })
  assert.equal(await browser.executeScript(FETCHED), 0, 'nothing of it is downloaded before it is needed')
  await emit('tool', { id: 'a', name: 'send_email', state: 'called' })
  assert.equal(await text('hint'), 'Working on it: send_email')
  await ask('a', { empty: ' ', list: ['x'], note: 'a\u202eb', people: 4, text: 'Two\nlines', to: '<img src=x onerror=alert(1)>' })
  assert.deepEqual(await question(), [
    'May I do this?', 'send_email', 'empty', '" "', 'list', '[\n  "x"\n]', 'note', 'a\\u202eb', 'people', '4',
    'text', 'Two\nlines', 'to', '<img src=x onerror=alert(1)>', 'Don’t', 'Do it',
  ])
  assert.equal(await browser.executeScript('return part("question").querySelector("img")'), null)
  assert.equal(await text('hint'), 'Go ahead.', 'nothing runs while it waits')
  assert.equal(await browser.executeScript(FETCHED), 1)
  await answer('allow')
  assert.equal(await part('question'), null)
  assert.deepEqual((await told()).at(-1), ['confirmTool', 'a', 'confirm a', true])
})

test('lets_nobody_allow_what_they_cannot_have_read', async () => {
  await visit()
  await (await part('talk')).click()
  for (const id of ['a', 'b']) await ask(id, {}, { isAwaited: id === 'a' })
  await until(() => browser.executeScript('return !part("allow").disabled'), 'it may be allowed')
  const isLocked = await browser.executeScript(`
    part('allow').click()
    part('allow').click()
    return part('allow').disabled`)
  assert.equal(isLocked, true)
  assert.deepEqual((await told()).slice(1), [['confirmTool', 'a', 'confirm a', true]], 'a second tap does not allow what came up under it')
})

test('asks_one_thing_after_the_other_and_takes_back_what_no_longer_waits', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('ready', { call: 'one', upstream: 'gemini', model: 'm' })
  for (const id of ['a', 'b', 'c', 'd']) await ask(id, { id }, { isAwaited: id === 'a' })
  await answer('refuse')
  assert.equal((await question())[3], 'b')
  await emit('tool', { id: 'c', name: 'send_email', state: 'cancelled' })
  await emit('tool', { id: 'b', name: 'send_email', state: 'failed' })
  await until(async () => (await question())?.[3] === 'd', 'the fourth')
  await emit('ready', { call: 'one', upstream: 'gemini', model: 'm' })
  assert.equal((await question())[3], 'd', 'the call goes on')
  await emit('ready', { call: 'two', upstream: 'gemini', model: 'm' })
  await until(async () => !await question(), 'another call asked nothing')
  await ask('e', {})
  await emit('ended', { reason: '' })
  await until(async () => !await question(), 'nobody is asked after the end')
  assert.deepEqual((await told()).slice(1), [['confirmTool', 'a', 'confirm a', false]])
})

test('asks_from_the_keyboard_and_in_the_ear', async () => {
  await visit()
  await (await part('talk')).click()
  await ask('a', { to: 'me' })
  assert.equal(await focused(), 'question')
  const card = await part('question')
  assert.equal(await card.getAttribute('role'), 'alertdialog')
  const read = await browser.executeScript(`return ['aria-labelledby', 'aria-describedby'].flatMap((key) =>
    part('question').getAttribute(key).split(' ').map((id) => part('question').querySelector('#' + id).textContent))`)
  assert.deepEqual(read, ['May I do this?', 'send_email', 'tome'])
  await until(() => browser.executeScript('return !part("allow").disabled'), 'it may be allowed')
  const order = []
  for (let step = 0; step < 3; step += 1) {
    await press(Key.TAB)
    order.push(await focused())
  }
  assert.deepEqual(order, [null, 'refuse', 'allow'])
  await press(Key.ENTER)
  assert.equal(await focused(), 'talk')
  await ask('b', {})
  await press(Key.ESCAPE)
  assert.deepEqual((await told()).slice(1), [['confirmTool', 'a', 'confirm a', true], ['confirmTool', 'b', 'confirm b', false]], 'and goes on')
})

test('asks_without_taking_the_pen_from_who_writes', async () => {
  await visit()
  await (await part('talk')).click()
  await (await part('text')).sendKeys('mum')
  await ask('a', {})
  assert.equal(await focused(), 'text')
  assert.equal((await spoken()).at(-1), 'May I do this? send_email')
  await answer('refuse')
  assert.equal(await browser.executeScript('return part("text").value'), 'mum')
})

test('says_so_where_the_card_cannot_be_had', async () => {
  await visit()
  await (await part('talk')).click()
  files[CARD] = 'throw new Error("not there")'
  await ask('a', {}, { isAwaited: false })
  await until(() => browser.executeScript('return !part("alert").hidden'), 'a sentence')
  assert.match(await text('trouble'), /could not be loaded/)
  delete files[CARD]
})

test('keeps_a_long_question_on_the_screen_and_legible', async () => {
  for (const value of ['light', 'dark']) {
    await browser.sendDevToolsCommand('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }, { name: 'prefers-reduced-motion', value: 'reduce' }] })
    await visit()
    await (await part('talk')).click()
    await ask('a', { text: 'A long letter. '.repeat(400) })
    await until(() => browser.executeScript('return !part("allow").disabled'), 'it may be allowed')
    const [card, desk] = [await (await part('question')).getRect(), await (await part('desk')).getRect()]
    assert.ok(card.y >= 0 && card.y + card.height <= desk.y, JSON.stringify({ card, desk }))
    for (const name of ['refuse', 'allow']) {
      const { width, height, y } = await (await part(name)).getRect()
      assert.ok(width >= 44 && height >= 44 && y + height <= card.y + card.height, name)
    }
    const paper = await style('question', 'background-color')
    for (const [name, ground] of [['question', paper], ['refuse', paper], ['allow', await style('allow', 'background-color')]]) {
      const ratio = contrast(await style(name, 'color'), ground)
      assert.ok(ratio >= 4.5, `${name} in ${value}: ${ratio}`)
    }
  }
  await browser.sendDevToolsCommand('Emulation.setEmulatedMedia', { features: [] })
})

test('asks_for_nothing_that_a_strict_policy_forbids', async () => {
  await visit()
  await (await part('talk')).click()
  await emit('level', { microphone: 0.2, model: 0.1 })
  await emit('caption', { who: 'model', epoch: 1, text: 'Hello' })
  await ask('a', { text: 'Hello' })
  const complaints = await browser.manage().logs().get(logging.Type.BROWSER)
  assert.deepEqual(complaints.map(({ message }) => message).filter((message) => /Content Security|Refused|Uncaught/.test(message)), [])
})

/** How often the card was downloaded. */
const FETCHED = `return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/question.js')).length`

/** Finds a part of the screen by name, in the page. */
const PART = 'window.part = (name) => document.querySelector("viva-voce").shadowRoot.querySelector(`[part=${name}]`)'

async function open() {
  const options = new chrome.Options()
  options.addArguments(
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--window-size=500,900',
  )
  options.setChromeBinaryPath(process.env.CHROME ?? '/usr/bin/chromium')
  const logs = new logging.Preferences()
  logs.setLevel(logging.Type.BROWSER, logging.Level.ALL)
  return new Builder().forBrowser('chrome').setChromeOptions(options).setLoggingPrefs(logs)
    .setChromeService(new chrome.ServiceBuilder(process.env.CHROMEDRIVER ?? '/usr/bin/chromedriver')).build()
}

/** Opens the page anew and waits until it knows whom to call. */
async function visit(fragment = '') {
  await browser.get(`${page.url}?${Math.random()}${fragment}`)
  await browser.wait(() => browser.executeScript('return document.querySelector("viva-voce")?.url'), 10_000, 'the screen knows its proxy')
  await browser.executeScript(PART)
}

const part = (name) => browser.executeScript('return part(arguments[0])', name)
const text = (name) => browser.executeScript('return part(arguments[0]).textContent', name)
const attribute = (name, key) => browser.executeScript('return part(arguments[0]).getAttribute(arguments[1])', name, key)
const style = (name, key, script = 'return getComputedStyle(part(arguments[0])).getPropertyValue(arguments[1])') => browser.executeScript(script, name, key)
const told = () => browser.executeScript('return window.pretend.told')
const focused = () => browser.executeScript('return document.querySelector("viva-voce").shadowRoot.activeElement?.getAttribute("part")')
const press = (key) => browser.actions().sendKeys(key).perform()

const spoken = () => browser.executeScript(`return [...part('said').children].map((line) => line.textContent)`)

function captions() {
  return browser.executeScript(`return [...part('list').children].map((item) => [item.dataset.who, item.querySelector('p').textContent, 'cut' in item.dataset])`)
}

/** Lets the pretend call say something. */
async function emit(type, detail, { start = false } = {}) {
  if (start) await (await part('talk')).click()
  await browser.executeScript('window.pretend.emit(arguments[0], arguments[1])', type, detail)
}

/** Lets a tool wait for the person. */
async function ask(id, args, { isAwaited = true } = {}) {
  await emit('tool', { id, name: 'send_email', state: 'confirm', arguments: args, confirmation: `confirm ${id}` })
  if (isAwaited) await until(question, 'a question')
}

/** What the card says, line by line; null without one. */
function question() {
  return browser.executeScript(`return part('question') && [...part('question').querySelectorAll('h2, p, dt, dd, button')].map((line) => line.textContent)`)
}

/** Taps on an answer, once that can be done. */
async function answer(how) {
  await until(() => browser.executeScript('return !part(arguments[0]).disabled', how), 'an answer is taken')
  await (await part(how)).click()
}

const until = (fact, name) => browser.wait(fact, 5000, name)

/** Contrast of two computed colours, after WCAG 2. */
function contrast(one, other) {
  const [bright, dark] = [one, other].map(luminance).sort((a, b) => b - a)
  return (bright + 0.05) / (dark + 0.05)
}

function luminance(colour) {
  const scale = colour.startsWith('rgb') ? 255 : 1
  const channels = colour.match(/[\d.]+/g).slice(0, 3).map((channel) => channel / scale)
  const [red, green, blue] = channels.map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
