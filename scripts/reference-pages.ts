import { globSync } from 'node:fs'
import { join } from 'node:path'
import { CONNECTIONS_MAX } from '../src/api/connection-budget.ts'
import { toOpenApi } from '../src/api/docs/openapi.ts'
import { restDescription } from '../src/api/docs/rest-description.ts'
import { PIPELINED_MAX } from '../src/api/in-turn.ts'
import { LISTINGS_MAX, PATIENCE_MS } from '../src/api/listing-places.ts'
import { pinSvcDescription } from '../src/api/pinsvc/description.ts'
import { pinSvcRoutes } from '../src/api/pinsvc/routes.ts'
import { type Route, routes } from '../src/api/routes.ts'
import { variablesOf } from '../src/config/environment.ts'
import { SECTIONS } from '../src/config/schema.ts'
import { dotted } from '../src/config/section.ts'
import { describe } from '../src/config/setting.ts'
import type { OptionSpec } from '../src/ctl/command.ts'
import { commands as ctlCommands } from '../src/ctl/command-table.ts'
import { globalOptions } from '../src/ctl/global-options.ts'
import { CODES } from '../src/errors.ts'
import type { MetricRow } from '../src/lib/instruments.ts'
import type { JsonSchema } from '../src/lib/json-schema.ts'
import { COMMANDS as serviceCommands } from '../src/service/commands.ts'

const GENERATED = '<!-- Made by `npm run docs` from the tables in the source. -->'

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function page(title: string, ...parts: readonly string[]): string {
  return `${[`# ${title}`, GENERATED, ...parts].join('\n\n')}\n`
}

const WIRE_ERRORS = `## Before a route is found

What is no HTTP, too long or too slow is answered with the same document, and its connection is closed:

| HTTP status | reason | when |
| --- | --- | --- |
| 400 | \`INVALID_ARGUMENT\` | malformed, both a length and chunks, no \`Host\` or two |
| 408 | \`TIMEOUT\` | the head did not come within \`read_header_timeout\`, or the whole within \`read_timeout\`; connections that sent nothing may be closed without it |
| 413 | \`TOO_LARGE\` | the extensions of a chunk are too long |
| 417 | \`INVALID_ARGUMENT\` | \`Expect\` asks for something else than \`100-continue\` |
| 429 | \`RATE_LIMITED\` | more than ${PIPELINED_MAX} requests were sent ahead of their answers |
| 431 | \`TOO_LARGE\` | the head is longer than \`max_header_bytes\` and 4,096 bytes |

405 has no body; its header \`Allow\` names the methods of the path. The rest of a body that nobody needs is waited for 2 s. A connection on which nothing moves for \`idle_timeout\` is
closed unless its answer is still being made. All HTTP connections of a peer together are bounded by the files that the process may
open: half of them, all but 4,096 where that is more, and at most ${CONNECTIONS_MAX.toLocaleString('en')}. Beyond that idle ones are closed, and new ones until there is
room. The server of metrics takes 256.

At most ${LISTINGS_MAX} long listings (\`GET /pins\`, \`/allocations\`, \`/state/export\` and \`POST /pins/recover\`, but for pages of at most 128
entries) are worked on at a time; others wait in the order in which they came. A listing whose reader stands still is cut off after
\`idle_timeout\`, or, when others wait for its place, after ${PATIENCE_MS / 1000} s in all.`

function errorsPage(): string {
  const rows = Object.entries(CODES).map(([code, row]) => [
    `\`${code}\``,
    String(row.status),
    row.retry ? 'yes' : 'no',
    row.says,
  ])
  return page(
    'Error codes',
    'An error of the API is `{"code": <HTTP status>, "message": "<text for people>", "reason": "<code of this table>"}`.',
    table(['reason', 'HTTP status', 'may succeed later', 'meaning'], rows),
    WIRE_ERRORS,
  )
}

async function metricsPage(root: string): Promise<string> {
  const sections: string[] = []
  for (const file of globSync('src/*/metrics.ts', { cwd: root }).sort()) {
    const module: Record<string, unknown> = await import(join(root, file))
    const rows = Object.values(module).flatMap(value => (isMetricTable(value) ? Object.values(value) : []))
    const lines = rows.map(row => [`\`${row.name}\``, row.kind, row.unit ?? '', row.help])
    sections.push(`## ${file.split('/')[1]}`, table(['metric', 'kind', 'unit', 'meaning'], lines))
  }
  return page(
    'Metrics',
    'Served for Prometheus when `observations.metrics.enable_stats` is on, or with `cluster-service daemon --stats`.',
    ...sections,
  )
}

