import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

test('systemd finds nothing wrong with the service', { skip: !hasSystemd && 'no systemd here' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vivavoce-unit-'))
  try {
    const unit = readFileSync('deploy/vivavoce@.service', 'utf8')
    assert.match(unit, /^ExecStart=.* --page \/usr\/share\/vivavoce\/page$/m)
    assert.match(unit, /^SystemCallFilter=~.*@resources\n#.*\nSystemCallFilter=setpriority$/m)
    assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m)
    const file = join(folder, 'vivavoce@.service')
    // The program is not installed here.
    writeFileSync(file, unit.replace('/usr/local/bin/vivavoce', process.execPath))
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    assert.deepEqual([status, stderr.split('\n').filter(line => line.includes(folder))], [0, []])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
