import { VivaVoceElement } from '../src/js/element.js'
import { Trouble } from '../src/js/trouble.js'
import { Session } from './session.js'
import { Telegram } from './telegram.js'

VivaVoceElement.define()

const screen = document.createElement('viva-voce')
const telegram = new Telegram({ onTheme: (scheme) => screen.setAttribute('scheme', scheme) })
const session = new Session(telegram.initData)

screen.options = {
  platform: telegram.platform,
  ticket: async () => { await reading; return door && session.ticket(door) },
}
document.body.append(screen)
requestAnimationFrame(() => telegram.ready())

/** Where tickets are given, if they are; known once the config is read. */
let door
let reading = configure()

screen.addEventListener('wanted', () => { reading = configure() })

let isGuarded = false
screen.addEventListener('state', () => guard(screen.isLive))
screen.addEventListener('ended', () => guard(false))
screen.addEventListener('error', () => telegram.buzz())
screen.addEventListener('tool', ({ detail }) => detail.state === 'confirm' && telegram.buzz('warning'))
screen.addEventListener('click', (event) => {
  if (event.composedPath()[0].closest?.('button')) telegram.tap()
})

/** Tells Telegram when a call begins and ends. */
function guard(isLive) {
  if (isLive === isGuarded) return
  isGuarded = isLive
  telegram.guard(isLive)
}

/** Reads whom to call, from the file beside the page. */
async function configure() {
  try {
    const answer = await fetch('config.json', { cache: 'no-cache' })
    if (!answer.ok) throw new Error(`config.json: ${answer.status}`)
    const { url, upstream, model, session } = await answer.json() ?? {}
    if (upstream) screen.setAttribute('upstream', upstream)
    if (model) screen.setAttribute('model', model)
    if (typeof url !== 'string' || !url) throw new Error('config.json: expected a url')
    door = session
    screen.url = url
  } catch (error) {
    console.error(error)
    if (screen.isLive) screen.stop()
    // Nothing was answered at all: it is the connection, not the config.
    if (error instanceof TypeError) screen.complain('download_failed', new Trouble('download_failed').message)
    else screen.complain('config_missing')
  }
}
