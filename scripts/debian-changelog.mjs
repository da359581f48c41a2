// Writes CHANGELOG.md in Debian's format to stdout: `node scripts/debian-changelog.mjs VERSION`.
// VERSION heads the list when it is none of the released ones (a test build).

import { readFileSync } from 'node:fs';

const [version] = process.argv.slice(2);
const maintainer = /^Maintainer: (.*)$/m.exec(readFileSync('packaging/deb/control', 'utf8'))[1];
const fallback = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000);

/** Debian wants e.g. `Mon, 23 Nov 2026 00:00:00 +0000`; Intl would follow the locale. */
const debianDate = (date) => date.toUTCString().replace('GMT', '+0000');

/** Debian's lines are at most 80 characters long. */
function wrap(text, first, rest) {
  const lines = [first];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length <= 78) lines[lines.length - 1] = longer;
    else lines.push(`${rest} ${word}`);
  }
  return lines;
}

/** Each `- point`, which may run over several lines, becomes `  * point` with a hanging indent. */
const debianPoints = (body) =>
  body
    .split(/^- /m)
    .slice(1)
    .flatMap((point) => wrap(point.trim(), '  *', '   '))
    .join('\n');

const releases = readFileSync('CHANGELOG.md', 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [heading, ...body] = section.split('\n');
    const [, number, day] = /^(\S+)(?: \((\d{4}-\d\d-\d\d)\))?/.exec(heading);
    return {
      number,
      date: day ? new Date(`${day}T00:00:00Z`) : fallback,
      points: debianPoints(body.join('\n')),
    };
  });
if (releases[0]?.number !== version)
  releases.unshift({ number: version, date: fallback, points: '  * Test build.' });

for (const { number, date, points } of releases)
  process.stdout.write(
    `ovs-port-agent (${number}) unstable; urgency=medium\n\n${points}\n\n -- ${maintainer}  ${debianDate(date)}\n\n`,
  );
