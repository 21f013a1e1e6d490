import { VivaVoce } from './call.js'
import { Awake } from './element/awake.js'
import { Captions } from './element/captions.js'
import { Figure } from './element/figure.js'
import { STYLE } from './element/style.js'
import { wordsFor } from './element/words.js'
import { Trouble } from './trouble.js'

/**
 * `<viva-voce url="wss://…/ws">`: a spoken conversation as one screen that fills its box.
 *
 * Attributes: `url` (the proxy), `upstream` and `model` (who will answer, if known before the call), `scheme`
 * (`light` or `dark`; else the system decides), `lang`, `mode` (`push-to-talk` or `half-duplex`, before the element is connected). The attribute `state` tells the state of the call.
 * Every event of the call is dispatched on the element too, with the same `detail`; `wanted` asks for a missing `url`:
 * the call waits until it is set. A tool that needs the person's word gets it by a card in the screen.
 */
export class VivaVoceElement extends HTMLElement {
  static observedAttributes = ['url', 'upstream', 'model', 'mode']

  /** Further options of the call (`ticket`, `audio`, `greeting`, `bargeIn`, `client`, `platform`), to be set before the element is connected. */
  options = this.options ?? {}

  #call
  #state = 'idle'
  #isOver = false
  #reason = ''
  #tool = ''
  /** The name of the call, and the promise of who asks whether its tools may act. */
  #name
  #question
  #typedCount = 0
  #tellUrl = []
  #names
  #words
  #parts
  #captions
  #figure
  #listening
  #awake = new Awake()
  #isDeaf = false
  #trouble = ''

  /** Makes the element known to the page under `name`. */
  static define(name = 'viva-voce') {
    if (!customElements.get(name)) customElements.define(name, this)
  }

  constructor() {
    super()
    this.#words = wordsFor(this.lang, document.documentElement.lang, ...navigator.languages)
    this.#names = { user: this.#words.you, model: this.#words.gemini }
    const root = this.attachShadow({ mode: 'open' })
    dress(root, STYLE)
    root.append(furnish(this.#words))
    this.#parts = Object.fromEntries([...root.querySelectorAll('[part]')].map((part) => [part.part[0], part]))
    this.#captions = new Captions({
      list: this.#parts.list, scroller: this.#parts.log, latest: this.#parts.latest, names: this.#names, cut: this.#words.cut,
    })
    this.#figure = new Figure(this.#parts.figure)
    this.#wire()
    this.#adopt()
  }

