//! Builders, synthetic people and studies, simulated faults: for tests and the demo.
