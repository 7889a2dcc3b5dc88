import type { EcsNode } from './ecs-tree.ts';
import { fragment } from './line-writer.ts';
import type { Dataset } from './recorder.ts';
import { isRunnerDataset } from './runner-file.ts';
import type { SenderRecord } from './sender-fields.ts';
import { hashedName } from './sender-keys.ts';
import type { SenderPlacement } from './sender-placement.ts';

/** More datasets than this are not taken from senders. */
const DATASETS_MAX = 200;
/** What `datasetOption` lets an operator write. */
const DATASET_NAME = /^[a-z0-9_][a-z0-9_.-]{0,99}$/;
const DATASET_BYTES_MAX = 102;

const DATASET = hashedName('dataset');
const ID = reserved('id');
/** Members of `event` that are the relay's to write; `dataset` is too, unless it is a valid name. */
const RESERVED = [ID, reserved('created'), reserved('dataset'), reserved('original')];

/** Takes out of a sender's `event` what is not the sender's to say, and finds the dataset that it asks for. */
export class SenderEvents {
  readonly #placement: SenderPlacement;
  readonly #datasetOf: (name: string) => Dataset;
  readonly #reservesRunner: boolean;
  readonly #datasets = new Map<string, Dataset>();
  /** True where the event last settled had an id of its own. */
  hadId = false;

  /** With `reservesRunner` no sender may call its records lines of a job: those come out of the assembly alone. */
  constructor(placement: SenderPlacement, datasetOf: (name: string) => Dataset, reservesRunner: boolean) {
    this.#placement = placement;
    this.#datasetOf = datasetOf;
    this.#reservesRunner = reservesRunner;
  }

  /** What is taken out is kept in `labels`. Returns the dataset that the sender names, if it may. */
  settle(event: EcsNode, record: SenderRecord): Dataset | undefined {
    const { tree } = this.#placement;
    tree.open(event);
    this.hadId = false;
    let dataset: Dataset | undefined;
    for (const name of RESERVED) {
      const node = this.#placement.find(event, name);
      if (node === undefined) continue;
      tree.remove(event, node);
      if (name === ID) this.hadId = true;
      if (name.hash === DATASET.hash) dataset = this.#datasetIn(node, record);
      if (name.hash === DATASET.hash && dataset !== undefined) continue;
      if (node.hasChildren) tree.lossy = true;
      else this.#placement.label(node, name.label, 0, name.label.bytes.length, true);
    }
    return dataset;
  }

  /** The dataset that a sender names, where it is a valid name and there is room for one more. */
  #datasetIn(node: EcsNode, record: SenderRecord): Dataset | undefined {
    if (!node.isString || node.end - node.start > DATASET_BYTES_MAX) return undefined;
    const { source, start, end } = this.#placement.rawText.read(node, record);
    const name = Buffer.from(source.bytes.buffer, source.bytes.byteOffset + start, end - start).toString('latin1');
    const known = this.#datasets.get(name);
    if (known !== undefined) return known;
    if (!DATASET_NAME.test(name) || this.#datasets.size >= DATASETS_MAX) return undefined;
    if (this.#reservesRunner && isRunnerDataset(name)) return undefined;
    const dataset = this.#datasetOf(name);
    this.#datasets.set(name, dataset);
    return dataset;
  }
}

function reserved(text: string) {
  return { ...hashedName(text), label: fragment(`event_${text}`) };
}
