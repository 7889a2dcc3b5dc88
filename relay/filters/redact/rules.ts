import { ALPHANUMERIC, BASE64, BASE64_URL, byteClass, HEX, UPPER, WORD } from './byte-class.ts';
import { context, jsonWebToken, type Matcher, token, urlPassword } from './matcher.ts';
import { privateKey } from './private-key.ts';

const HEADER_VALUE = byteClass('A-Za-z0-9+/=._~-');
const URL_BASE64 = byteClass('A-Za-z0-9%+/');
/** GitHub's newer installation tokens hold a JSON Web Token. */
const WITH_DOTS = byteClass('A-Za-z0-9_.-');
const AZURE_SECRET = byteClass('A-Za-z0-9_~.-');

const words = (max: number) => ({ body: WORD, max });

/** The shapes of secrets that are known, by the name that an operator uses for them. The issuer's own page describes each. */
const shapes = {
  /** GitHub: personal, OAuth, user-to-server, server-to-server and refresh tokens, fine-grained ones, and checkout's basic header. */
  github_token: [
    ...['ghp_', 'gho_', 'ghu_', 'ghr_'].map((prefix) => token({ prefix, ...words(255), min: 36, anywhere: true })),
    token({ prefix: 'ghs_', body: WITH_DOTS, min: 36, max: 4_096, anywhere: true }),
    token({ prefix: 'github_pat_', ...words(255), min: 36, anywhere: true }),
    token({ prefix: 'v1.', body: HEX, min: 40, max: 40, before: WORD }),
    token({ prefix: 'eC1hY2Nlc3MtdG9rZW46', body: BASE64, min: 8, max: 4_096, anywhere: true }),
  ],
  aws_access_key: ['AKIA', 'ASIA'].map((prefix) => token({ prefix, body: UPPER, min: 16, max: 16, before: WORD })),
  aws_secret: [
    ...['secret_access_key', 'secretaccesskey', 'secret-access-key'].map((keyword) =>
      context({ keyword, value: BASE64, min: 40, max: 40 }),
    ),
    ...['session_token', 'sessiontoken'].map((keyword) => context({ keyword, value: BASE64, min: 100, max: 4_096 })),
  ],
  azure_key: [
    ...['AccountKey=', 'SharedAccessKey='].map((prefix) =>
      token({ prefix, body: BASE64, min: 43, max: 128, anywhere: true }),
    ),
    token({ prefix: 'sig=', body: URL_BASE64, min: 43, max: 128, anywhere: true }),
    ...Array.from({ length: 10 }, (_, digit) =>
      token({ prefix: `${digit}Q~`, body: AZURE_SECRET, min: 31, max: 34, anywhere: true }),
    ),
  ],
  gcp_key: [
    token({ prefix: 'AIza', body: BASE64_URL, min: 35, max: 35 }),
    token({ prefix: 'GOCSPX-', body: BASE64_URL, min: 28, max: 28 }),
    token({ prefix: 'ya29.', body: BASE64_URL, min: 20, max: 4_096 }),
  ],
  slack_token: [
    ...['xoxa-', 'xoxb-', 'xoxe-', 'xoxo-', 'xoxp-', 'xoxr-', 'xoxs-', 'xapp-'].map((prefix) =>
      token({ prefix, body: BASE64_URL, min: 10, max: 512, anywhere: true }),
    ),
    token({ prefix: 'hooks.slack.com/services/', body: byteClass('A-Za-z0-9/'), min: 20, max: 128, anywhere: true }),
  ],
  npm_token: [token({ prefix: 'npm_', body: ALPHANUMERIC, min: 36, max: 36 })],
  gitlab_token: ['glpat-', 'glrt-', 'gldt-', 'glptt-', 'glcbt-'].map((prefix) =>
    token({ prefix, body: WITH_DOTS, min: 20, max: 300 }),
  ),
  vault_token: ['hvs.', 'hvb.', 'hvr.'].map((prefix) => token({ prefix, body: BASE64_URL, min: 24, max: 512 })),
  other_token: [
    token({ prefix: 'pypi-AgE', body: BASE64_URL, min: 50, max: 512 }),
    ...['dckr_pat_', 'dckr_oat_'].map((prefix) => token({ prefix, body: BASE64_URL, min: 20, max: 128 })),
    ...['sk_live_', 'rk_live_', 'sk-proj-', 'sk-ant-'].map((prefix) =>
      token({ prefix, body: BASE64_URL, min: 20, max: 512 }),
    ),
    token({ prefix: 'SG.', body: WITH_DOTS, min: 60, max: 80 }),
    token({ prefix: 'hf_', body: ALPHANUMERIC, min: 34, max: 40 }),
    ...['dop_v1_', 'doo_v1_'].map((prefix) => token({ prefix, body: HEX, min: 32, max: 64 })),
    token({ prefix: 'oy2', body: byteClass('a-z0-9'), min: 43, max: 43 }),
    token({ prefix: 'AKCp', body: ALPHANUMERIC, min: 60, max: 128 }),
  ],
  json_web_token: [jsonWebToken()],
  private_key: [privateKey],
  url_password: [urlPassword()],
  authorization: [
    context({
      keyword: 'authorization',
      words: ['bearer', 'basic', 'token', 'splunk', 'apikey'],
      value: HEADER_VALUE,
      min: 8,
      max: 8_192,
    }),
  ],
} as const satisfies Readonly<Record<string, readonly Matcher[]>>;

export type ShapeName = keyof typeof shapes;

/** Every name, in the order of the documentation. */
export const SHAPE_NAMES = Object.keys(shapes) as [ShapeName, ...ShapeName[]];

export function matchersOf(name: ShapeName): readonly Matcher[] {
  return shapes[name];
}