function isMetricTable(value: unknown): value is Record<string, MetricRow> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(
      row => typeof row === 'object' && row !== null && 'kind' in row && 'help' in row,
    )
  )
}

function configurationPage(): string {
  const sections = SECTIONS.map(section => {
    const rows = variablesOf([section]).map(({ name, keys, schema }) => {
      const facts: Record<string, unknown> = { ...schema }
      // The default of a peer's name is the name of the machine that asks.
      const byDefault =
        keys.at(-1) === 'peername' ? 'name of the machine' : JSON.stringify(facts['default'] ?? null)
      return [
        `\`${dotted(keys)}\``,
        describe(schema),
        `\`${byDefault}\``,
        `\`${name}\``,
        textOf(facts['description']),
      ]
    })
    return `## ${dotted(section.keys)}\n\n${table(['key', 'value', 'default', 'environment', 'meaning'], rows)}`
  })
  return page(
    'Configuration',
    'What `service.json` may say. Defaults < file < environment < flags. Unknown keys are errors.',
    ...sections,
  )
}

function optionRow(option: OptionSpec): string[] {
  const names = [option.name, ...(option.aliases ?? [])].map(
    name => `\`${name.length === 1 ? '-' : '--'}${name}\``,
  )
  const byDefault = 'default' in option ? String(option.default) : ''
  return [names.join(', '), 'value' in option ? option.value : '', byDefault, option.summary]
}

function ctlPage(): string {
  const head = ['option', 'value', 'default', 'meaning']
  const commands = ctlCommands.map(command =>
    [
      `## ${command.path.join(' ')}`,
      `\`cluster-ctl ${[...command.path, '[options]', command.args].join(' ').trim()}\``,
      `${command.summary}${command.details === undefined ? '' : `\n\n${command.details}`}`,
      ...(command.options.length === 0 ? [] : [table(head, command.options.map(optionRow))]),
      ...(command.examples.length === 0 ? [] : [`\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``]),
    ].join('\n\n'),
  )
  return page('cluster-ctl', '## Global options', table(head, globalOptions.map(optionRow)), ...commands)
}

function servicePage(): string {
  const commands = serviceCommands.map(command =>
    [
      `## ${command.name}`,
      command.description,
      ...(command.flags.length === 0
        ? []
        : [
            table(
              ['flag', 'default', 'meaning'],
              command.flags.map(flag => [`\`${flag.flags}\``, flag.byDefault ?? '', flag.says]),
            ),
          ]),
      ...(command.examples.length === 0 ? [] : [`\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``]),
    ].join('\n\n'),
  )
  return page('cluster-service', ...commands)
}

function parameterRows(schema: JsonSchema<object> | undefined): string[][] {
  const properties = schema?.['properties']
  if (typeof properties !== 'object' || properties === null) return []
  return Object.entries(properties).map(([name, value]: [string, Record<string, unknown>]) => [
    `\`${name}\``,
    textOf(value['description']),
  ])
}

function routesPage(title: string, rows: Readonly<Record<string, Omit<Route, 'body'>>>): string {
  const sections = Object.values(rows).map(route => {
    const query = parameterRows(route.query)
    return [
      `## ${route.method} ${route.path}`,
      `${route.summary}.${route.streams === true ? ' A stream: one JSON document a line.' : ''} Scope: ${route.scope}.`,
      ...(query.length === 0 ? [] : [table(['query parameter', 'meaning'], query)]),
    ].join('\n\n')
  })
  return page(title, ...sections)
}

function jsonPage(document: object): string {
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** Every generated page by its path below the repository's root. */
export async function referencePages(root: string): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/metrics.md', await metricsPage(root)],
    ['docs/reference/configuration.md', configurationPage()],
    ['docs/reference/cluster-ctl.md', ctlPage()],
    ['docs/reference/cluster-service.md', servicePage()],
    ['docs/reference/rest.md', routesPage('REST API', routes)],
    ['docs/reference/pinning-service.md', routesPage('Pinning Service API', pinSvcRoutes)],
    ['docs/reference/openapi.json', jsonPage(toOpenApi(routes, restDescription))],
    ['docs/reference/pinning-service.json', jsonPage(toOpenApi(pinSvcRoutes, pinSvcDescription))],
  ])
}
