import { Trouble } from '../src/js/trouble.js'

/** Where tickets come from: each call wants one of its own. */
export class Session {
  #initData
  /** What serves once Telegram's word on the user is too old. It stays in here. */
  #refresh

  /** `initData` is Telegram's, or empty. */
  constructor(initData) {
    this.#initData = initData
  }

  /** A ticket from the address `url`; throws a {@link Trouble} with the proxy's sentence where it gives none. */
  async ticket(url) {
    const [refresh, init_data] = [this.#refresh, this.#initData]
    // Without a type of its own the text needs no question beforehand.
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(refresh ? { refresh } : init_data ? { init_data } : {}) })
    // What is no JSON is no proxy's answer, but that of something on the way.
    const { ticket, error, ...next } = await answer.json().catch((what) => { throw new TypeError(what) })
    if (refresh && answer.status === 401) {
      this.#refresh = ''
      return this.ticket(url)
    }
    const mayAskAgain = answer.status === 429 || answer.status > 499
    if (error) throw new Trouble('no_ticket', mayAskAgain ? new TypeError(error.code) : error.code, error.message)
    this.#refresh = next.refresh
    return ticket
  }
}
