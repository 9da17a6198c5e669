/** Short news of what was done, with a way back where there is one. */

export interface Toast {
  id: number;
  text: string;
  level: '' | 'near' | 'full';
  undo?: () => void;
}

/** Milliseconds; those that can be taken back stay longer, and those with which something is wrong stay until closed. */
const PLAIN = 5000;
export const WITH_UNDO = 10_000;

class Toasts {
  list: Toast[] = $state.raw([]);
  #next = 1;

  add(text: string, options: { level?: Toast['level']; undo?: () => void } = {}): number {
    const id = this.#next++;
    const { level = '', undo } = options;
    this.list = [...this.list.slice(-3), { id, text, level, ...(undo && { undo }) }];
    if (level !== 'full') setTimeout(() => this.close(id), undo ? WITH_UNDO : PLAIN);
    return id;
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

/** `toast(t.deleted, { undo: () => create(before) })`. */
export const toast = (text: string, options: { level?: Toast['level']; undo?: () => void } = {}): void =>
  void toasts.add(text, options);
