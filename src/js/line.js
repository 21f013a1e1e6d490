import { Trouble } from './trouble.js'

/** The page's line to the Worker in which calls are made. The Worker outlives calls; a broken one is replaced. */
export class Line {
  #worker
  #on

  /** `on` has `event(number, event)` for what call `number` says, and `lost(trouble)`. */
  constructor(on) {
    this.#on = on
  }

  /** Begins to download the Worker and its module, unless that was done. */
  open() {
    if (this.#worker) return
    const worker = this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'viva-voce' })
    worker.onmessage = ({ data }) => this.#hear(data)
    worker.onerror = (event) => {
      event.preventDefault()
      // A script that did not come has no message, unlike one that threw.
      this.#lose(new Trouble(event.message ? 'internal' : 'download_failed', event.message))
    }
  }

  /** Says something to the Worker, if there is one; it keeps the order, also while it still loads. */
  post(message) {
    this.#worker?.postMessage(message)
  }

  /** Says something that carries a port. */
  give(message) {
    this.#worker?.postMessage(message, [message.port])
  }

  /** Ends the Worker and whatever it does. */
  close() {
    this.#worker?.terminate()
    this.#worker = undefined
  }

  #hear(data) {
    switch (data.type) {
      case 'event': return this.#on.event(data.number, data.event)
      case 'unloaded': return this.#lose(new Trouble('download_failed', data.message))
      case 'broken': return this.#lose(new Trouble('internal', data.message))
    }
  }

  #lose(trouble) {
    this.close()
    this.#on.lost(trouble)
  }
}
