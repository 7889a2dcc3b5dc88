/** How worrying something is, by a colour and a sign. */
export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet';
