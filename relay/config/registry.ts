import type { InputDefinition } from '../component/input.ts';
import type { OutputDefinition } from '../component/output.ts';

/** The components that a config may name. An argument everywhere, so that tests bring small ones of their own. */
export interface Registry {
  readonly inputs: readonly InputDefinition[];
  readonly outputs: readonly OutputDefinition[];
}

/** Every input and output of this program, in the order of the documentation. A component that is not listed does not exist. */
export const registry: Registry = {
  inputs: [],
  outputs: [],
};
