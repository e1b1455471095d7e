"""What dipole costs beside other libraries: `python -m benchmarks`."""
