// The page as a person uses it, and what it tells.

import { By } from 'selenium-webdriver'
import { until } from '../sound/fact.mjs'

export class Call {
  /**
   * Opens the page and waits until it can be tapped. `options` are those of the element (`audio` and so on): with
   * them, one made for the story takes the place of the page's own. `mode` becomes its attribute.
   */
  static async open(browser, url, options) {
    const call = new Call(browser)
    await browser.driver.get(url)
    await until('the screen is there', () => browser.run(`return document.querySelector('viva-voce')?.url`))
    await browser.run(WITNESS, options ?? null)
    return call
  }

  /** Clicks as a finger taps. */
  async tap(part = 'talk') {
    const element = await this.#find(part)
    await element.click()
  }

  /** Puts a finger on a part and leaves it there. */
  async press(part) {
    await this.#browser.driver.actions().move({ origin: await this.#find(part) }).press().perform()
  }

  /** Lifts the finger. */
  async release() {
    await this.#browser.driver.actions().release().perform()
  }

  /** Types a text and sends it. */
  async type(text) {
    const field = await this.#browser.run('return partOf("text")')
    await field.sendKeys(text)
    await this.tap('send')
  }

  /** Waits until the call is in a state. */
  async reach(state, patience_ms = 15_000) {
    await until(`the call is ${state}`, async () => await this.state() === state,
      { patience_ms, why: async () => `(it is ${await this.state()}; ${JSON.stringify(await this.told())})` })
  }

  /** What the screen says the call does: the attribute `state` of the element. */
  state() {
    return this.#browser.run('return document.querySelector("viva-voce").getAttribute("state")')
  }

  /** The text of a part of the screen. */
  text(part) {
    return this.#browser.run('return partOf(arguments[0]).textContent', part)
  }

  /** What stands in the captions: `{ who, text, cut }`, oldest first. */
  captions() {
    return this.#browser.run(`return [...screenOf().querySelectorAll('[part=log] li')]
      .map(line => ({ who: line.dataset.who, text: line.textContent, cut: line.dataset.cut !== undefined }))`)
  }

  /** All events of the call but levels, with `at` in milliseconds of the page's clock; `tap` stands for taps. */
  told() {
    return this.#browser.run('return told')
  }

  /** Waits until an event was told that `is` so; returns it. */
  async hears(fact, is, patience_ms = 15_000) {
    return until(fact, async () => (await this.told()).find(is),
      { patience_ms, why: async () => `(told: ${JSON.stringify(await this.told())})` })
  }

  /** A part, once it stands still. */
  async #find(part) {
    let place
    await until(`${part} stands still`, async () => {
      const before = place
      place = await this.#browser.run('const box = partOf(arguments[0]).getBoundingClientRect(); return `${box.x} ${box.y} ${box.width}`', part)
      return place === before && !place.endsWith(' 0')
    }, { every_ms: 50 })
    return this.#browser.run('return partOf(arguments[0])', part)
  }

  #browser

  constructor(browser) {
    this.#browser = browser
  }
}

/** Writes down what the element tells, and with options puts another in its place. */
const WITNESS = `
  const [options] = arguments
  window.told = []
  window.screenOf = () => document.querySelector('viva-voce').shadowRoot
  window.partOf = part => screenOf().querySelector(\`[part=\${part}]\`)
  let screen = document.querySelector('viva-voce')
  if (options) {
    const own = document.createElement('viva-voce')
    own.options = options
    if (options.mode) own.setAttribute('mode', options.mode.replaceAll('_', '-'))
    own.url = screen.url
    screen.replaceWith(own)
    screen = own
  }
  addEventListener('click', event => told.push({ type: 'tap', at: event.timeStamp }), { capture: true })
  for (const type of ['state', 'ready', 'caption', 'caption_end', 'tool', 'muted', 'error', 'ended']) {
    screen.addEventListener(type, ({ detail }) => told.push({ at: performance.now(), ...detail }))
  }`
