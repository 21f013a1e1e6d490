import { VivaVoceElement } from '../src/js/element.js'
import { Trouble } from '../src/js/trouble.js'
import { Telegram } from './telegram.js'

VivaVoceElement.define()

const screen = document.createElement('viva-voce')
const telegram = new Telegram({ onTheme: (scheme) => screen.setAttribute('scheme', scheme) })

screen.options = { platform: telegram.platform }
document.body.append(screen)
requestAnimationFrame(() => telegram.ready())
configure()

screen.addEventListener('wanted', configure)

let isGuarded = false
screen.addEventListener('state', () => guard(screen.isLive))
screen.addEventListener('ended', () => guard(false))
screen.addEventListener('error', () => telegram.buzz())
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
    const { url, upstream, model } = await answer.json() ?? {}
    if (upstream) screen.setAttribute('upstream', upstream)
    if (model) screen.setAttribute('model', model)
    if (typeof url !== 'string' || !url) throw new Error('config.json: expected a url')
    screen.url = url
  } catch (error) {
    console.error(error)
    if (screen.isLive) screen.stop()
    // Nothing was answered at all: it is the connection, not the config.
    if (error instanceof TypeError) screen.complain('download_failed', new Trouble('download_failed').message)
    else screen.complain('config_missing')
  }
}
