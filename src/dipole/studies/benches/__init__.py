"""What claims are decided on: data, a tower, a budget and a measure."""

# Raised by one when data or towers change in a way that the code here does not show: all verdicts
# are stale then.
VERSION = 1
