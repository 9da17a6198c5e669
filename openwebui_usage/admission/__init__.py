"""Decides whether a call may be made: the gate, its counters in memory and in Redis, and the status of budgets."""
