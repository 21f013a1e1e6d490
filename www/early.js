/*
 * Runs before anything else on the page. Telegram hands over its launch parameters in the fragment and may send
 * events at once: this keeps both until telegram.js asks, and takes the fragment (it holds the user's signed
 * data) out of the address, so that no report or link can carry it on. And it speaks up where the rest of the page
 * cannot: in a browser too old for it, or with a main script that is gone. So it is written for browsers of 2009.
 */
(function () {
  var KEPT = 'vivavoce.launch'
  var fragment = location.hash.slice(1)
  try {
    if (/(^|&|\?)tgWebApp/.test(fragment)) sessionStorage.setItem(KEPT, fragment)
    else fragment = sessionStorage.getItem(KEPT) || ''
  } catch (error) {
    // Storage may be closed to a frame; then a reload starts without Telegram's parameters.
  }
  if (/(^#|&|\?)tgWebApp/.test(location.hash)) history.replaceState(history.state, '', location.pathname + location.search)

  var early = window.vivavoceEarly = { fragment: fragment, events: [], onevent: null }
  function receive(type, data) {
    if (early.onevent) early.onevent(type, data)
    else if (early.events.length < 100) early.events.push([type, data])
  }
  window.Telegram = window.Telegram || {}
  window.Telegram.WebView = window.TelegramGameProxy = { receiveEvent: receive }
  window.TelegramGameProxy_receiveEvent = receive
  window.addEventListener('message', function (event) {
    if (event.source !== window.parent || event.source === window || event.origin !== 'https://web.telegram.org') return
    try {
      var said = JSON.parse(event.data)
      if (typeof said.eventType === 'string') receive(said.eventType, said.eventData)
    } catch (error) {
      // Not one of Telegram's.
    }
  })
  window.addEventListener('load', function () {
    if (window.customElements && customElements.get('viva-voce')) return
    document.body.innerHTML = '<p>Viva Voce could not start here. Reload the page or update this browser.</p>'
  })
})()
