//! HL7 v2 and CDA as values (lossless), their table-driven maps to and from FHIR, MLLP framing. No I/O, no clock.
