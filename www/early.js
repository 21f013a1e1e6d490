/*
 * Runs before anything else on the page. Telegram hands over its launch parameters in the fragment and may send
 * events at once: this keeps both until telegram.js asks, and takes the fragment (it holds the user's signed
 * data) out of the address, so that no report or link can carry it on.
 */
(function () {
  const KEPT = 'vivavoce.launch'
  let fragment = location.hash.slice(1)
  try {
    if (/(^|&|\?)tgWebApp/.test(fragment)) sessionStorage.setItem(KEPT, fragment)
    else fragment = sessionStorage.getItem(KEPT) || ''
  } catch {
    // Storage may be closed to a frame; then a reload starts without Telegram's parameters.
  }
  if (/(^#|&|\?)tgWebApp/.test(location.hash)) history.replaceState(history.state, '', location.pathname + location.search)

  const early = window.vivavoceEarly = { fragment, events: [], onevent: null }
  const receive = (type, data) => {
    if (early.onevent) early.onevent(type, data)
    else if (early.events.length < 100) early.events.push([type, data])
  }
  window.Telegram = Object.assign(window.Telegram || {}, { WebView: { receiveEvent: receive } })
  window.TelegramGameProxy = { receiveEvent: receive }
  window.TelegramGameProxy_receiveEvent = receive
  window.addEventListener('message', (event) => {
    if (event.source !== window.parent || event.source === window || event.origin !== 'https://web.telegram.org') return
    try {
      const { eventType, eventData } = JSON.parse(event.data)
      if (typeof eventType === 'string') receive(eventType, eventData)
    } catch {
      // Not one of Telegram's.
    }
  })
})()
