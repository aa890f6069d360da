"""The algorithm, the loop around it, and what lets a run be stopped and resumed."""