  connectedCallback() {
    this.#listening = new AbortController()
    document.addEventListener('keydown', (event) => this.#key(event), { signal: this.#listening.signal })
    this.#call ??= this.#open()
    this.#figure.start()
    this.#show()
  }

  disconnectedCallback() {
    this.#listening.abort()
    this.#figure.stop()
    queueMicrotask(() => this.isConnected || this.#leave())
  }

  attributeChangedCallback(name) {
    if (name === 'url' && this.url) for (const tell of this.#tellUrl.splice(0)) tell(this.url)
    this.#show()
  }

  /** Where the proxy listens. */
  get url() {
    return this.getAttribute('url')
  }

  set url(url) {
    if (url) this.setAttribute('url', url)
    else this.removeAttribute('url')
  }

  /** The call beneath, while the element is part of a page. */
  get call() {
    return this.#call
  }

  /** Whether a call is on, or on its way. */
  get isLive() {
    return this.#state !== 'idle'
  }

  /**
   * Calls, unless a call is on or the element is no part of a page. Must run inside the handler of a tap or a key,
   * without anything awaited before.
   */
  start() {
    if (this.isLive || !this.#call) return
    this.complain('')
    this.#isOver = false
    this.#isDeaf = false
    this.#enter('connecting')
    this.#call.start()
    this.#show()
  }

  /** Hangs up. */
  stop() {
    this.#call?.stop()
  }

  /** Shows what went wrong: `message`, else what the screen itself has to say of `code`; nothing clears it. */
  complain(code, message = '') {
    const { trouble } = this.#words
    this.#trouble = code
    this.#parts.trouble.textContent = code ? message || trouble[code] || trouble.unknown : ''
    this.#parts.alert.hidden = !code
  }

  /** What was set before the page knew the element would hide the setter. */
  #adopt() {
    if (!this.hasOwnProperty('url')) return
    const { url } = this
    delete this.url
    this.url = url
  }

  #open() {
    const call = new VivaVoce({ url: () => this.#address(), client: 'viva-voce', mode: this.getAttribute('mode')?.replaceAll('-', '_'), ...this.options })
    for (const type of EVENTS) {
      call.addEventListener(type, ({ detail }) => {
        this.#take(type, detail)
        this.dispatchEvent(new CustomEvent(type, { detail }))
      })
    }
    return call
  }

  /** The proxy's address, as soon as there is one. */
  #address() {
    if (this.url) return this.url
    return new Promise((tell) => {
      this.#tellUrl.push(tell)
      this.dispatchEvent(new CustomEvent('wanted'))
    })
  }

  /** The element was taken out of the page for good. */
  #leave() {
    this.#call?.close()
    this.#call = undefined
    this.#awake.held = false
  }

  /** Takes in one event of the call. */
  #take(type, detail) {
    switch (type) {
      case 'level': return this.#hear(detail)
      case 'caption': this.#captions.append(detail.who, detail.epoch, detail.text); break
      case 'caption_end': this.#announce(this.#captions.end(detail.who, detail.epoch, detail.cut), detail.who); break
      case 'state': this.#enter(detail.state); break
      case 'ready': this.setAttribute('upstream', detail.upstream); this.setAttribute('model', detail.model); this.#name = detail.call; break
      case 'muted': if (detail.muted) this.#hold(false); break
      case 'tool': this.#tool = /called|running/.test(detail.state) ? detail.name : ''; break
      case 'error': this.#fail(detail); break
      case 'ended': this.#end(detail.reason); break
    }
    const name = this.#name
    if (detail.state === 'confirm') this.#question ??= this.#inquire()
    this.#question?.then((question) => question?.take(type, detail, name))
    this.#show()
  }

  /** A voice that sounds disproves whatever was said of its failure, and any level that the sound is held back. */
  #hear(level) {
    this.#figure.hear(level)
    const isWell = (level.microphone > 0 && /^microphone/.test(this.#trouble)) ||
      (level.model > 0 && /^audio/.test(this.#trouble)) ||
      (this.isLive && this.#trouble === 'audio_suspended')
    if (!isWell && !(this.#isDeaf && level.microphone > 0)) return
    if (isWell) this.complain('')
    this.#isDeaf &&= !(level.microphone > 0)
    this.#show()
  }

  /** Brings who asks the person, once there is something to ask. */
  async #inquire() {
    try {
      const { Question, STYLE } = await import(/* webpackIgnore: true */ new URL('./element/question.js', import.meta.url))
      dress(this.shadowRoot, STYLE)
      return new Question(this.#parts.room, {
        lang: this.#words.lang,
        answer: ({ id, confirmation }, isAllowed) => this.#call?.confirmTool(id, confirmation, isAllowed),
        announce: (text) => this.#announce(text),
      })
    } catch {
      this.#question = undefined
      this.#fail(new Trouble('download_failed'))
      this.#show()
    }
  }

  #enter(state) {
    const was = this.#state
    this.#state = state
    const isTurn = (one) => one === 'listening' || one === 'speaking'
    if (was === 'reconnecting' && isTurn(state) && !/^(microphone|audio)/.test(this.#trouble)) this.complain('')
    if (state !== was && state !== 'idle' && !(isTurn(state) && isTurn(was))) this.#announce(this.#words.state[state])
  }

  #fail({ code, message }) {
    this.#isDeaf ||= /^microphone_(?!waiting)/.test(code)
    this.complain(code || 'unknown', message)
  }

  #end(reason) {
    this.#state = 'idle'
    this.#isOver = true
    this.#hold(false)
    this.#reason = reason ?? ''
    this.#tool = ''
    this.#captions.close()
    this.#announce(`${this.#words.state.ended}. ${this.#reason}`)
    this.#show()
  }

  /** Says `text` in writing, and calls first if need be; false if that failed. */
  #say(text) {
    if (!this.isLive) this.start()
    if (!this.#call.say(text)) return false
    const epoch = `typed ${this.#typedCount += 1}`
    this.#captions.append('user', epoch, text)
    this.#captions.end('user', epoch, false)
    this.#captions.follow()
    this.#show()
    return true
  }

  #mute() {
    this.#call.muted = !this.#call.muted
  }

  /** The button that is held while speaking; a click that no finger and no key made, a screen reader's, toggles it. */
  #hold(pressed) {
    const { hold } = this.#parts
    if (pressed === (hold.getAttribute('aria-pressed') === 'true')) return
    hold.setAttribute('aria-pressed', pressed)
    if (pressed) this.#call.press()
    else this.#call?.release()
  }

  #wireHold() {
    const { hold } = this.#parts
    const key = (event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return
      event.preventDefault()
      if (!event.repeat) this.#hold(event.type === 'keydown')
    }
    hold.onkeydown = hold.onkeyup = key
    hold.onpointerdown = (event) => {
      if (event.button) return
      hold.setPointerCapture(event.pointerId)
      this.#hold(true)
    }
    let upAt = -Infinity
    hold.onpointerup = hold.onlostpointercapture = hold.onblur = (event) => {
      upAt = event.timeStamp
      this.#hold(false)
    }
    hold.oncontextmenu = (event) => event.preventDefault()
    // Right after a finger comes up, the browser says that it clicked; its count of clicks may be 0 as well.
    hold.onclick = ({ timeStamp }) => timeStamp - upAt > CLICK_MS && this.#hold(hold.getAttribute('aria-pressed') !== 'true')
  }

  #wire() {
    this.#wireHold()
    const { talk, mute, desk, text, dismiss } = this.#parts
    talk.onclick = () => (this.isLive ? this.stop() : this.start())
    mute.onclick = () => this.#mute()
    dismiss.onclick = () => {
      this.complain('')
      this.#show()
      talk.focus()
    }
    desk.onsubmit = (event) => {
      event.preventDefault()
      const words = text.value.trim()
      if (!words || this.#say(words)) text.value = ''
    }
  }

  /**
   * Escape hangs up, unless the focus is elsewhere in a larger page. M mutes while the focus is in the element and not
   * where one writes: a letter that acted page-wide would surprise whoever dictates (WCAG 2.1.4).
   */
  #key(event) {
    const path = event.composedPath()
    const isInside = path.includes(this)
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape' && (isInside || event.target === document.body)) this.stop()
    if (event.key.toLowerCase() === 'm' && !event.repeat && isInside && !isEditable(path[0])) this.#mute()
  }

