//! Every door of the product: one folder a protocol, one file an operation.
