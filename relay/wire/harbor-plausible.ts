import type { HarborAudit } from './harbor-audit.ts';

/** `repository:tag` and `repository@digest`, as Harbor allows them to be called. */
const ARTIFACT = /^([a-z0-9._/-]+)(?::[\w.-]+|@\w+:[0-9a-f]+)$/;
const DESCRIBED_ARTIFACT = /^(push|pull|delete) artifact: ([a-z0-9._/-]+)@\w+:[0-9a-f]+$/;

/**
 * Whether the fields agree with each other, as they do in every line that Harbor writes of its own accord: the description says again what
 * action, type and resource say. Text that somebody put into a name does not, since the line's true end follows it.
 */
export function isPlausible(text: Buffer, audit: HarborAudit): boolean {
  const field = (start: number, end: number): string => text.toString('latin1', start, end);
  const action = field(audit.actionStart, audit.actionEnd);
  const type = field(audit.typeStart, audit.typeEnd);
  const operator = field(audit.operatorStart, audit.operatorEnd);
  const resource = field(audit.resourceStart, audit.resourceEnd);
  if (audit.descriptionStart === audit.resourceEnd) return !/["\s]/.test(resource);
  const description = field(audit.descriptionStart, audit.descriptionEnd);

  switch (type) {
    case 'user':
      if (action === 'login' || action === 'logout') return description === action && resource === operator;
      return startsWithWords(description, `${action} user with name: ${resource}`);
    case 'artifact': {
      const [, repository] = ARTIFACT.exec(resource) ?? [];
      const [, verb, described] = DESCRIBED_ARTIFACT.exec(description) ?? [];
      return repository !== undefined && repository === described && verb === (action === 'create' ? 'push' : action);
    }
    case 'configuration':
      return resource === 'configuration' && description === `${action} configuration`;
    case 'member':
      return description.startsWith(`${action} `) && description.includes(` member ${resource} `);
    default:
      return description === `${action} ${type}: ${resource}`;
  }
}

/** Whether the text is these words, or goes on behind a comma without a quotation mark. */
function startsWithWords(text: string, words: string): boolean {
  return text === words || (text.startsWith(`${words}, `) && !text.includes('"', words.length));
}
