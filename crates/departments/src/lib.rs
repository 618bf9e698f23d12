//! The departments of a hospital, one folder each, all of one shape.
