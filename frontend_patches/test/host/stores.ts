/** Stands in for the stores of Open WebUI that our components use, as they are in its versions from 0.6.43 on. */
import { writable, type Writable } from 'svelte/store';

export interface Socket {
  connected: boolean;
  on(event: string, listener: (payload?: unknown) => void): unknown;
}

export const socket: Writable<Socket | null> = writable(null);
export const user: Writable<{ id: string } | null | undefined> = writable(undefined);
