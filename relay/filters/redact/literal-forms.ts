/** Shorter texts stand in too much that is no secret. */
export const LITERAL_BYTES_MIN = 6;
/** Shorter numbers are found in times, sizes and identifiers. */
const DIGITS_MIN = 12;

/** What the relay and its senders write in every record: a secret that stands in one of these would tear records apart. */
const FIELD_NAMES =
  '@timestamp message original_base64 source_base64 spillway.flags event.dataset event.created event.id original dataset created ' +
  'facility priority severity_code procid msgid structured_data version appname hostname log.file.path offset syslog host.name ' +
  'source.address service process labels.sender_ github.repository github.runner.page github.runner.worker github.workflow ' +
  'github.actor github.event github.run.attempt github.run.number github.job.timeline github.step github.line.continuation ' +
  'github.line.ending harbor.audit operator resource operation user.name network.transport error.message';

/** Why a text cannot be masked on its own, for the operator who wrote it; undefined where it can. */
export function unfit(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes < LITERAL_BYTES_MIN)
    return `it has ${bytes} bytes; what is shorter than ${LITERAL_BYTES_MIN} would be found everywhere`;
  if (/^\d+$/.test(text) && bytes < DIGITS_MIN)
    return `a number of fewer than ${DIGITS_MIN} digits would be found in times, sizes and identifiers`;
  if (FIELD_NAMES.includes(text)) return 'it is a part of a name that stands in every record';
  return undefined;
}

/** How a secret may stand in a log: as it is, escaped for JSON, URLs and XML, and in base64 however it is aligned. */
export function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const url = encodeURIComponent(secret);
  const strictUrl = url.replaceAll(/[!'()*]/g, percent);
  const forms = [
    secret,
    json,
    json.replaceAll('/', '\\/'),
    json.replaceAll(/[<>&'+]/g, unicodeEscape),
    json.replaceAll(/[<>&'+]/g, (character) => unicodeEscape(character).toUpperCase().replace('\\U', '\\u')),
    asciiJson(json),
    JSON.stringify(json).slice(1, -1),
    url,
    strictUrl,
    url.replaceAll('%20', '+'),
    strictUrl.replaceAll('%20', '+'),
    strictUrl.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    url.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    xml(secret),
    ...base64Forms(Buffer.from(secret)),
  ];
  return [...new Set(forms)].filter((form) => Buffer.byteLength(form) >= LITERAL_BYTES_MIN);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** As writers do that keep JSON to ASCII. */
function asciiJson(json: string): string {
  return json.replaceAll(/[\u0080-\uffff]/g, unicodeEscape);
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}

/**
 * The characters that base64 has for a secret alone, wherever in a longer text it stands: for each of the three ways in which it can
 * lie on the groups of three bytes, those that no neighbour has a part in.
 */
function base64Forms(secret: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), secret]).toString('base64');
    const first = Math.ceil((before * 4) / 3);
    const last = Math.floor(((before + secret.length) * 4) / 3);
    const own = encoded.slice(first, last);
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
