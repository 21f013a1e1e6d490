/**
 * How the screen looks: ink and one colour on paper. Inside Telegram the theme's colours take their place.
 * Secondary text is mixed from ink and paper, since the hint colours of themes are often too faint to read.
 */
export const STYLE = `
:host {
  --paper: var(--tg-theme-bg-color, #faf7f1);
  --ink: var(--tg-theme-text-color, #1d1a16);
  --accent: var(--tg-theme-button-color, #bf3b1f);
  --on-accent: var(--tg-theme-button-text-color, #fffaf5);
  --danger: var(--tg-theme-destructive-text-color, #a3201a);
  --serif: ui-serif, 'Iowan Old Style', Charter, 'Noto Serif', Cambria, Georgia, serif;
  --sans: -apple-system, 'Segoe UI', Roboto, 'Noto Sans', system-ui, sans-serif;
  --soft: color-mix(in srgb, var(--ink) 70%, var(--paper));
  --line: color-mix(in srgb, var(--ink) 16%, var(--paper));
  --top: calc(env(safe-area-inset-top, 0px) + var(--tg-safe-area-inset-top, 0px) + var(--tg-content-safe-area-inset-top, 0px));
  --bottom: calc(max(env(safe-area-inset-bottom, 0px), var(--tg-safe-area-inset-bottom, 0px)) + var(--tg-content-safe-area-inset-bottom, 0px));
  display: block;
  height: 100%;
  color-scheme: light;
  color: var(--ink);
  background: var(--paper);
  font: 400 1rem/1.5 var(--sans);
  font-size-adjust: .5;
  -webkit-tap-highlight-color: transparent;
  -webkit-text-size-adjust: 100%;
}
:host([hidden]) { display: none }
@media (prefers-color-scheme: dark) { :host(:not([scheme=light])) { ${dark()} } }
:host([scheme=dark]) { ${dark()} }
*, ::before, ::after { box-sizing: border-box; margin: 0; padding: 0 }
[hidden] { display: none !important }
button, input { font: inherit; color: inherit; background: none; border: 0 }
button { cursor: pointer; touch-action: manipulation; -webkit-user-select: none; user-select: none }
svg { width: 1.375rem; height: 1.375rem; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round }
:focus-visible { outline: 2px solid var(--ink); outline-offset: 3px }

.room { display: flex; flex-direction: column; height: 100%; overflow: hidden;
  padding: calc(var(--top) + 1.1rem) 1.25rem calc(var(--bottom) + .9rem) }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .9rem; min-height: 3rem }
.name { font: italic 400 1.375rem/1.3 var(--serif); letter-spacing: -.01em }
.who { color: var(--soft); font-size: .8125rem }

.alert { display: flex; align-items: flex-start; gap: .5rem; width: 100%; max-width: 40rem; margin: .5rem auto 0; padding: .55rem .25rem .55rem .9rem;
  border-left: 3px solid var(--danger); background: color-mix(in srgb, var(--danger) 8%, var(--paper)); font-size: .9375rem; line-height: 1.4 }
.alert p { flex: 1; padding: .4rem 0 }
.alert button { display: grid; place-items: center; flex: none; width: 2.75rem; height: 2.75rem; margin: -.15rem 0 }

main { flex: 1; display: flex; flex-direction: column; min-height: 0 }
.stage { flex: 1 0 auto; display: flex; flex-direction: column; align-items: center; justify-content: center; text-align: center }
.figure { position: relative; flex: none; width: var(--size); height: var(--size); --size: min(20.5rem, 84vw, 46vh); transition: width .6s var(--ease), height .6s var(--ease) }
.room { --ease: cubic-bezier(.3, .7, .2, 1) }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none }
.talk { position: absolute; inset: 0; margin: auto; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: .1rem;
  width: 36%; height: 36%; min-width: 5.5rem; min-height: 5.5rem; border-radius: 50%; background: var(--accent); color: var(--on-accent);
  font-size: .9375rem; font-weight: 500; line-height: 1.2; transition: background .3s, color .3s, transform .15s }
.talk svg { width: 1.75rem; height: 1.75rem }
.talk:active { transform: scale(.96) }
.live .talk { background: var(--ink); color: var(--paper) }
.stop, .live .go { display: none }
.live .stop { display: block }
.stop { fill: currentColor }
.state { margin-top: .35rem; font: 400 1.75rem/1.25 var(--serif); letter-spacing: -.015em }
.hint { min-height: 1.5em; text-wrap: balance; color: var(--soft); font-size: .9375rem }

.hold { margin-top: .75rem; padding: .9rem 2rem; border: 1px solid var(--line); border-radius: 2rem; touch-action: none }
.hold[aria-pressed=true] { background: var(--accent); color: var(--on-accent) }

.words { position: relative; flex: 0 1 0; min-height: 0; display: flex; transition: flex-grow .6s var(--ease) }
.log { flex: 1; min-width: 0; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--line) transparent;
  -webkit-mask: linear-gradient(#0000, #000 1.5rem); mask: linear-gradient(#0000, #000 1.5rem) }
.log:focus-visible { outline-offset: -2px }
ol { list-style: none; max-width: 38rem; margin: 0 auto; padding: 1.5rem 0 .75rem }
li { display: grid; grid-template-columns: 4rem 1fr; align-items: baseline; gap: 0 .5rem; padding: .4rem 0 }
li b { color: var(--soft); font-weight: 400; font-size: .8125rem; line-height: 1.45 }
li p { overflow-wrap: anywhere; line-height: 1.45; font-size: .9375rem }
li[data-who=model] p { font: 400 1.125rem/1.45 var(--serif) }
li[data-who=user] p { color: var(--soft) }
li i { color: var(--soft); font-size: .875em }
li span { animation: appear .45s both }
@keyframes appear { from { opacity: 0 } }
.latest { position: absolute; inset: auto 0 .5rem; margin: auto; width: max-content; min-height: 2.75rem; padding: 0 1.1rem; border-radius: 2rem;
  background: var(--ink); color: var(--paper); font-size: .875rem }

.desk { display: flex; align-items: center; gap: .5rem; width: 100%; max-width: 40rem; margin: .75rem auto 0 }
.desk button { display: grid; place-items: center; flex: none; width: 3rem; height: 3rem; border-radius: 50% }
.mute { border: 1px solid var(--line) }
.mute[aria-pressed=true] { background: var(--ink); color: var(--paper); border-color: var(--ink) }
.slash { display: none }
.mute[aria-pressed=true] .slash { display: inline }
.field { flex: 1; display: flex; min-width: 0; border: 1px solid var(--line); border-radius: 1.5rem }
.field:focus-within { border-color: var(--ink); box-shadow: 0 0 0 1px var(--ink) }
input { flex: 1; min-width: 0; height: 2.875rem; padding-left: 1.1rem; font-size: 1rem }
input:focus-visible { outline: 0 }
input::placeholder { color: var(--soft); opacity: 1 }
.send { width: 2.875rem !important; height: 2.875rem !important; color: var(--soft) }
input:not(:placeholder-shown) + .send { color: var(--accent) }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }

.talked .stage { flex-grow: 0 }
.talked .words { flex-grow: 1 }
.talked .figure { --size: min(13.75rem, 58vw, 28vh) }
.talked .words { margin-top: .5rem }
.talked .state { font-size: 1.375rem; margin-top: 0 }

@media (min-width: 56rem), (min-width: 40rem) and (max-height: 30rem) {
  .room { padding-left: 2.5rem; padding-right: 2.5rem }
  main { flex-direction: row }
  .stage, .talked .stage { flex: 1 1 0; min-width: 0 }
  .words { flex-basis: 0; min-width: 0 }
  .talked .words { flex-grow: 1.15 }
  .figure { --size: min(26rem, 40vw, 52vh) }
  .talked .figure { --size: min(24rem, 36vw, 50vh) }
  .state, .talked .state { font-size: 2rem; margin-top: 0 }
  .talked .words { margin: 0; border-left: 1px solid var(--line); padding-left: 2.5rem }
  ol { margin: 0 }
  li { grid-template-columns: 5rem 1fr }
  li p { font-size: 1.0625rem }
  li[data-who=model] p { font-size: 1.3125rem }
  .who, li b { font-size: .875rem }
  .hint { font-size: 1rem }
}
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important } }
@media (forced-colors: active) { .talk, .mute { border: 2px solid ButtonText } }
`

function dark() {
  return `
  --paper: var(--tg-theme-bg-color, #141311);
  --ink: var(--tg-theme-text-color, #f0eae0);
  --accent: var(--tg-theme-button-color, #ff8059);
  --on-accent: var(--tg-theme-button-text-color, #23100a);
  --danger: var(--tg-theme-destructive-text-color, #ff9a8c);
  color-scheme: dark;
`
}
