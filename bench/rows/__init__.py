"""The groups of rows, in the order in which they are measured. Each module has NEEDS, the Debian packages that it
cannot do without, and measure(bench), which adds its rows to bench.table."""
