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
    this.isOn = true
    this.emit('state', { state: 'connecting' })
    Promise.resolve(this.options.url()).then((url) => { this.url = url })
  }

  stop() {
    if (!this.isOn) return
    this.told.push(['stop'])
    this.isOn = false
    this.emit('state', { state: 'idle' })
    this.emit('ended', { reason: '' })
  }

  press() {
    this.told.push(['press'])
  }

  release() {
    this.told.push(['release'])
  }

  say(text) {
    this.told.push(['say', text])
    return this.isOn
  }

  confirmTool(...how) {
    this.told.push(['confirmTool', ...how])
  }

  close() {
    this.stop()
    this.told.push(['close'])
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
