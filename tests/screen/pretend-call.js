/** Stands in for call.js: does nothing, notes what it is told, and says what a test lets it say. */
export class VivaVoce extends EventTarget {
  #muted = false
  told = []

  constructor(options) {
    super()
    this.options = options
    window.pretend = this
  }

  get muted() {
    return this.#muted
  }

  set muted(muted) {
    this.#muted = muted
    this.told.push(['muted', muted])
    this.emit('muted', { muted })
  }

  start() {
    this.told.push(['start'])
    this.emit('state', { state: 'connecting' })
  }

  stop() {
    this.told.push(['stop'])
    this.emit('ended', { reason: '' })
    this.emit('state', { state: 'idle' })
  }

  say(text) {
    this.told.push(['say', text])
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