  #show() {
    const { room, label, log, mute, hold, state, hint, who } = this.#parts
    const words = this.#words
    const name = this.#state === 'idle' && this.#isOver ? 'ended' : this.#state
    const upstream = this.getAttribute('upstream')
    if (this.getAttribute('state') !== name) this.setAttribute('state', name)
    this.#figure.state = name
    this.#awake.held = this.isLive
    this.#names.model = upstream === 'simulator' ? words.echo : words.gemini
    room.classList.toggle('live', this.isLive)
    room.classList.toggle('talked', !this.#captions.isEmpty)
    write(label, this.isLive ? words.stop : words.talk)
    write(state, words.state[name])
    write(hint, this.#hint(name))
    write(who, upstream === 'simulator' ? words.simulator : (this.getAttribute('model') ?? '').replace(/^models\//, ''))
    hold.hidden = !this.isLive || this.getAttribute('mode') !== 'push-to-talk'
    mute.setAttribute('aria-pressed', this.#call?.muted ?? false)
    log.tabIndex = this.#captions.isEmpty ? -1 : 0
  }

  #hint(name) {
    const { hint } = this.#words
    if (name === 'ended') return this.#parts.alert.hidden && this.#reason || hint.ended
    if (name !== 'listening' && name !== 'speaking') return hint[name]
    if (this.#tool) return hint.tool(this.#tool)
    if (this.#isDeaf) return hint.deaf
    return this.#call.muted ? hint.muted : hint[name]
  }

  /** Tells a screen reader, when it has time. */
  #announce(text, who) {
    if (!text) return
    const line = document.createElement('p')
    line.textContent = who ? `${this.#names[who]}: ${text}` : text
    const { said } = this.#parts
    said.append(line)
    while (said.childElementCount > 3) said.firstChild.remove()
  }
}

/** A click follows its finger within this. */
const CLICK_MS = 100

/** The events of a call that the screen shows and passes on. */
const EVENTS = ['state', 'ready', 'caption', 'caption_end', 'tool', 'muted', 'error', 'ended', 'level']

function isEditable(element) {
  return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)
}

/** Sets a text only where it changed, so that nothing is read out twice. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Gives the shadow its style, without an inline style where the browser can (a strict policy forbids those). */
function dress(root, css) {
  if ('adoptedStyleSheets' in root) {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
    return
  }
  const style = document.createElement('style')
  style.textContent = css
  root.append(style)
}

/** The furniture of the screen. `words` are ours, so they may stand in markup. */
function furnish(words) {
  const template = document.createElement('template')
  template.innerHTML = `
<div class="room" part="room" lang="${words.lang}">
  <header>
    <slot name="name"><p class="name">${words.name}</p></slot>
    <p class="who" part="who"></p>
  </header>
  <div role="alert"><div class="alert" part="alert" hidden>
    <p part="trouble"></p>
    <button type="button" part="dismiss" aria-label="${words.dismiss}"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 7l10 10M17 7 7 17"/></svg></button>
  </div></div>
  <main>
    <div class="stage">
      <div class="figure">
        <canvas part="figure" aria-hidden="true"></canvas>
        <button type="button" class="talk" part="talk" aria-describedby="state">
          <svg class="go" viewBox="0 0 24 24" aria-hidden="true"><rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/></svg>
          <svg class="stop" viewBox="0 0 24 24" aria-hidden="true"><rect x="7" y="7" width="10" height="10" rx="1.5"/></svg>
          <span part="label"></span>
        </button>
      </div>
      <p class="state" part="state" id="state"></p>
      <p class="hint" part="hint"></p>
      <button type="button" class="hold" part="hold" aria-pressed="false" hidden>${words.hold}</button>
    </div>
    <div class="words">
      <div class="log" part="log" role="log" aria-live="off" aria-label="${words.conversation}"><ol part="list"></ol></div>
      <button type="button" class="latest" part="latest" hidden>↓ ${words.latest}</button>
    </div>
  </main>
  <form class="desk" part="desk">
    <button type="button" class="mute" part="mute" aria-pressed="false" aria-label="${words.mute}" title="${words.mute} (M)">
      <svg viewBox="0 0 24 24" aria-hidden="true"><rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/><path class="slash" d="M4 4l16 16"/></svg>
    </button>
    <div class="field">
      <input part="text" aria-label="${words.text}" placeholder="${words.placeholder}" autocomplete="off" enterkeyhint="send" maxlength="4000">
      <button class="send" part="send" aria-label="${words.send}"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 19V5M6 11l6-6 6 6"/></svg></button>
    </div>
  </form>
  <div class="said" part="said" role="status" aria-live="polite"></div>
</div>`
  return template.content
}
