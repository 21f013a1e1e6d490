/**
 * What the screen says, by language. A further language is a further entry with the same keys;
 * a key that it lacks is said in English.
 */
const WORDS = {
  en: {
    name: 'Viva Voce',
    talk: 'Talk',
    stop: 'Stop',
    hold: 'Hold to talk',
    mute: 'Mute the microphone',
    send: 'Send',
    text: 'Type a message',
    placeholder: 'Or type…',
    latest: 'Latest',
    conversation: 'Conversation',
    dismiss: 'Dismiss',
    simulator: 'Built-in simulator: it answers with your own voice',
    you: 'You',
    gemini: 'Gemini',
    echo: 'Simulator',
    cut: 'interrupted',
    state: {
      idle: 'Ready to talk',
      connecting: 'Connecting…',
      listening: 'Listening',
      speaking: 'Speaking',
      reconnecting: 'Reconnecting…',
      ended: 'Call ended',
    },
    hint: {
      idle: 'Tap, then speak. You can interrupt at any time.',
      connecting: 'Allow the microphone if you are asked.',
      listening: 'Go ahead.',
      speaking: 'Interrupt whenever you like.',
      reconnecting: 'The line dropped. Go on talking: what you say is kept.',
      ended: 'Tap to talk again.',
      muted: 'Your microphone is off.',
      deaf: 'There is no microphone: type below.',
      tool: (name) => `Working on it: ${name}`,
    },
    trouble: {
      config_missing: 'This page does not know whom to call: its config.json is missing or broken. Whoever runs it has to put one beside the page.',
      unknown: 'Something went wrong. Tap to try again.',
    },
  },
}

/** The words of the first of `languages` (BCP 47 tags, preferred first) that is known, else the English ones. */
export function wordsFor(...languages) {
  const lang = languages.filter(Boolean).map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => tag in WORDS) ?? 'en'
  return { ...WORDS.en, ...WORDS[lang], lang }
}
