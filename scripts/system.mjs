// What the operating system must bring: a C compiler to build with, browsers and a sound server to test with.

import { existsSync, readFileSync } from 'node:fs'
import { ask, find, run } from './child.mjs'
import { Obstacle, step } from './step.mjs'

/** What building needs beside Rust: `ring` has a few C and assembler files, and Rust links with `cc`. */
export const compiler = () => provide(BUILD)

/** What the tests need: three browsers with drivers, a sound server, a voice. */
export const browsers = () => provide([...BUILD, ...TEST])

async function provide(needs) {
  const missing = needs.filter(need => !has(need))
  if (missing.length === 0) return
  const family = linux()
  if (!family || !find('apt-get')) throw new Obstacle(sentence(missing))
  const packages = missing.flatMap(need => need[family] ?? need.debian)
  const admin = process.getuid() === 0 ? [] : ['sudo']
  if (admin.length && !find('sudo')) {
    throw new Obstacle(`As root, run: apt-get install ${packages.join(' ')}`)
  }
  await step(`system packages: ${missing.map(need => need.name).join(', ')}`, tell => install(admin, packages, tell))
}

async function install(admin, packages, tell) {
  const apt = (...args) => {
    const [command, ...rest] = [...admin, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y', ...args]
    return run(command, rest, { onLine: tell, input: admin.length ? 'inherit' : 'ignore' })
  }
  await apt('update')
  await apt('install', '--no-install-recommends', ...packages)
}

function has(need) {
  if (need.isThere) return need.isThere()
  if (need.commands) return need.commands.some(find)
  if (!find('dpkg-query')) return false
  return ask('dpkg-query', '-W', '-f', '${db:Status-Status}\n', ...need.debian)
    ?.split('\n').every(status => status === 'installed') ?? false
}

/** `debian`, `ubuntu`, or neither. */
function linux() {
  if (!existsSync('/etc/os-release')) return undefined
  const release = readFileSync('/etc/os-release', 'utf8')
  const ids = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]+)/gm)].flatMap(([, words]) => words.split(' '))
  return ['ubuntu', 'debian'].find(id => ids.includes(id))
}

function sentence(missing) {
  return `Please install ${missing.map(need => need.name).join(', ')}, then run this again ` +
    '(on Debian and Ubuntu this is done for you).'
}

const BUILD = [
  { name: 'a C compiler', commands: ['cc'], debian: ['gcc', 'libc6-dev'] },
]

const TEST = [
  { name: 'Chromium', commands: ['chromium', 'google-chrome', 'chromium-browser'], debian: ['chromium'],
    ubuntu: ['chromium-browser'] },
  { name: 'chromedriver', commands: ['chromedriver'], debian: ['chromium-driver'], ubuntu: ['chromium-chromedriver'] },
  { name: 'Firefox', commands: ['firefox-esr', 'firefox'], debian: ['firefox-esr'], ubuntu: ['firefox'] },
  { name: 'WebKitWebDriver', commands: ['WebKitWebDriver'], debian: ['webkit2gtk-driver'] },
  { name: 'Xvfb', commands: ['xvfb-run'], debian: ['xvfb', 'xauth'] },
  { name: 'xauth', commands: ['xauth'], debian: ['xauth'] },
  { name: 'PulseAudio', commands: ['pulseaudio'], debian: ['pulseaudio'] },
  { name: "PulseAudio's tools", commands: ['pactl'], debian: ['pulseaudio-utils'] },
  { name: 'GStreamer plugins', debian: ['gstreamer1.0-plugins-base', 'gstreamer1.0-plugins-good',
    'gstreamer1.0-plugins-bad', 'gstreamer1.0-pulseaudio'] },
  { name: 'Redis', commands: ['redis-server'], debian: ['redis-server'] },
  { name: 'nginx', isThere: () => find('nginx') || existsSync('/usr/sbin/nginx'), debian: ['nginx-light'] },
  { name: 'espeak-ng', commands: ['espeak-ng'], debian: ['espeak-ng'] },
  { name: 'Python with venv', isThere: () => ask('python3', '-c', 'import venv, ensurepip') !== undefined,
    debian: ['python3', 'python3-venv'] },
]
