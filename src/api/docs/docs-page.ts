import type { Route } from '../routes.ts'
import { pathOf } from './openapi.ts'

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a404a); --soft: light-dark(#5b6472, #a3adbb);
  --back: light-dark(#fff, #16191e); --card: light-dark(#f6f7f9, #1f242b); --text: light-dark(#1a1e24, #e6e9ee);
  --get: light-dark(#0b6bcb, #6cb2ff); --post: light-dark(#1a7f37, #62d083); --delete: light-dark(#b42318, #ff8d80); }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.6rem 0.8rem; border: 1px solid var(--line); border-radius: 6px; background: var(--back); }
input { box-sizing: border-box; width: 100%; padding: 0.6rem 0.8rem; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; position: sticky; top: 0.5rem; }
details { margin: 0.5rem 0; border: 1px solid var(--line); border-radius: 6px; background: var(--card); }
summary { display: flex; flex-wrap: wrap; gap: 0.2rem 0.8rem; align-items: baseline; padding: 0.5rem 0.8rem; cursor: pointer; }
summary b { width: 4.2rem; } .get b { color: var(--get); } .post b { color: var(--post); } .delete b { color: var(--delete); }
summary span { flex: 1; min-width: 12rem; color: var(--soft); } summary em { font-style: normal; color: var(--soft); }
details > div { padding: 0 0.8rem 0.4rem; border-top: 1px solid var(--line); overflow-x: auto; }
table { border-collapse: collapse; margin: 0.6rem 0; } td { padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; } [hidden] { display: none; } a { color: var(--get); }`

const SCRIPT = `
const box = document.querySelector('input');
const rows = [...document.querySelectorAll('details')];
const show = () => {
  const words = box.value.toLowerCase().split(/\\s+/);
  for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
};
box.addEventListener('input', show);
for (const code of document.querySelectorAll('pre')) code.textContent = code.textContent.replaceAll('http://127.0.0.1:9094', location.origin);
const open = () => { const row = document.getElementById(location.hash.slice(1)); if (row) row.open = true; };
addEventListener('hashchange', open);
show();
open();`

/** Stands in the place of parameters in examples. */
const EXAMPLES: Readonly<Record<string, string>> = {
  hash: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
  peer: '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
  keyType: 'ipns',
  path: 'docs.ipfs.tech',
  name: 'freespace',
}

/** One self-contained page about a table of routes: it loads nothing from anywhere. */
export function toDocsPage(table: Readonly<Record<string, Route>>): string {
  const sections = Object.entries(table).map(([name, route]) => sectionOf(name, route))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pinfold: REST API</title>
<style>${STYLE}
</style>
</head>
<body>
<main>
<h1>REST API</h1>
<p>Every peer answers for the whole cluster. Errors are <code>{"code", "message", "reason"}</code>: the HTTP status, a text for
people, and a code for programs. Streams have one JSON document a line; the trailer <code>X-Stream-Error</code> says why one
ended early, or, with <code>Accept: application/x-ndjson</code>, its last line does. Where credentials are needed, send
<code>curl -u user:password</code> or <code>-H "Authorization: Bearer $TOKEN"</code>; what each call needs is written at its right.
All of this for programs: <a href="openapi.json">openapi.json</a>.</p>
<input type="search" placeholder="Search: words of path, meaning or parameters" aria-label="Search">
${sections.join('\n')}
</main>
<script>${SCRIPT}
</script>
</body>
</html>
`
}

function sectionOf(name: string, route: Route): string {
  const { method, summary, scope } = route
  const [first = summary] = summary.split(/[:.;(] ?/, 1)
  const rows = [...rowsOf(route.params, 'in the path'), ...rowsOf(route.query, '')]
  const metadata = route.query?.['patternProperties'] === undefined ? '' : row('meta-<key>', 'metadata')
  return `<details id="${name}" class="${method.toLowerCase()}">
<summary><b>${method}</b><code>${escape(pathOf(route))}</code><span>${prose(first)}</span><em>${scope}</em></summary>
<div>
<p>${prose(`${summary}.`)} ${answerOf(route)}</p>
${rows.length === 0 ? '' : `<table>${rows.join('')}${metadata}</table>`}
<pre>${escape(exampleOf(route))}</pre>
</div>
</details>`
}

function rowsOf(schema: Readonly<Record<string, unknown>> | undefined, place: string): readonly string[] {
  const { properties } = schema ?? {}
  if (typeof properties !== 'object' || properties === null) return []
  return Object.entries(properties).map(([name, one]: [string, Readonly<Record<string, unknown>>]) => {
    const { description } = one
    const text = typeof description === 'string' ? description : ''
    return row(name, [place, text].filter(part => part !== '').join(': '))
  })
}

function row(name: string, text: string): string {
  return `<tr><td><code>${escape(name)}</code></td><td>${prose(text)}</td></tr>`
}

function answerOf({ reply, streams, isPage }: Route): string {
  if (reply === undefined) return 'Answers with 204 and nothing else.'
  if (isPage === true) return 'Answers with HTML.'
  return streams === true ? 'Answers with a stream.' : 'Answers with one document.'
}

/** A command line that asks for the route. */
function exampleOf(route: Route): string {
  const { method, body } = route
  const filled = pathOf(route).replace(/\{(\w+)\}/g, (_, name: string) => EXAMPLES[name] ?? name)
  const path = route.path.startsWith('/tokens/') ? '/tokens/ci' : filled
  const words = ['curl', ...(method === 'GET' ? [] : ['-X', method])]
  if (body === 'upload') words.push('-F', 'file=@report.pdf')
  else if (body === 'lines') words.push('-T cids.txt', "-H 'Content-Type: application/x-ndjson'")
  else if (body !== undefined) words.push('-d', `'${JSON.stringify(sampleOf(body))}'`)
  return [...words, `'http://127.0.0.1:9094${path}'`].join(' ')
}

function sampleOf(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : []
  const samples: Readonly<Record<string, string>> = {
    peer_id: EXAMPLES['peer'] ?? '',
    name: 'ci',
    scope: 'pin',
  }
  return Object.fromEntries(required.map(name => [name, samples[name] ?? '…']))
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** A sentence in which `words` are code. */
function prose(text: string): string {
  return escape(text).replace(/`([^`]*)`/g, '<code>$1</code>')
}
