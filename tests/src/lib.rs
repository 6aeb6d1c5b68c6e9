//! The integration tests live in `it/`, the benchmarks in `benches/`.
