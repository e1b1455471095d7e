"""What every objective is: its settings, its checks, its name."""
