const count = new Intl.NumberFormat('en-US');
const cents = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' });

export function number(value: number): string {
  return count.format(value);
}

/** `$12.34`, and small amounts with as many digits as it takes to see something: `$0.0046`. */
export function money(dollars: number): string {
  if (dollars === 0 || dollars >= 0.1) return cents.format(dollars);
  const digits = Math.min(8, 1 - Math.floor(Math.log10(dollars)));
  return `$${dollars.toFixed(digits).replace(/(\.\d\d+?)0+$/, '$1')}`;
}

/** `8 sec`, `1 min 12 sec`, `1 h 2 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} sec`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} sec` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** `Thinking for 1 min 12 sec (Pro Mode)`. */
export function thinking(seconds: number, pro: boolean): string {
  return `Thinking for ${duration(seconds)}${pro ? ' (Pro Mode)' : ''}`;
}
