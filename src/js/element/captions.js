/** The conversation in writing: grows at its end, forgets its beginning, and never scrolls under a reader. */
export class Captions {
  #list
  #scroller
  #latest
  #names
  #cut
  #entries = new Map()
  #atEnd = true

  /** Writes into `list`, which scrolls in `scroller`; `latest` is the button that leads back to the end. */
  constructor({ list, scroller, latest, names, cut }) {
    this.#list = list
    this.#scroller = scroller
    this.#latest = latest
    this.#names = names
    this.#cut = cut
    scroller.addEventListener('scroll', () => this.#notice(), { passive: true })
    latest.addEventListener('click', () => this.follow())
  }

  get isEmpty() {
    return !this.#list.firstChild
  }

  /** Adds a piece to what `who` says in turn `epoch`; a piece that comes after the end still finds its place. */
  append(who, epoch, text) {
    const key = `${who} ${epoch}`
    let words = this.#entries.get(key)
    if (!words?.isConnected || words.textContent.length > LONGEST) {
      words = this.#entry(who)
      this.#entries.set(key, words)
    }
    if (words.childElementCount > PIECES) words.textContent = words.textContent
    const piece = document.createElement('span')
    piece.textContent = words.textContent ? text : text.trimStart()
    words.insertBefore(piece, words.querySelector('i'))
    if (this.#atEnd) this.follow()
  }

  /** Closes what `who` says in turn `epoch`; gives back its text, marked if it was cut off. */
  end(who, epoch, cut) {
    const words = this.#entries.get(`${who} ${epoch}`)
    if (!words || words.querySelector('i')) return ''
    const text = words.textContent.trim()
    words.textContent = text
    if (cut) this.#mark(words)
    if (this.#atEnd) this.follow()
    return cut ? `${text} (${this.#cut})` : text
  }

  /** The call is over: the next one counts its turns anew. */
  close() {
    this.#entries.clear()
  }

  /** Goes to the end and stays there. */
  follow() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#atEnd = true
    this.#latest.hidden = true
  }

  #entry(who) {
    const item = document.createElement('li')
    const name = document.createElement('b')
    const words = document.createElement('p')
    item.dataset.who = who
    name.textContent = this.#names[who]
    words.dir = 'auto'
    item.append(name, words)
    this.#list.append(item)
    while (this.#list.childElementCount > ENTRIES) this.#list.firstChild.remove()
    if (this.#entries.size > ENTRIES) this.#entries.delete(this.#entries.keys().next().value)
    return words
  }

  #mark(words) {
    const mark = document.createElement('i')
    mark.textContent = ` — ${this.#cut}`
    words.append(mark)
    words.parentNode.dataset.cut = ''
  }

  #notice() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR
    this.#latest.hidden = this.#atEnd
  }
}

/** Entries kept; the oldest goes first. */
const ENTRIES = 80

/** Characters after which a turn goes on in a new entry. */
const LONGEST = 4000

/** Pieces of an entry that may still fade in on their own. */
const PIECES = 30

/** So many CSS pixels from the end count as the end. */
const NEAR = 40
