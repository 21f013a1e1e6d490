// A mail server that keeps what it is given.

import { once } from 'node:events'
import { createServer } from 'node:net'

export class Mailbox {
  static async open() {
    const mailbox = new Mailbox()
    mailbox.#server.listen(0, '127.0.0.1')
    await once(mailbox.#server, 'listening')
    return mailbox
  }

  /** The letters: `{ from, to, subject, text }`. */
  letters = []

  /** While it does, whoever brings a letter is told that it can't be taken. */
  refuses = false

  get port() {
    return this.#server.address().port
  }

  /** From now on whoever brings a letter waits for a word; what comes back gives it. */
  hold() {
    let release
    this.#word = new Promise(resolve => { release = resolve })
    return release
  }

  close() {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #sockets = new Set()
  #server = createServer(socket => this.#converse(socket))
  #word = Promise.resolve()

  #converse(socket) {
    this.#sockets.add(socket)
    const say = words => socket.write(`${words}\r\n`)
    let [rest, envelope, lines] = ['', { to: [] }, undefined]
    const hear = line => {
      if (lines && line !== '.') return lines.push(line.replace(/^\./, ''))
      if (lines) {
        this.letters.push({ ...envelope, ...read(lines) });
        [envelope, lines] = [{ to: [] }, undefined]
        return this.#word.then(() => say('250 taken'))
      }
      const [, verb, address] = line.match(/^(\w+)(?:[^<]*<(.*)>)?/)
      if (verb === 'MAIL') envelope.from = address
      if (verb === 'RCPT') envelope.to.push(address)
      if (verb === 'RCPT' && this.refuses) return say('550 nobody of this name')
      if (verb !== 'DATA') return say(verb === 'QUIT' ? '221 bye' : '250 all right')
      lines = []
      return say('354 go on')
    }
    socket.setEncoding('latin1')
    socket.on('error', () => { /* Whoever brought a letter knows it. */ })
    socket.on('data', text => {
      const heard = (rest + text).split('\r\n')
      rest = heard.pop()
      heard.forEach(hear)
    })
    say('220 mailbox.example')
  }
}

/** What stands in a letter of one part. */
function read(lines) {
  const end = lines.indexOf('')
  const head = lines.slice(0, end).join('\n')
  const body = lines.slice(end + 1).join('\n')
  const bytes = /^Content-Transfer-Encoding: quoted-printable$/im.test(head)
    ? body.replace(/=\n/g, '').replace(/=([\dA-F]{2})/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    : body
  return { subject: head.match(/^Subject: (.*)$/m)?.[1], text: Buffer.from(bytes, 'latin1').toString().trimEnd() }
}
