/**
 * Asks the person whether a tool may do what it is about to do: a card in the screen, with the very arguments that will
 * be sent. Of several one comes after the other. Downloaded when it is first needed, by itself: it imports nothing.
 */
export class Question {
  #room
  #words
  #answer
  #announce
  /** Who waits, the one that is shown first, and its card. */
  #waiting = []
  #shown
  #card

  /**
   * Asks in `room`, in the language `lang`. `answer(tool, isAllowed)` is told what the person says; `announce(text)` tells
   * a screen reader, where the focus has to stay where it is.
   */
  constructor(room, { lang, answer, announce }) {
    this.#room = room
    this.#words = WORDS[lang] ?? WORDS.en
    this.#answer = answer
    this.#announce = announce
  }

  /** Takes in one event of the call that is named `call`: what waits no longer goes away. */
  take(type, detail, call) {
    switch (type) {
      case 'tool': this.#keep(({ id }) => id !== detail.id); break
      case 'ready': this.#keep((tool) => tool.call === call); break
      case 'ended': this.#keep(() => false); break
    }
    if (detail.state === 'confirm') this.#waiting.push({ ...detail, call })
    this.#show()
  }

  #keep(isOf) {
    this.#waiting = this.#waiting.filter(isOf)
  }

  #say(isAllowed) {
    this.#answer(this.#waiting.shift(), isAllowed)
    this.#show()
  }

  #show() {
    const [tool] = this.#waiting
    if (tool === this.#shown) return
    const focus = this.#room.getRootNode().activeElement
    const wasHere = this.#card?.contains(focus)
    this.#shown = tool
    this.#card?.remove()
    this.#card = tool && this.#draw(tool)
    if (!tool) return wasHere && this.#room.querySelector('.talk').focus()
    this.#room.querySelector('main').append(this.#card)
    // Whoever types, or holds the button and speaks, or is elsewhere in the page, goes on with that.
    if (wasHere || (focus ? !focus.matches('input, .hold') : document.activeElement === document.body)) this.#card.focus()
    else this.#announce(`${this.#words.ask} ${tool.name}`)
  }

  #draw(tool) {
    const card = make('section', { className: 'question', part: 'question', tabIndex: -1, onkeydown: (event) => this.#key(event) })
    for (const [key, value] of [['role', 'alertdialog'], ['aria-labelledby', 'ask'], ['aria-describedby', 'what args']]) card.setAttribute(key, value)
    const { ask, yes, no } = this.#words
    const refuse = make('button', { type: 'button', part: 'refuse', textContent: no, onclick: () => this.#say(false) })
    const allow = make('button', { type: 'button', part: 'allow', textContent: yes, disabled: true, onclick: () => this.#say(true) })
    setTimeout(() => { allow.disabled = false }, UNSEEN_MS)
    card.append(
      make('h2', { id: 'ask', textContent: ask }), make('p', { id: 'what', textContent: tool.name }),
      listed(tool.arguments ?? {}), make('div', {}, refuse, allow),
    )
    return card
  }

  /** Escape says no, and does not hang up. */
  #key(event) {
    if (event.key !== 'Escape') return
    event.preventDefault()
    this.#say(false)
  }
}

/** How the card looks. */
export const STYLE = `
main { position: relative }
.question { position: absolute; inset: auto 0 0; display: flex; flex-direction: column; gap: .6rem; width: 100%; max-width: 34rem; max-height: 100%;
  margin: auto; padding: 1.1rem; border: 1px solid var(--line); border-radius: 1.5rem; background: var(--paper);
  box-shadow: 0 .5rem 2rem color-mix(in srgb, var(--ink) 20%, transparent); animation: appear .25s both }
h2 { font: 400 1.375rem/1.25 var(--serif) }
#what { overflow-wrap: anywhere; font-weight: 500 }
dl { min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: .2rem .9rem .6rem; border-left: 3px solid var(--line) }
dt { margin-top: .4rem; color: var(--soft); font-size: .8125rem }
dd { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9375rem; line-height: 1.45 }
.question div { display: flex; gap: .6rem; margin-top: .3rem }
.question button { flex: 1; min-height: 3rem; border: 1px solid var(--line); border-radius: 1.5rem }
.question button + button { border: 0; background: var(--accent); color: var(--on-accent) }
.question :disabled { opacity: .5 }
@media (forced-colors: active) { .question button { border: 2px solid ButtonText !important } }
`

/** What the card says, by language: further ones as in words.js. */
const WORDS = {
  en: { ask: 'May I do this?', yes: 'Do it', no: 'Don’t' },
}

/** For so long nobody has read what they would allow: their finger was on its way to something else. */
const UNSEEN_MS = 700

/** Marks that turn the direction of what follows: words could seem to be others than they are. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function make(name, what, ...children) {
  const element = Object.assign(document.createElement(name), what)
  element.append(...children)
  return element
}

/** All arguments, in their order; without any, nothing to be seen. */
function listed(args) {
  const lines = Object.entries(args).flatMap(([key, value]) =>
    [make('dt', { textContent: plain(key) }), make('dd', { dir: 'auto', textContent: plain(written(value)) })])
  return make('dl', { id: 'args', hidden: !lines.length, tabIndex: 0 }, ...lines)
}

/** A text as it is; all else, and what would not be seen, as JSON. */
function written(value) {
  return typeof value === 'string' && value.trim() ? value : JSON.stringify(value, null, 2)
}

/** A text without marks that turn it: each is named in its place. */
function plain(text) {
  return text.replace(TURNING, (mark) => `\\u${mark.charCodeAt().toString(16).padStart(4, '0')}`)
}
