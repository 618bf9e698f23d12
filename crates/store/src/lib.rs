//! Durable state behind one interface: change log, versioned resources, search indexes, blobs, audit leaves.
