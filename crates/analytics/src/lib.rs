//! SQL on FHIR views, warehouse, indicators.
