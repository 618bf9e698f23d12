//! Search of FHIR R4 over the index (search.html): candidates from index rows, decision on the entries kept beside each resource.

pub(crate) mod keys;
