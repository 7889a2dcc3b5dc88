import type { EndpointStatus } from '../../../runtime/status.ts';
import type { Tone } from './tone.ts';

/** How worrying an endpoint's state is. */
export function stateTone({ state, paused }: Pick<EndpointStatus, 'state' | 'paused'>): Tone {
  if (paused) return 'quiet';
  switch (state) {
    case 'up':
      return 'good';
    case 'down':
      return 'bad';
    case 'recovering':
      return 'info';
    default:
      return 'warn';
  }
}
