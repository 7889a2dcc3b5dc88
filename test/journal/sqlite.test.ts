import { journalContract } from '../contract/journal.ts';
import { JournalHarness } from '../support/journal-harness.ts';

journalContract((limits) => JournalHarness.open(limits));
