const KEY = 'o1-client-token';

/** A link may bring the token, as `?token=…` or `#token=…`. It moves to this tab's session, and out of the address. */
export function takeTokenFromAddress(): void {
  const address = new URL(location.href);
  const fragment = new URLSearchParams(address.hash.slice(1));
  const token = address.searchParams.get('token') ?? fragment.get('token');
  if (token === null) return;
  address.searchParams.delete('token');
  if (fragment.has('token')) address.hash = '';
  history.replaceState(null, '', address.pathname + address.search + address.hash);
  keepToken(token.trim());
}

export function keptToken(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the token lasts as long as the page
  }
}

export function keepToken(token: string | null): void {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}
