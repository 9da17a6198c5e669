"""May this call be made? The gate, its counters in memory and in Redis, and how budgets stand."""
