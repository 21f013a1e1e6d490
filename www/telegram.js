/** The web clients of Telegram; nobody else may speak to the page or be spoken to as a frame's parent. */
const WEB = 'https://web.telegram.org'

/**
 * The launch parameters in a location fragment (without `#`), each decoded once. `tgWebAppData` then is the raw
 * init data: its own values stay percent-encoded, for the server to check.
 */
export function launchParams(fragment) {
  const start = fragment.indexOf('?')
  const query = start >= 0 && !fragment.slice(0, start).includes('=') ? fragment.slice(start + 1) : fragment
  return Object.fromEntries(new URLSearchParams(query))
}

/** Whether version `have` is at least `need`, part by part: 7.10 is newer than 7.9. */
export function atLeast(have, need) {
  const [left, right] = [have, need].map((version) => String(version).split('.').map((part) => parseInt(part, 10) || 0))
  for (let part = 0; part < Math.max(left.length, right.length); part += 1) {
    const gap = (left[part] ?? 0) - (right[part] ?? 0)
    if (gap) return gap > 0
  }
  return true
}

/** The theme in Telegram's parameters as CSS variables; whatever is no colour is left out. */
export function themeVariables(params) {
  const colours = Object.entries(params ?? {}).filter(([key, value]) => /^[a-z0-9_]+$/.test(key) && /^#[0-9a-f]{6}$/i.test(value))
  return Object.fromEntries(colours.map(([key, value]) => [`--tg-theme-${key.replaceAll('_', '-')}`, value]))
}

/** Whether `colour` (`#rrggbb`) is dark: white reads better on it than black. */
export function isDark(colour) {
  return contrast(colour, WHITE) > contrast(colour, BLACK)
}

/** The colour of words on `ground`: the theme's own `wish` where that can be read (WCAG's 4.5 to 1), else black or white. */
export function inkOn(ground, wish = ground) {
  if (contrast(ground, wish) >= 4.5) return wish
  return isDark(ground) ? WHITE : BLACK
}

/**
 * The bridge to the Telegram client around the page, in the few words that a voice call needs. Outside Telegram every
 * method does nothing. Calls that the client is too old for are not sent.
 */
export class Telegram {
  #version
  #window
  #theme
  #onTheme

  /** `host` is the window, with what early.js kept in it. `onTheme` hears `light` or `dark` whenever the theme changes. */
  constructor({ host = window, onTheme = () => {} } = {}) {
    const early = host.vivavoceEarly
    const params = launchParams(early?.fragment ?? '')
    this.#window = host
    this.#onTheme = onTheme
    this.#version = params.tgWebAppVersion ?? '6.0'
    /** Whether Telegram opened the page. */
    this.isInside = 'tgWebAppVersion' in params || 'tgWebAppData' in params
    /** The signed text about the user, to be sent to a server untouched; empty if there is none. */
    this.initData = params.tgWebAppData ?? ''
    /** Telegram's name for the client around the page, such as `ios` or `tdesktop`. */
    this.platform = params.tgWebAppPlatform
    if (!this.isInside) return
    this.#dress(parse(params.tgWebAppThemeParams))
    for (const [type, data] of early.events.splice(0)) this.#hear(type, data)
    early.onevent = (type, data) => this.#hear(type, data)
    this.#introduce()
  }

  /** The page can be seen: let Telegram take its loader away, and use the whole height. */
  ready() {
    this.#send('web_app_ready')
    this.#send('web_app_expand')
  }

  /** While a call is on, closing asks first and a swipe down does not close. */
  guard(isLive) {
    this.#send('web_app_setup_closing_behavior', { need_confirmation: isLive }, '6.2')
    this.#send('web_app_setup_swipe_behavior', { allow_vertical_swipe: !isLive }, '7.7')
  }

  /** A light tap under the finger. */
  tap() {
    this.#send('web_app_trigger_haptic_feedback', { type: 'impact', impact_style: 'light' }, '6.1')
  }

  /** The buzz of a failure, or of a `warning`. */
  buzz(notification_type = 'error') {
    this.#send('web_app_trigger_haptic_feedback', { type: 'notification', notification_type }, '6.1')
  }

  #introduce() {
    if (this.#isFramed()) this.#send('iframe_ready', { reload_supported: true })
    this.#send('web_app_request_theme')
    this.#send('web_app_request_viewport')
    this.#send('web_app_request_safe_area', undefined, '8.0')
    this.#send('web_app_request_content_safe_area', undefined, '8.0')
  }

  #isFramed() {
    return this.#window.parent !== this.#window
  }

  #send(eventType, eventData = '', need = '6.0') {
    if (!this.isInside || !atLeast(this.#version, need)) return
    const { TelegramWebviewProxy: proxy, external, parent } = this.#window
    if (proxy?.postEvent) proxy.postEvent(eventType, JSON.stringify(eventData))
    else if (external && 'notify' in external) external.notify(JSON.stringify({ eventType, eventData }))
    else if (this.#isFramed()) parent.postMessage(JSON.stringify({ eventType, eventData }), WEB)
  }

  /** One event of the client. Any payload may be missing. */
  #hear(type, data) {
    const said = (typeof data === 'string' ? parse(data) : data) ?? {}
    switch (type) {
      case 'theme_changed': return this.#dress(said.theme_params)
      case 'viewport_changed': return this.#measure(said)
      case 'safe_area_changed': return this.#inset('safe-area', said)
      case 'content_safe_area_changed': return this.#inset('content-safe-area', said)
      case 'reload_iframe': {
        this.#send('iframe_will_reload')
        return this.#window.location.reload()
      }
    }
  }

  #dress(params) {
    const variables = themeVariables(params)
    if (!Object.keys(variables).length) return
    const button = variables[BUTTON]
    if (button) variables[LABEL] = inkOn(button, variables[LABEL])
    for (const name of Object.keys(this.#theme ?? {})) this.#set(name, '')
    this.#theme = variables
    for (const [name, value] of Object.entries(variables)) this.#set(name, value)
    const paper = variables['--tg-theme-bg-color']
    if (!paper) return
    const scheme = isDark(paper) ? 'dark' : 'light'
    this.#set('--tg-color-scheme', scheme)
    this.#set('color-scheme', scheme)
    this.#send('web_app_set_background_color', { color: paper }, '6.1')
    this.#send('web_app_set_header_color', { color_key: 'bg_color' }, '6.1')
    this.#send('web_app_set_bottom_bar_color', { color: paper }, '7.10')
    this.#onTheme(scheme)
  }

  #measure({ height, is_state_stable: isStable }) {
    if (!(height > 0)) return
    this.#set('--tg-viewport-height', `${height}px`)
    if (isStable) this.#set('--tg-viewport-stable-height', `${height}px`)
  }

  #inset(area, sides) {
    for (const side of ['top', 'bottom', 'left', 'right']) {
      const width = Number(sides[side])
      if (width >= 0) this.#set(`--tg-${area}-inset-${side}`, `${width}px`)
    }
  }

  #set(name, value) {
    this.#window.document.documentElement.style.setProperty(name, value)
  }
}

/** How far two colours are apart, from 1 to 21, after WCAG 2. */
function contrast(one, other) {
  const [dark, bright] = [one, other].map(luminance).sort((a, b) => a - b)
  return (bright + 0.05) / (dark + 0.05)
}

function luminance(colour) {
  return [0.2126, 0.7152, 0.0722].reduce((sum, weight, at) => {
    const share = parseInt(colour.slice(at * 2 + 1, at * 2 + 3), 16) / 255
    return sum + weight * (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4)
  }, 0)
}

const WHITE = '#ffffff'
const BLACK = '#000000'
const BUTTON = '--tg-theme-button-color'
const LABEL = '--tg-theme-button-text-color'

/** The value of a JSON text, or nothing. */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
