import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Piece } from '../../relay/delivery/piece.ts';
import { Window } from '../../relay/delivery/window.ts';
import { RelayError } from '../../relay/errors.ts';
import type { Progress } from '../../relay/journal/journal.ts';
import { messagesOf } from '../support/fake-journal.ts';

const refusal = new RelayError('OUTPUT_REFUSED_RECORD', 'no');

const step = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    /** For each place of the stretch, whether the endpoint wants its record. */
    wanted: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
    gap: fc.constantFrom(0, 0, 0, 3),
  }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({
    do: fc.constantFrom('done', 'again', 'refuse', 'halve'),
    which: fc.nat(),
    index: fc.nat(),
  }),
  fc.record({ do: fc.constant('settle' as const) }),
  fc.record({ do: fc.constant('leave out' as const), which: fc.nat() }),
  fc.record({ do: fc.constant('clear' as const) }),
);

// Goal: what the window says was done is what was done. Method: random steps against an array with the fate of each place.
test('every place is settled once, in order, with the fate that it had', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const window = new Window();
      const fates = new Map<number, 'delivered' | 'refused' | 'filtered' | 'open' | 'gone' | 'purged'>();
      const purged = new Set<number>();
      let end = 1;
      let settledTo = 1;
      let held = 0;
      let taken: Piece[] = [];
      let forgotten: Piece[] = [];
      const seqsOf = (piece: Piece): number[] => messagesOf(piece).map((message) => Number(message.slice(1)));
      const check = (progress: Progress): void => {
        const fate = (name: string): number[] =>
          [...fates].flatMap(([seq, is]) =>
            is === name && seq >= progress.fromSeq && seq < progress.toSeq ? [seq] : [],
          );
        // What was purged and not on its way by then was never sent.
        for (const seq of purged)
          if (seq >= progress.fromSeq && seq < progress.toSeq && fates.get(seq) === 'open') fates.set(seq, 'purged');
        expect(progress.purged ?? 0).toBe(fate('purged').length);
        expect(progress.delivered).toBe(fate('delivered').length);
        expect(progress.filtered).toBe(fate('filtered').length);
        expect(progress.refused.map(({ seq }) => seq)).toEqual(fate('refused'));
        expect(progress.toSeq - progress.fromSeq).toBe(
          progress.delivered + progress.filtered + progress.refused.length + (progress.purged ?? 0),
        );
        for (let seq = settledTo; seq < progress.fromSeq; seq++) expect(fates.get(seq)).toBe('gone');
        settledTo = progress.toSeq;
      };
      for (const s of steps) {
        if (s.do === 'add') {
          for (let i = 0; i < s.gap; i++) fates.set(end++, 'gone');
          const seqs = s.wanted.flatMap((wanted, i) => (wanted ? [end + i] : []));
          s.wanted.forEach((wanted, i) => fates.set(end + i, wanted ? 'open' : 'filtered'));
          held++;
          window.add({
            fromSeq: end,
            toSeq: end + s.wanted.length,
            records: seqs.length,
            lines: Buffer.from(seqs.map((seq) => `{"message":"r${seq}"}\n`).join('')),
            seqs,
            receivedFirstMs: 0,
            receivedLastMs: 0,
            release: () => held--,
          });
          end += s.wanted.length;
        } else if (s.do === 'take') {
          const piece = window.take();
          if (piece === undefined) continue;
          const seqs = seqsOf(piece);
          expect(seqs.every((seq) => fates.get(seq) === 'open' && !purged.has(seq))).toBe(true);
          taken.push(piece);
        } else if (s.do === 'settle') {
          for (let progress = window.settle(); progress !== undefined; progress = window.settle()) check(progress);
          expect(window.first === undefined || window.first.fromSeq >= settledTo).toBe(true);
        } else if (s.do === 'leave out') {
          const seq = settledTo + (s.which % Math.max(1, end - settledTo));
          if (fates.get(seq) !== 'open') continue;
          window.leaveOut([seq]);
          purged.add(seq);
        } else if (s.do === 'clear') {
          window.clear();
          expect(window.length).toBe(0);
          // What was forgotten is read anew by the dispatcher; here its places count as gone.
          for (const [seq] of fates) if (seq >= settledTo) fates.set(seq, 'gone');
          forgotten = [...forgotten, ...taken];
          taken = [];
        } else {
          const all = [...taken, ...forgotten];
          const piece = all[s.which % all.length];
          if (piece === undefined) continue;
          const isForgotten = forgotten.includes(piece);
          const seqs = seqsOf(piece);
          const index = s.index % piece.records;
          taken = taken.filter((other) => other !== piece);
          forgotten = forgotten.filter((other) => other !== piece);
          if (s.do === 'done') {
            window.done(piece);
            if (!isForgotten) for (const seq of seqs) fates.set(seq, 'delivered');
          } else if (s.do === 'refuse') {
            const refused = window.refuse(piece, index, refusal);
            expect(refused?.seq).toBe(isForgotten ? undefined : seqs[index]);
            if (isForgotten) continue;
            expect(Buffer.from(refused!.line).toString()).toBe(`{"message":"r${seqs[index]}"}`);
            for (const seq of seqs.slice(0, index)) fates.set(seq, 'delivered');
            fates.set(seqs[index]!, 'refused');
          } else if (s.do === 'halve' && piece.records > 1) {
            window.halve(piece);
          } else {
            window.again(piece);
          }
        }
      }
      // In the end all that is open is taken, and nothing is held any more.
      for (const piece of forgotten) window.done(piece);
      for (const piece of taken) window.again(piece);
      for (let piece = window.take(); piece !== undefined; piece = window.take()) {
        for (const seq of seqsOf(piece)) fates.set(seq, 'delivered');
        window.done(piece);
      }
      for (let progress = window.settle(); progress !== undefined; progress = window.settle()) check(progress);
      expect(window.length).toBe(0);
      expect(held).toBe(0);
      expect([...fates.values()]).not.toContain('open');
    }),
    { numRuns: 500 },
  );
});
